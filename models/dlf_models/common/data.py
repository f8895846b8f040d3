"""Training photographs: decoded once, kept as uint8, cropped at random.

Sources: tar shards, a folder, or a text file with one path a line. Images that do not decode are
reported and skipped.
"""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

log = logging.getLogger(__name__)
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".ppm"}


def files_read(source: Path) -> list[Path]:
    """The files that `image_files` reads."""
    if source.is_dir():
        return [p for p in source.iterdir() if p.suffix.lower() in {*SUFFIXES, ".tar"}]
    if source.suffix == ".tar" or not source.is_file():
        return [source]
    return [source, *map(Path, _listed(source))]


def _listed(source: Path) -> list[str]:
    """The paths in a list.

    Raises:
        ValueError: a file that is no list.
    """
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{source}: no folder, tar shard or list of paths") from None
    return [name for line in lines if (name := line.strip())]


def image_files(source: Path) -> Iterator[tuple[str, bytes]]:
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
                yield from image_files(path)
            elif path.suffix.lower() in SUFFIXES:
                yield str(path), path.read_bytes()
    else:
        for name in _listed(source):
            try:
                yield name, Path(name).read_bytes()
            except OSError as error:
                log.warning("skipped %s: %s", name, error)


def at_least(image: Image.Image, smallest: int) -> NDArray[np.uint8]:
    """`uint8 [H, W, 3]`, enlarged where a side is under `smallest` pixels."""
    if min(image.size) < smallest:
        factor = smallest / min(image.size)
        size = tuple(max(smallest, round(side * factor)) for side in image.size)
        image = image.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return np.array(image)


def load_images(source: str | Path, smallest: int) -> list[NDArray[np.uint8]]:
    """Decode every image of a source to `uint8 [H, W, 3]`.

    Images with a side under `smallest` pixels are enlarged to it.

    Raises:
        FileNotFoundError: the source is missing.
        ValueError: nothing in it decodes.
    """
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(f"training data: {source} does not exist")
    images = []
    for name, data in image_files(source):
        try:
            image = Image.open(io.BytesIO(data)).convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            log.warning("skipped %s: %s", name, error)
            continue
        images.append(at_least(image, smallest))
    if not images:
        raise ValueError(f"training data: no image of {source} could be read")
    return images


@dataclass(frozen=True)
class Cut:
    """One random crop: a square of `side` pixels of one image, mirrored or not."""

    image: int
    top: int
    left: int
    side: int
    mirrored: bool


class CropPlan:
    """Draws random crops. What it draws depends on the generator and the images' sizes only."""

    def __init__(self, sizes: Sequence[tuple[int, int]], seed: int, rescale: float) -> None:
        """`sizes`: height, width of every image; `rescale`: probability of another scale than 1."""
        self.sizes = list(sizes)
        self.rescale = rescale
        self.generator = np.random.default_rng(seed)

    def draw(self, crop: int) -> Cut:
        """A square between 0.8 and 1.6 times `crop`, half of the time by default `crop` itself."""
        rng = self.generator
        index = int(rng.integers(len(self.sizes)))
        height, width = self.sizes[index]
        largest = min(height, width, int(crop * 1.6))
        side = (
            crop
            if rng.random() < 1 - self.rescale
            else int(rng.integers(min(int(crop * 0.8), largest), largest + 1))
        )
        side = min(side, largest)
        top = int(rng.integers(height - side + 1))
        left = int(rng.integers(width - side + 1))
        return Cut(index, top, left, side, bool(rng.random() < 0.5))


class CropSampler(CropPlan):
    """Draws batches of random crops, flipped and rescaled, from images in main memory."""

    def __init__(self, images: list[NDArray[np.uint8]], seed: int, rescale: float = 0.5) -> None:
        super().__init__([(i.shape[0], i.shape[1]) for i in images], seed, rescale)
        self.images = [torch.from_numpy(image) for image in images]

    def batch(self, size: int, crop: int) -> Tensor:
        """`[size, 3, crop, crop]` float32 in [0, 1], channels last in memory."""
        crops = [cut_out(self.images, self.draw(crop), crop) for _ in range(size)]
        return torch.stack(crops).contiguous(memory_format=torch.channels_last)


def cut_out(images: list[Tensor], cut: Cut, crop: int) -> Tensor:
    """`[3, crop, crop]` float32 in [0, 1] of images `uint8 [H, W, 3]`."""
    image = images[cut.image]
    patch = image[cut.top : cut.top + cut.side, cut.left : cut.left + cut.side]
    patch = patch.permute(2, 0, 1).float() / 255
    if cut.side != crop:
        patch = F.interpolate(
            patch[None], size=(crop, crop), mode="bicubic", antialias=True, align_corners=False
        )[0].clamp(0, 1)
    return patch.flip(2) if cut.mirrored else patch


def centre_crops(images: list[NDArray[np.uint8]], crop: int) -> Tensor:
    """Middles of images, `[N, 3, crop, crop]` float32 in [0, 1]; smaller images are enlarged."""
    crops = []
    for pixels in images:
        image = torch.from_numpy(at_least(Image.fromarray(pixels), crop))
        top, left = (image.shape[0] - crop) // 2, (image.shape[1] - crop) // 2
        crops.append(image[top : top + crop, left : left + crop].permute(2, 0, 1).float() / 255)
    return torch.stack(crops)
