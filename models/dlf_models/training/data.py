"""Training photographs: decoded once, kept as uint8, cropped at random.

Sources: tar shards, a folder, or a text file with one path a line. Images that do not decode are reported and skipped.
"""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

log = logging.getLogger(__name__)
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".ppm"}


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of all images of a source, in a stable order."""
    if source.suffix == ".tar":
        with tarfile.open(source) as tar:
            for member in tar:
                extracted = tar.extractfile(member) if member.isfile() else None
                if extracted is not None and Path(member.name).suffix.lower() in SUFFIXES:
                    yield member.name, extracted.read()
    elif source.is_dir():
        for path in sorted(source.iterdir()):
            if path.suffix == ".tar":
                yield from _files(path)
            elif path.suffix.lower() in SUFFIXES:
                yield str(path), path.read_bytes()
    else:
        for line in source.read_text(encoding="utf-8").splitlines():
            name = line.strip()
            if not name:
                continue
            try:
                yield name, Path(name).read_bytes()
            except OSError as error:
                log.warning("skipped %s: %s", name, error)


def load_images(source: str | Path, smallest: int) -> list[NDArray[np.uint8]]:
    """Decode every image of a source to ``uint8 [H, W, 3]``.

    Images with a side under ``smallest`` pixels are enlarged to it. Raises ``FileNotFoundError`` for a missing source
    and ``ValueError`` when nothing in it decodes.
    """
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(f"training data: {source} does not exist")
    images = []
    for name, data in _files(source):
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            log.warning("skipped %s: %s", name, error)
            continue
        if min(image.size) < smallest:
            factor = smallest / min(image.size)
            size = tuple(max(smallest, round(side * factor)) for side in image.size)
            image = image.resize((size[0], size[1]), Image.Resampling.BICUBIC)
        images.append(np.array(image))
    if not images:
        raise ValueError(f"training data: no image of {source} could be read")
    return images


class CropSampler:
    """Draws batches of random crops, flipped and rescaled, from images in memory."""

    def __init__(self, images: list[NDArray[np.uint8]], seed: int) -> None:
        self.images = [torch.from_numpy(image) for image in images]
        self.generator = np.random.default_rng(seed)

    def batch(self, size: int, crop: int) -> Tensor:
        """``[size, 3, crop, crop]`` float32 in [0, 1], channels last in memory."""
        return torch.stack([self._one(crop) for _ in range(size)]).contiguous(
            memory_format=torch.channels_last
        )

    def _one(self, crop: int) -> Tensor:
        rng = self.generator
        image = self.images[int(rng.integers(len(self.images)))]
        height, width, _ = image.shape
        largest = min(height, width, int(crop * 1.6))
        side = (
            crop
            if rng.random() < 0.5
            else int(rng.integers(min(int(crop * 0.8), largest), largest + 1))
        )
        side = min(side, largest)
        top = int(rng.integers(height - side + 1))
        left = int(rng.integers(width - side + 1))
        patch = image[top : top + side, left : left + side].permute(2, 0, 1).float() / 255
        if side != crop:
            patch = F.interpolate(
                patch[None], size=(crop, crop), mode="bicubic", antialias=True, align_corners=False
            )[0].clamp(0, 1)
        return patch.flip(2) if rng.random() < 0.5 else patch
