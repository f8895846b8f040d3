"""The types of arguments that many functions take, each with one name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Buffer", "Progress", "Refine", "Samples", "StrPath", "Tobytes"]

StrPath = str | os.PathLike[str]
"""The name of a file or a folder."""

Buffer = bytes | bytearray | memoryview
"""What may hold the content of a file."""

Progress = Callable[[int, int], None]
"""Called between parts with how many are done and how many there are."""


class Samples(NamedTuple):
    """A decoded picture without NumPy, whose import takes longer than a small picture."""

    data: bytearray
    """`height * width * channels` bytes: rows from the top, the channels of a pixel together."""
    height: int
    width: int
    channels: int
    """1 gray, 2 gray and alpha, 3 sRGB, 4 sRGB and straight alpha."""


class Tobytes(Protocol):
    """What `PIL.Image.Exif` and `PIL.ImageCms.ImageCmsProfile` share: they become bytes."""

    def tobytes(self) -> bytes:
        """Return the content as bytes."""


class Refine(Protocol):
    """A function that makes a finished file better, as `dlf_models.small.refinement.Refiner` does."""

    def __call__(self, pixels: npt.NDArray[np.uint8], data: bytes, max_bytes: int) -> bytes:
        """Return a file of at most `max_bytes` in place of `data`, or `data`.

        `pixels`: what is stored, height x width x channels as in `Samples`.
        """
