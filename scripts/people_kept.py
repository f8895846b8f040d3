"""Do faces and words survive, also with the bits where people look? Tables for the model card.

    python scripts/people_kept.py faces|words PICTURES... [--rates BPP...] [--refine STEPS]
        [--model FILE] [--lpips FILE] [--json FILE]

Each picture goes into files of at most the same number of bytes: by DLF without importance, with
`auto`, with boxes that another detector drew, and by the classical codecs. These may reduce the
picture to a half or a quarter. The size at which most is found again is taken, which favours them.
With --refine DLF's files are made a second time, refined.
Faces are found again by CenterFace, words are read again by Tesseract. Boxes come from the
detectors of training's labels (extra `labels`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import torch
from dlf.progress import ProgressBar
from dlf_models.evaluation import faces, words
from dlf_models.evaluation.lpips import LPIPS
from dlf_models.evaluation.peers import Peer
from dlf_models.evaluation.pictures import Picture
from dlf_models.evaluation.same_bytes import best_within
from dlf_models.small.labels import Finder, face_finder, text_finder
from dlf_models.small.refinement import Refiner
from PIL import Image

RATES = (0.015, 0.03, 0.065, 0.12)
"""Bits per pixel."""
PEERS = ("avif", "webp", "jxl")
AROUND = 0.25
"""A box is enlarged by so much of its side on each side before LPIPS looks at what is left."""


@dataclass(frozen=True)
class Subject:
    """What is looked for. `seek` gives things with boxes; `compare` counts those found again."""

    seek: Callable[[Picture], Any]
    again: Callable[[Picture], Any]
    compare: Callable[[Any, Any], dict[str, float]]
    count: str
    draw: Finder


def subject(name: str) -> Subject:
    """Faces or words, by name."""
    if name == "faces":
        find = faces.FaceFinder().find
        return Subject(
            lambda picture: find(picture).worth_seeking(),
            find,
            faces.compare,
            "faces_found",
            face_finder(),
        )
    read = words.WordReader().read
    return Subject(read, read, words.compare, "words_found", text_finder())


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

    def __init__(self, looked_for: Subject, lpips: Path) -> None:
        self.subject, self.lpips = looked_for, LPIPS(lpips)

    def found(self, things: Any, decoded: Picture) -> dict[str, float]:
        return self.subject.compare(things, self.subject.again(decoded))

    def counter(self, things: Any) -> Callable[[Picture], float]:
        """How many of these things a decoded picture still has."""
        return lambda decoded: self.found(things, decoded)[self.subject.count]

    def outside(self, picture: Picture, things: Any, decoded: Picture) -> float:
        """LPIPS where nothing is: things of the original are put into the decoded picture."""
        patched = decoded.copy()
        for left, top, right, bottom in things.boxes:
            dx, dy = AROUND * (right - left), AROUND * (bottom - top)
            rows = slice(max(0, int(top - dy)), int(bottom + dy) + 1)
            columns = slice(max(0, int(left - dx)), int(right + dx) + 1)
            patched[rows, columns] = picture[rows, columns]
        with torch.no_grad():
            return float(self.lpips(_tensor(patched), _tensor(picture)))


def _tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def files(
    codec: dlf.Codec,
    refiner: Refiner | None,
    picture: Picture,
    limit: int,
    boxes: list[tuple[int, int, int, int]],
) -> dict[str, tuple[bytes, float]]:
    """DLF's files of at most `limit` bytes by name, with each one's seconds; none if none fits."""
    ways: dict[str, object] = {"DLF": None, "DLF, auto": "auto", "DLF, boxes": boxes or None}
    kinds: dict[str, Refiner | None] = {"": None}
    if refiner is not None:
        kinds[", refined"] = refiner
    made = {}
    for (way, importance), (kind, refine) in product(ways.items(), kinds.items()):
        start = time.process_time()
        try:
            data = codec.encode(picture, max_bytes=limit, importance=importance, refine=refine)
        except dlf.TooFewBytes:
            continue
        made[way + kind] = (data, time.process_time() - start)
    return made


def add(sums: Sums, judge: Judge, picture: Picture, things: Any, decoded: Picture) -> None:
    """Count one decoded picture."""
    again = judge.found(things, decoded)
    sums.found += int(again[judge.subject.count])
    if again.get("faces_found"):
        sums.landmarks.append(again["landmarks"])
    sums.outside.append(judge.outside(picture, things, decoded))
    sums.pictures += 1
    sums.pixels += picture.shape[0] * picture.shape[1]


def measure(
    judge: Judge,
    paths: list[Path],
    rates: Sequence[float],
    codec: dlf.Codec,
    refiner: Refiner | None,
) -> tuple[int, int, dict[str, dict[str, Sums]]]:
    """Pictures with what is looked for, how many things, and the sums by rate and way of coding."""
    table: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
    peers = {name: Peer(name) for name in PEERS}
    pictures = count = 0
    bar = ProgressBar("measuring", "pictures")
    for done, path in enumerate(paths):
        bar.show(done, len(paths))
        with Image.open(path) as file:
            picture = np.asarray(file.convert("RGB"))
        things = judge.subject.seek(picture)
        if not len(things.boxes):
            continue
        pictures, count = pictures + 1, count + len(things.boxes)
        boxes = [_inside(box, picture) for box in judge.subject.draw(picture)]
        for rate in rates:
            rows, limit = table[str(rate)], int(rate * picture.shape[0] * picture.shape[1] / 8)
            for name, (data, seconds) in files(codec, refiner, picture, limit, boxes).items():
                rows[name].seconds += seconds
                rows[name].size += len(data)
                add(rows[name], judge, picture, things, np.asarray(codec.decode(data)))
            for name, peer in peers.items():
                best = best_within(peer, name, picture, limit, judge.counter(things))
                if best is not None:
                    rows[name].size += len(best.data)
                    add(rows[name], judge, picture, things, best.decoded)
    return pictures, count, table


def _inside(box: tuple[float, ...], picture: Picture) -> tuple[int, int, int, int]:
    """Left, top, width, height of a box, cut to the picture."""
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(picture.shape[1], int(box[2])), min(picture.shape[0], int(box[3]))
    return left, top, max(1, right - left), max(1, bottom - top)


def main() -> int:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("subject", choices=("faces", "words"))
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", help="package; default: the installed one")
    parser.add_argument("--lpips", type=Path, default=Path("../shared/lpips/lpips_squeeze.npz"))
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, metavar="BPP")
    parser.add_argument("--refine", type=int, metavar="STEPS", help="see dlf encode")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted(p for given in arguments.pictures for p in _expanded(given))
    judge = Judge(subject(arguments.subject), arguments.lpips)
    codec = dlf.Codec(arguments.model) if arguments.model else dlf.Codec()
    refiner = None
    if arguments.refine:
        refiner = Refiner(arguments.model, arguments.refine, arguments.lpips)
    pictures, count, table = measure(judge, paths, arguments.rates, codec, refiner)
    rows = {rate: {n: s.row() for n, s in ways.items()} for rate, ways in table.items()}
    print(f"{count} {arguments.subject} in {pictures} pictures\n")
    print(
        "| at most, bpp | way | bpp | files | found | landmark error | LPIPS outside | encode, s |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for rate, ways in rows.items():
        for name, row in ways.items():
            print(
                f"| {rate} | {name} | {row['bpp']:.4f} | {row['pictures']} | {row['found']} "
                f"| {row['landmarks']:.3f} | {row['outside']:.3f} | {row['seconds']:.3f} |"
            )
    if arguments.json:
        found = {arguments.subject: count, "pictures": pictures, "rates": rows}
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


def _expanded(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


if __name__ == "__main__":
    sys.exit(main())
