"""The contact sheet: each picture at one rate, DLF and the classical codecs beside the original."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from dlf.files import write_atomically
from PIL import Image, ImageDraw, ImageFont

from .paths import sheet_path
from .pictures import UnreadablePicture
from .report import setting_label
from .summary import CODEC_LABELS, Mean, chosen_at, codecs_in, metrics_in
from .worker import Worker

_CAPTION = 26
_GAP = 8
_QUALITY = 92  # of the sheet's own JPEG file
_LARGEST_SIDE = 65_500  # that a JPEG file can have


def columns_at(summary: list[Mean], bpp: float) -> tuple[list[Mean], list[str]]:
    """The best setting of each codec at no more than `bpp`, and the codecs that have none.

    Judged by LPIPS where it was measured, else by the first metric there is.
    """
    names = metrics_in(summary)
    judge = "lpips" if "lpips" in names else names[0]
    columns, none = [], []
    for codec in codecs_in(summary):
        mean = chosen_at(summary, bpp, codec, judge)
        if mean is None:
            none.append(CODEC_LABELS[codec])
        else:
            columns.append(mean)
    return columns, none


def write_sheet(
    worker: Worker,
    paths: Sequence[Path],
    summary: list[Mean],
    bpp: float,
    folder: Path,
    width: int | None = None,
) -> list[Path]:
    """Write `sheet_BPP.jpg`, in numbered parts where one file cannot hold all pictures.

    width: of each picture in pixels; None keeps full size. Pictures that cannot be read are left
    out.
    """
    columns, none = columns_at(summary, bpp)
    remark = f"   (above {bpp:g} bpp: {', '.join(none)})" if none else ""
    rows = []
    for path in paths:
        try:
            rows.append(_row(worker, path, remark, columns, width))
        except UnreadablePicture:
            continue
    parts: list[list[Image.Image]] = [[]]
    for row in rows:
        if parts[-1] and sum(r.height for r in parts[-1]) + row.height > _LARGEST_SIDE:
            parts.append([])
        parts[-1].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for index, part in enumerate(part for part in parts if part):
        sheet = Image.new("RGB", (max(r.width for r in part), sum(r.height for r in part)), "white")
        top = 0
        for row in part:
            sheet.paste(row, (0, top))
            top += row.height
        path = sheet_path(folder, bpp, index + 1 if len(parts) > 1 else None)
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
        write_atomically(path, file.getvalue())
        written.append(path)
    return written


def _font(caption: str, width: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest font up to 15 in which the caption fits into `width` pixels, at least 8."""
    for size in range(15, 8, -1):
        font = ImageFont.load_default(size)
        if font.getlength(caption) <= width:
            return font
    return ImageFont.load_default(8)


def _row(
    worker: Worker, path: Path, remark: str, columns: list[Mean], width: int | None
) -> Image.Image:
    """The original and each column's reconstruction side by side, with captions above."""
    picture = worker.read(path)
    height, full = picture.shape[:2]
    scale = 1.0 if width is None else width / full
    size = (max(1, round(full * scale)), max(1, round(height * scale)))
    cells = [(path.stem + remark, picture)]
    for mean in columns:
        codec = worker.codec(mean.setting.codec)
        data = codec.encode(picture, mean.setting)
        bpp = 8 * len(data) / (height * full)
        caption = f"{setting_label(mean)}: {len(data)} bytes, {bpp:.4f} bpp"
        cells.append((caption, codec.decode(data, mean.setting, height, full)))
    row = Image.new(
        "RGB", ((size[0] + _GAP) * len(cells) - _GAP, size[1] + _CAPTION + _GAP), "white"
    )
    draw = ImageDraw.Draw(row)
    for index, (caption, pixels) in enumerate(cells):
        left = index * (size[0] + _GAP)
        draw.text((left + 2, 4), caption, fill="black", font=_font(caption, size[0]))
        image = Image.fromarray(np.ascontiguousarray(pixels))
        if image.size != size:
            image = image.resize(size, Image.Resampling.LANCZOS)
        row.paste(image, (left, _CAPTION))
    return row
