"""Do faces survive better with the bits where people look? A table for the model card.

    python scripts/faces_kept.py PICTURES... [--model FILE] [--lpips FILE] [--json FILE]

Each picture goes into files of at most the same number of bytes: by DLF without importance, with
`auto`, with boxes that another detector drew, and by the classical codecs. These may reduce the
picture to a half or a quarter. The size at which most faces are found again is taken, which favours
them. Faces are found again by CenterFace; boxes come from libfacedetection (extra `labels`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import dlf
import numpy as np
import torch
from dlf.progress import ProgressBar
from dlf_models.evaluation.faces import FaceFinder, Faces, compare
from dlf_models.evaluation.lpips import LPIPS
from dlf_models.evaluation.peers import Peer
from dlf_models.evaluation.pictures import Picture
from dlf_models.evaluation.same_bytes import best_within
from dlf_models.small.labels import face_finder
from PIL import Image

RATES = (0.015, 0.03, 0.065)
"""Bits per pixel."""
PEERS = ("avif", "webp", "jxl")
AROUND = 0.25
"""A box is enlarged by so much of its side on each side before LPIPS looks at what is left."""


class Sums:
    """What is added up over pictures for one way of coding at one rate."""

    def __init__(self) -> None:
        self.found = self.pictures = self.size = self.pixels = 0
        self.landmarks: list[float] = []
        self.outside: list[float] = []
        self.seconds = 0.0

    def row(self) -> dict[str, float]:
        """Means; NaN where there is nothing to take a mean of."""
        return {
            "bpp": 8 * self.size / self.pixels if self.pixels else float("nan"),
            "found": self.found,
            "landmarks": float(np.mean(self.landmarks)) if self.landmarks else float("nan"),
            "outside": float(np.mean(self.outside)) if self.outside else float("nan"),
            "seconds": self.seconds / self.pictures if self.pictures else float("nan"),
            "pictures": self.pictures,
        }


class Judge:
    """Compares decoded pictures with their originals."""

    def __init__(self, lpips: Path) -> None:
        self.finder, self.lpips = FaceFinder(), LPIPS(lpips)

    def faces(self, picture: Picture) -> Faces:
        return self.finder.find(picture).worth_seeking()

    def found(self, faces: Faces, decoded: Picture) -> dict[str, float]:
        return compare(faces, self.finder.find(decoded))

    def counter(self, faces: Faces) -> Callable[[Picture], float]:
        """How many of these faces a decoded picture still has."""
        return lambda decoded: self.found(faces, decoded)["faces_found"]

    def outside(self, picture: Picture, faces: Faces, decoded: Picture) -> float:
        """LPIPS where no face is: those of the original are put into the decoded picture."""
        patched = decoded.copy()
        for left, top, right, bottom in faces.boxes:
            dx, dy = AROUND * (right - left), AROUND * (bottom - top)
            rows = slice(max(0, int(top - dy)), int(bottom + dy) + 1)
            columns = slice(max(0, int(left - dx)), int(right + dx) + 1)
            patched[rows, columns] = picture[rows, columns]
        with torch.no_grad():
            return float(self.lpips(_tensor(patched), _tensor(picture)))


def _tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def files(
    codec: dlf.Codec, picture: Picture, limit: int, boxes: list[tuple[int, int, int, int]]
) -> dict[str, tuple[bytes, float]]:
    """DLF's files of at most `limit` bytes by name, with the seconds that each took; none where none fits."""
    ways: dict[str, object] = {"DLF": None, "DLF, auto": "auto", "DLF, boxes": boxes or None}
    made = {}
    for name, importance in ways.items():
        start = time.process_time()
        try:
            data = codec.encode(picture, max_bytes=limit, importance=importance)  # type: ignore[arg-type]
        except dlf.TooFewBytes:
            continue
        made[name] = (data, time.process_time() - start)
    return made


def add(sums: Sums, judge: Judge, picture: Picture, faces: Faces, decoded: Picture) -> None:
    """Count one decoded picture."""
    again = judge.found(faces, decoded)
    sums.found += int(again["faces_found"])
    if again["faces_found"]:
        sums.landmarks.append(again["landmarks"])
    sums.outside.append(judge.outside(picture, faces, decoded))
    sums.pictures += 1
    sums.pixels += picture.shape[0] * picture.shape[1]


def measure(
    paths: list[Path], model: str | None, lpips: Path
) -> tuple[int, int, dict[str, dict[str, Sums]]]:
    """Pictures with faces, faces in them, and the sums by rate and way of coding."""
    codec = dlf.Codec(model) if model else dlf.Codec()
    judge, draw_boxes = Judge(lpips), face_finder()
    table: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
    peers = {name: Peer(name) for name in PEERS}
    pictures = count = 0
    bar = ProgressBar("measuring", "pictures")
    for done, path in enumerate(paths):
        bar.show(done, len(paths))
        with Image.open(path) as file:
            picture = np.asarray(file.convert("RGB"))
        faces = judge.faces(picture)
        if not len(faces.boxes):
            continue
        pictures, count = pictures + 1, count + len(faces.boxes)
        boxes = [_inside(box, picture) for box in draw_boxes(picture)]
        for rate in RATES:
            rows, limit = table[str(rate)], int(rate * picture.shape[0] * picture.shape[1] / 8)
            for name, (data, seconds) in files(codec, picture, limit, boxes).items():
                rows[name].seconds += seconds
                rows[name].size += len(data)
                add(rows[name], judge, picture, faces, np.asarray(codec.decode(data)))
            for name, peer in peers.items():
                best = best_within(peer, name, picture, limit, judge.counter(faces))
                if best is not None:
                    rows[name].size += len(best.data)
                    add(rows[name], judge, picture, faces, best.decoded)
    return pictures, count, table


def _inside(box: tuple[float, ...], picture: Picture) -> tuple[int, int, int, int]:
    """Left, top, width, height of a box, cut to the picture."""
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(picture.shape[1], int(box[2])), min(picture.shape[0], int(box[3]))
    return left, top, max(1, right - left), max(1, bottom - top)


def main() -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", help="package; default: the installed one")
    parser.add_argument("--lpips", type=Path, default=Path("../shared/lpips/lpips_squeeze.npz"))
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(p for given in arguments.pictures for p in _expanded(given))
    pictures, count, table = measure(paths, arguments.model, arguments.lpips)
    rows = {rate: {n: s.row() for n, s in ways.items()} for rate, ways in table.items()}
    print(f"{count} faces in {pictures} pictures\n")
    print(
        "| at most, bpp | way | bpp | files | faces | landmark error | LPIPS outside | encode, s |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for rate, ways in rows.items():
        for name, row in ways.items():
            print(
                f"| {rate} | {name} | {row['bpp']:.4f} | {row['pictures']} | {row['found']} "
                f"| {row['landmarks']:.3f} | {row['outside']:.3f} | {row['seconds']:.3f} |"
            )
    if arguments.json:
        found = {"faces": count, "pictures": pictures, "rates": rows}
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


def _expanded(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


if __name__ == "__main__":
    sys.exit(main())
