"""Training photographs as one file of raw samples, mapped into memory by all processes of a run.

Decoding 800 megapixels takes a minute and 2.4 GB: with a mapped file it is done once and its pages are shared.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

SAMPLES, INDEX = "samples.u8", "index.json"
RESCALED = 0.5
"""Share of the crops that are drawn from a square of another size than their own."""
SCALES = (0.75, 2.0)
"""Sizes of those squares, in units of the crop: enlarged a little, or reduced."""


@dataclass(frozen=True)
class Photograph:
    """One entry of the pool."""

    name: str
    height: int
    width: int
    offset: int


def build_pool(folder: Path, shards: Sequence[Path]) -> None:
    """Decode all pictures of the tar ``shards`` into ``folder``; does nothing where that is done.

    Raises ``OSError`` when a shard or the folder cannot be read or written.
    """
    if (folder / INDEX).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[Photograph] = []
    offset = 0
    partial = folder / f"{SAMPLES}.{os.getpid()}.partial"
    with partial.open("wb") as out:
        for shard in shards:
            with tarfile.open(shard) as tar:
                for member in tar:
                    file = tar.extractfile(member)
                    if file is None:
                        continue
                    pixels = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))
                    entries.append(Photograph(member.name, *pixels.shape[:2], offset))
                    out.write(pixels.tobytes())
                    offset += pixels.nbytes
    os.replace(partial, folder / SAMPLES)
    index = folder / f"{INDEX}.{os.getpid()}.partial"
    index.write_text(json.dumps([vars(e) for e in entries]))
    os.replace(index, folder / INDEX)


class Pool:
    """The photographs of a folder made by :func:`build_pool`."""

    def __init__(self, folder: Path) -> None:
        self.entries = [Photograph(**e) for e in json.loads((folder / INDEX).read_text())]
        self.samples = np.memmap(folder / SAMPLES, dtype=np.uint8, mode="r")

    def picture(self, entry: Photograph) -> NDArray[np.uint8]:
        """``uint8 [H, W, 3]``, a view of the mapped file."""
        size = entry.height * entry.width * 3
        return self.samples[entry.offset : entry.offset + size].reshape(
            entry.height, entry.width, 3
        )


def people_and_text(tags: Path) -> dict[str, float]:
    """How much more often to draw a photograph, by name: 2.5 times with a face, 2 times with legible text.

    ``tags``: the file tags.csv of the training data. Photographs that it does not name weigh 1.
    """
    weights = {}
    with tags.open(newline="") as file:
        for row in csv.DictReader(file):
            face = int(row["faces"] or 0) > 0 and int(row["largest_face_px"] or 0) >= 32
            text = int(row["text_chars"] or 0) >= 6
            weights[row["name"]] = 1.0 + 1.5 * face + 1.0 * text
    return weights


class Crops:
    """Random square crops, mirrored and rescaled, weighed by photograph."""

    def __init__(
        self, pool: Pool, held_out: set[str], weights: dict[str, float], seed: int
    ) -> None:
        self.pool = pool
        self.entries = [e for e in pool.entries if e.name not in held_out]
        # Large photographs hold more to see: weight goes with the square root of their area.
        share = np.array(
            [weights.get(e.name, 1.0) * (e.height * e.width) ** 0.5 for e in self.entries]
        )
        self.share = np.cumsum(share / share.sum())
        self.generator = np.random.default_rng(seed)

    def one(self, crop: int) -> Tensor:
        """``[3, crop, crop]`` float32 in [0, 1]."""
        rng = self.generator
        chosen = int(np.searchsorted(self.share, rng.random()))
        picture = self.pool.picture(self.entries[min(chosen, len(self.entries) - 1)])
        height, width = picture.shape[:2]
        side = crop
        if rng.random() < RESCALED:
            low, high = (int(crop * s) for s in SCALES)
            side = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        side = min(side, height, width)
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        patch = torch.from_numpy(picture[top : top + side, left : left + side].copy())
        x = patch.permute(2, 0, 1).float() / 255
        if side != crop:
            x = F.interpolate(
                x[None], size=(crop, crop), mode="bicubic", antialias=True, align_corners=False
            )[0].clamp(0, 1)
        return x.flip(2) if rng.random() < 0.5 else x

    def batch(self, size: int, crop: int) -> Tensor:
        """``[size, 3, crop, crop]`` float32 in [0, 1], channels last in memory."""
        crops = torch.stack([self.one(crop) for _ in range(size)])
        return crops.contiguous(memory_format=torch.channels_last)
