"""What `make demo` runs: photographs go through .dlf files at three rates, and you see the result.

    python scripts/demo.py [PHOTO...] [--output demo]

The first photograph is always the portrait of the astronaut Eileen Collins that scikit-image
carries (NASA, public domain). For each photograph and rate the output folder gets the .dlf file and
the PNG decoded from it by plain `Image.open`. For each photograph it gets a sheet. That shows the
original, DLF, and DLF with its bits where people look (where the model can find that). It also
shows the best that WebP or AVIF make of the same number of bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dlf_pillow
import numpy as np
from dlf_models.evaluation.codecs import CodecUnavailable
from dlf_models.evaluation.metrics import psnr
from dlf_models.evaluation.peers import PEERS, Peer
from dlf_models.evaluation.same_bytes import best_within
from PIL import Image, ImageDraw, ImageFont, ImageOps

QUALITIES = (25, 48, 80)
PEER_NAMES = ("avif", "webp")
CELL_SIDE = 768  # larger photographs are shrunk in the sheet, never in the files
LABEL_HEIGHT = 30
GAP = 8


@dataclass(frozen=True)
class Version:
    """One compressed version of a photograph: what the sheet shows of it."""

    label: str
    image: Image.Image
    size: int
    psnr: float

    def caption(self, original: Image.Image) -> str:
        bpp = 8 * self.size / (original.width * original.height)
        return f"{self.label}: {self.size} bytes, {bpp:.3f} bpp, {self.psnr:.1f} dB"


def main() -> int:
    """Code every photograph and write everything to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("photos", nargs="*", type=Path, help="further photographs")
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the results")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    warm_up()
    for name, original in photographs(arguments.photos):
        print(f"{name}, {original.width}x{original.height}")
        rows = [
            (
                ours,
                looked_at(name, original, arguments.output, ours),
                best_peer(original, ours.size),
            )
            for ours in dlf_versions(name, original, arguments.output)
        ]
        path = arguments.output / f"{name}.png"
        sheet(original, rows).save(path)
        print(f"  side by side: {path}")
    return 0


def photographs(further: list[Path]) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and RGB image of the photographs to show."""
    from skimage.data import astronaut

    yield "astronaut", Image.fromarray(astronaut())
    for path in further:
        with Image.open(path) as image:
            yield path.stem, ImageOps.exif_transpose(image).convert("RGB")


def warm_up() -> None:
    """Load the networks, so that the seconds printed are those of coding."""
    start = time.perf_counter()
    dlf_pillow.save(Image.new("RGB", (64, 64)), "/dev/null")
    print(f"model loaded in {time.perf_counter() - start:.2f} s")


def dlf_versions(name: str, original: Image.Image, folder: Path) -> Iterator[Version]:
    """Encode at the three qualities, reopen with `Image.open`, print and keep the results."""
    for quality in QUALITIES:
        path = folder / f"{name}-q{quality}.dlf"
        start = time.perf_counter()
        original.save(path, quality=quality)
        encoded = time.perf_counter()
        with Image.open(path) as file:
            decoded = file.convert("RGB")
        seconds = (encoded - start, time.perf_counter() - encoded)
        decoded.save(path.with_suffix(".png"))
        size = path.stat().st_size
        version = Version(f"DLF q{quality}", decoded, size, quality_db(original, decoded))
        print(
            f"  {version.caption(original)}, encode {seconds[0]:.2f} s, decode {seconds[1]:.2f} s"
        )
        yield version


def looked_at(name: str, original: Image.Image, folder: Path, plain: Version) -> Version | None:
    """Encode with `importance="auto"` in at most the bytes of `plain`; None if the model cannot."""
    path = folder / f"{name}-{plain.size}-looked-at.dlf"
    try:
        original.save(path, max_bytes=plain.size, importance="auto")
    except ValueError as error:
        print(f"  not shown: {error}", file=sys.stderr)
        return None
    with Image.open(path) as file:
        decoded = file.convert("RGB")
    decoded.save(path.with_suffix(".png"))
    size = path.stat().st_size
    return Version("DLF, auto", decoded, size, quality_db(original, decoded))


def best_peer(original: Image.Image, limit: int) -> Version | None:
    """Return the best picture, by PSNR, that AVIF or WebP make of at most `limit` bytes.

    Each is tried at full, half and quarter size. None when no file is that small.
    """
    pixels = np.asarray(original)
    best: Version | None = None
    for name in PEER_NAMES:
        try:
            peer = Peer(name)
        except CodecUnavailable as error:
            print(f"  not compared: {error}", file=sys.stderr)
            continue
        found = best_within(peer, name, pixels, limit, lambda decoded: psnr(pixels, decoded))
        if found is None:
            continue
        value = psnr(pixels, found.decoded)
        if best is None or value > best.psnr:
            scale = found.setting.scale
            label = PEERS[name].label + ("" if scale == 1 else f" at 1/{scale} size")
            best = Version(label, Image.fromarray(found.decoded), len(found.data), value)
    return best


def quality_db(original: Image.Image, decoded: Image.Image) -> float:
    """Return the PSNR in dB."""
    return psnr(np.asarray(original), np.asarray(decoded))


def sheet(
    original: Image.Image, rows: list[tuple[Version, Version | None, Version | None]]
) -> Image.Image:
    """Lay out one row per rate: the original, DLF without and with importance, WebP or AVIF."""
    cell = ImageOps.contain(original, (CELL_SIDE, CELL_SIDE)).size
    if max(original.size) <= CELL_SIDE:
        cell = original.size
    with_auto = any(auto is not None for _, auto, _ in rows)
    columns = 4 if with_auto else 3
    width = columns * (cell[0] + GAP) + GAP
    height = len(rows) * (cell[1] + LABEL_HEIGHT + GAP) + GAP
    result = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(result)
    font = ImageFont.load_default(size=15)
    raw = (
        f"original: {original.width}x{original.height}, "
        f"{3 * original.width * original.height} bytes"
    )
    for row, (ours, auto, peer) in enumerate(rows):
        cells = [(raw, original), (ours.caption(original), ours.image)]
        if with_auto:
            cells.append((auto.caption(original), auto.image) if auto else ("", None))
        if peer is None:
            cells.append((f"WebP, AVIF: no file of at most {ours.size} bytes", None))
        else:
            cells.append((peer.caption(original), peer.image))
        top = GAP + row * (cell[1] + LABEL_HEIGHT + GAP)
        for column, (label, image) in enumerate(cells):
            left = GAP + column * (cell[0] + GAP)
            draw.text((left, top + 6), label, fill="black", font=font)
            if image is not None:
                shown = image if image.size == cell else image.resize(cell)
                result.paste(shown, (left, top + LABEL_HEIGHT))
    return result


if __name__ == "__main__":
    sys.exit(main())
