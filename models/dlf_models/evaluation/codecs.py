"""What is measured: a codec at a setting, and the interface that every codec offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .pictures import Picture


class CodecUnavailable(Exception):
    """A codec cannot be used here; the message says why and what would help."""


@dataclass(frozen=True, order=True)
class Setting:
    """How one picture is coded.

    Attributes:
        codec: its name.
        quality: on that codec's own scale.
        scale: 1 for the full size, 2 or 4 for coded at half or quarter size and enlarged again.
    """

    codec: str
    scale: int
    quality: int

    def __str__(self) -> str:
        size = "" if self.scale == 1 else f" 1/{self.scale}"
        return f"{self.codec} q{self.quality}{size}"


class PictureCodec(Protocol):
    """One codec in one process."""

    @property
    def identity(self) -> str:
        """Name and versions of everything that shapes its files; cached results carry it."""

    def encode(self, picture: Picture, setting: Setting) -> bytes:
        """The complete file."""

    def decode(self, data: bytes, setting: Setting, height: int, width: int) -> Picture:
        """uint8 [height, width, 3]: what a viewer of the file would see at the original's size."""

    def layers(self, data: bytes) -> dict[str, int]:
        """Bytes of the file by layer; empty where the format has no layers."""
