"""Training photographs as one file of raw samples, mapped into memory by all processes of a run.

Decoding 800 megapixels takes a minute and 2.4 GB: with a mapped file it is done once and its pages
are shared.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..common.data import Cut, cut_out, image_files
from ..common.device_sampler import DeviceSampler

log = logging.getLogger(__name__)
SAMPLES, INDEX = "samples.u8", "index.json"
RESCALED = 0.5
"""Share of the crops that are drawn from a square of another size than their own."""
SCALES = (0.6, 1.6)
"""Sizes of those squares, in units of the crop: half of them are enlarged, half reduced.

The photographs are small, so a crop of one holds more than a crop of a large photograph.
"""
PLAIN = 0.03
"""Share of the crops that are one colour or run from one to another.

Photographs hold few full colours.
"""
GRAINY, GRAIN = 0.6, 2.5 / 255
"""Share of the crops that get grain, and the most of it.

Small and compressed photographs have lost theirs: in their smoothest fiftieth the pool's have a
deviation of 0.4 levels, Kodak's of 1.1 (medians).
"""
COLOURED = 0.5
"""Deviation of what the grain of a colour has for itself, in units of what all three share."""
FULL = 0.3
"""How often a channel of such a colour is at one of its ends."""


@dataclass(frozen=True)
class Photograph:
    """One entry of the pool."""

    name: str
    height: int
    width: int
    offset: int


def build_pool(folder: Path, sources: Sequence[Path]) -> None:
    """Decode all pictures of the `sources` into `folder`; does nothing where that is done.

    A source is what `.training.data.load_images` takes; what does not decode is reported and
    skipped.

    Raises:
        OSError: a source or the folder cannot be read or written.
        ValueError: nothing decodes.
    """
    if (folder / INDEX).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{SAMPLES}.{os.getpid()}.partial"
    try:
        with partial.open("wb") as out:
            entries = _decode_all(sources, out)
        if not entries:
            raise ValueError(f"no image of {', '.join(map(str, sources))} could be read")
        os.replace(partial, folder / SAMPLES)
    finally:
        partial.unlink(missing_ok=True)
    index = folder / f"{INDEX}.{os.getpid()}.partial"
    index.write_text(json.dumps([vars(e) for e in entries]))
    os.replace(index, folder / INDEX)


def _decode_all(sources: Sequence[Path], out: BinaryIO) -> list[Photograph]:
    """Write the samples of all pictures, one after the other; returns where they lie."""
    entries: list[Photograph] = []
    for source in sources:
        for name, data in image_files(source):
            try:
                pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            except (OSError, ValueError, SyntaxError) as error:
                log.warning("skipped %s: %s", name, error)
                continue
            entries.append(Photograph(name, *pixels.shape[:2], out.tell()))
            out.write(pixels.tobytes())
    return entries


class Pool:
    """The photographs of a folder made by `build_pool`."""

    def __init__(self, folder: Path) -> None:
        self.entries = [Photograph(**e) for e in json.loads((folder / INDEX).read_text())]
        # Copy on write: torch takes no read-only arrays, and nothing is written.
        self.samples = np.memmap(folder / SAMPLES, dtype=np.uint8, mode="c")

    def picture(self, entry: Photograph) -> NDArray[np.uint8]:
        """`uint8 [H, W, 3]`, a view of the mapped file."""
        size = entry.height * entry.width * 3
        return self.samples[entry.offset : entry.offset + size].reshape(
            entry.height, entry.width, 3
        )


def people_and_text(tags: Path) -> dict[str, float]:
    """How much more often to draw a photograph, by name: 2.5 times with a face, 2 with text.

    `tags`: the file tags.csv of the training data. Photographs that it does not name weigh 1.
    """
    weights = {}
    with tags.open(newline="") as file:
        for row in csv.DictReader(file):
            face = int(row["faces"] or 0) > 0 and int(row["largest_face_px"] or 0) >= 32
            text = int(row["text_chars"] or 0) >= 6
            weights[row["name"]] = 1.0 + 1.5 * face + 1.0 * text
    return weights


class Crops:
    """Random square crops, mirrored and rescaled, weighed by photograph; cut on the device."""

    def __init__(
        self,
        pool: Pool,
        held_out: set[str],
        weights: dict[str, float],
        seed: int,
        device: str = "cpu",
    ) -> None:
        """`device`: other than "cpu", the samples are copied there once, three bytes a pixel."""
        self.entries = [e for e in pool.entries if e.name not in held_out]
        # Large photographs hold more to see: weight goes with the square root of their area.
        share = np.array(
            [weights.get(e.name, 1.0) * (e.height * e.width) ** 0.5 for e in self.entries]
        )
        self.share = np.cumsum(share / share.sum())
        self.generator = np.random.default_rng(seed)
        pictures = [pool.picture(e) for e in self.entries]
        self.images = [torch.from_numpy(p) for p in pictures] if device == "cpu" else []
        self.sampler = DeviceSampler(pictures, seed, device=device) if device != "cpu" else None

    def draw(self, crop: int) -> Cut:
        """Where the next crop lies."""
        rng = self.generator
        index = min(int(np.searchsorted(self.share, rng.random())), len(self.entries) - 1)
        entry, side = self.entries[index], crop
        if rng.random() < RESCALED:
            low, high = (int(crop * s) for s in SCALES)
            side = int(np.exp(rng.uniform(np.log(low), np.log(high))))
        side = min(side, entry.height, entry.width)
        top = int(rng.integers(entry.height - side + 1))
        left = int(rng.integers(entry.width - side + 1))
        return Cut(index, top, left, side, bool(rng.random() < 0.5))

    def batch(self, size: int, crop: int) -> Tensor:
        """`[size, 3, crop, crop]` float32 in [0, 1], channels last in memory, on the device."""
        cuts = [self.draw(crop) for _ in range(size)]
        if self.sampler is not None:
            crops = self.sampler.cut(cuts, crop)
        else:
            crops = torch.stack([cut_out(self.images, cut, crop) for cut in cuts])
            crops = crops.contiguous(memory_format=torch.channels_last)
        strength = GRAIN * self.generator.random(size) * (self.generator.random(size) < GRAINY)
        crops = with_grain(crops, torch.from_numpy(strength).to(crops))
        for index in np.flatnonzero(self.generator.random(size) < PLAIN):
            crops[index] = plain(crop, self.generator).to(crops.device)
        return crops


def with_grain(crops: Tensor, strength: Tensor) -> Tensor:
    """`crops [B, 3, H, W]` in [0, 1] with noise as a camera's; in [0, 1] again.

    `strength [B]`: deviation of the noise.
    """
    own = torch.randn_like(crops)
    shared = torch.randn_like(crops[:, :1])
    grain = (shared + COLOURED * own) * strength[:, None, None, None]
    return (crops + grain).clamp(0, 1)


def plain(side: int, rng: np.random.Generator) -> Tensor:
    """`[3, side, side]` float32 in [0, 1]: one colour, or a run between two in any direction."""
    ends = rng.random((2, 3))
    ends = np.where(rng.random((2, 3)) < FULL, ends.round(), ends)
    if rng.random() < 0.5:
        ends[1] = ends[0]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.linspace(-0.5, 0.5, side)
    way = np.add.outer(np.sin(angle) * along, np.cos(angle) * along)
    way = (way - way.min()) / (way.max() - way.min())
    picture = ends[0][:, None, None] * (1 - way) + ends[1][:, None, None] * way
    return torch.from_numpy(picture.astype(np.float32))
