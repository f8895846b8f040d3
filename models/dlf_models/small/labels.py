"""Where people look, for training the importance head: faces and legible text of photographs.

Faces are found by libfacedetection, by the author of OpenCV's YuNet; its weights are inside the
package `yuface`. Text is read by PP-OCRv4, in `rapidocr-onnxruntime` (extra `labels`).
`dlf eval` measures with other detectors, so what it says of faces and words is not circular.
"""

from __future__ import annotations

import csv
import io
import math
import os
import zipfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .pool import Photograph, Pool

CELL = 32
"""Pixels of a picture along a side of a position of the latent grid."""
COVERED = 0.1
"""Share of a cell that a box must cover to mark it; the cell of its centre is always marked."""
FACE_SCORE, FACE_HEIGHT = 0.75, 18
"""What a face must have at least: the detector's score, and pixels of height."""
TEXT_SCORE, TEXT_LETTERS = 0.8, 3
"""What text must have at least: the program's confidence, and letters."""
_KEPT_EVERY = 250  # photographs after which the file is written again

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
Labels = NDArray[np.uint8]  # [2, rows, columns], 0 or 1: faces, text
Finder = Callable[[NDArray[np.uint8]], Iterable[Box]]


class DetectorMissing(Exception):
    """A package of the extra `labels` is missing or cannot be used; the message says which."""


def face_finder() -> Finder:
    """Return what finds faces in `uint8 [H, W, 3]` RGB.

    Raises:
        DetectorMissing: the package is not installed.
    """
    try:
        import yuface
    except ImportError as error:
        raise DetectorMissing(f"faces need the package yuface: {error}") from None

    def find(picture: NDArray[np.uint8]) -> list[Box]:
        scores, boxes, _ = yuface.detect(np.ascontiguousarray(picture[..., ::-1]), conf=FACE_SCORE)
        found = zip(scores, boxes.astype(float), strict=True)
        return [(x, y, x + w, y + h) for _, (x, y, w, h) in found if h >= FACE_HEIGHT]

    return find


def text_finder() -> Finder:
    """Return what finds legible text in `uint8 [H, W, 3]` RGB.

    Raises:
        DetectorMissing: the package is not installed.
    """
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        raise DetectorMissing(f"text needs the package rapidocr-onnxruntime: {error}") from None
    read = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def find(picture: NDArray[np.uint8]) -> list[Box]:
        found, _ = read(np.ascontiguousarray(picture[..., ::-1]))
        boxes = []
        for corners, text, score in found or ():
            letters = sum(character.isalnum() for character in text)
            if float(score) >= TEXT_SCORE and letters >= TEXT_LETTERS:
                x, y = np.asarray(corners, float).T
                boxes.append((x.min(), y.min(), x.max(), y.max()))
        return boxes

    return find


def marked(boxes: Iterable[Box], height: int, width: int) -> NDArray[np.uint8]:
    """`uint8 [ceil(height / 32), ceil(width / 32)]`, 1 in the cells that a box covers."""
    rows, columns = math.ceil(height / CELL), math.ceil(width / CELL)
    cells = np.zeros((rows, columns), np.uint8)
    for left, top, right, bottom in boxes:
        left, right = np.clip((left, right), 0, width)
        top, bottom = np.clip((top, bottom), 0, height)
        if right <= left or bottom <= top:
            continue
        across = _covered(left, right, columns)
        down = _covered(top, bottom, rows)
        cells |= np.outer(down, across) >= COVERED * CELL**2
        middle = int((top + bottom) / 2 // CELL), int((left + right) / 2 // CELL)
        cells[middle] = 1
    return cells


def _covered(start: float, end: float, count: int) -> NDArray[np.float64]:
    """Pixels of each of `count` cells along a side that lie between start and end."""
    edges = np.arange(count + 1) * CELL
    return np.clip(np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1]), 0, None)


def read_tags(tags: Path) -> tuple[set[str], set[str]]:
    """Names of photographs in which PP-OCR looked for text, and of those where it read nothing.

    The file tags.csv tells them.
    """
    with tags.open(newline="") as file:
        read = {row["name"]: row["text_chars"] for row in csv.DictReader(file)}
    return {n for n, c in read.items() if c}, {n for n, c in read.items() if c == "0"}


def label_pool(
    pool: Pool,
    cache: Path,
    entries: Iterable[Photograph] | None = None,
    textless: Collection[str] = (),
) -> dict[str, Labels]:
    """Labels of the photographs of a pool (of `entries`, default all) by name.

    `cache`: an .npz that is read first and written with what is new, now and then also before
    the end. `textless`: names of photographs in which no text need be looked for, which takes
    most of the time.

    Raises:
        DetectorMissing: something must be found, and what finds it is not installed.
        OSError: the cache cannot be written.
    """
    known = _read(cache)
    wanted = list(pool.entries if entries is None else entries)
    missing = [entry for entry in wanted if entry.name not in known]
    if missing:
        find_faces, find_text = face_finder(), text_finder()
        for done, entry in enumerate(missing, 1):
            picture = pool.picture(entry)
            text = [] if entry.name in textless else find_text(picture)
            planes = [marked(b, entry.height, entry.width) for b in (find_faces(picture), text)]
            known[entry.name] = np.stack(planes)
            if done % _KEPT_EVERY == 0:
                _write(cache, known)
        _write(cache, known)
    return {entry.name: known[entry.name] for entry in wanted}


def _read(path: Path) -> dict[str, Labels]:
    """What an earlier run has found; nothing where there is no such file, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (FileNotFoundError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def _write(path: Path, labels: dict[str, Labels]) -> None:
    file = io.BytesIO()
    arrays: dict[str, NDArray[np.uint8]] = dict(labels)
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(file.getvalue())
    os.replace(partial, path)
