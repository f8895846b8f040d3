"""The types of arguments that many functions take, each with one name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["Buffer", "Progress", "Samples", "StrPath", "Tobytes"]

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
