"""What a .dlf file says about itself, without a model, NumPy or torch."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dlf import _core, icc, metadata

if TYPE_CHECKING:
    from dlf._core import Header
    from dlf.limits import Limits

__all__ = [
    "MAX_HEADER_BYTES",
    "Buffer",
    "Chunk",
    "ChunkType",
    "Info",
    "as_bytes",
    "check_contents",
    "info",
    "probe",
]

Buffer = bytes | bytearray | memoryview
"""What may hold the content of a file."""

MAX_HEADER_BYTES = _core.MAX_HEADER_BYTES
"""No header is longer: that much of a file is enough for `probe`."""


class ChunkType(enum.IntEnum):
    """The chunk types that version 1 of the format defines (core/BITSTREAM.md §3.3)."""

    ALPHA = 1
    ICC = 2
    EXIF = 3
    XMP = 4


@dataclass(frozen=True)
class Chunk:
    """One chunk, inflated when its content is first asked for.

    Attributes:
        type, critical: its kind (core/BITSTREAM.md §3.1, §3.3).
        stored_bytes: what it takes in the file.
        content_bytes: the length of its content, as the file states it.
        deflated, body: the content as it is in the file.
    """

    type: int
    critical: bool
    stored_bytes: int
    content_bytes: int
    deflated: bool = field(repr=False)
    body: bytes = field(repr=False)

    @functools.cached_property
    def content(self) -> bytes:
        """The content.

        Raises:
            InvalidFile: it is damaged.
        """
        return _core.inflate(self.body, self.content_bytes) if self.deflated else self.body

    @property
    def name(self) -> str:
        """The type's name, or its number for a private or unknown type."""
        return ChunkType(self.type).name.lower() if self.type in _KNOWN_TYPES else str(self.type)


_KNOWN_TYPES = frozenset(ChunkType)


@dataclass(frozen=True)
class Info:
    """The header of a .dlf file, and what follows its payload.

    Attributes:
        width, height: in pixels, before any turning.
        mode: "L", "LA", "RGB" or "RGBA".
        version: of the bitstream.
        model_id: which model decodes it.
        rate: the model's rate point, from 0 (smallest).
        orientation: EXIF orientation 1..8.
        color_space: "srgb" or "display-p3".
        header_bytes, payload_bytes, file_bytes: sizes; the payload's as the header states it.
        has_chunks, has_trailer: whether anything follows the payload.
        importance_map: whether the payload begins with a map of rate points.
        missing_bytes: how many bytes the payload lacks when the file is truncated, else 0.
        chunks: metadata, alpha and private chunks; empty when the file is truncated.
    """

    width: int
    height: int
    mode: str
    version: int
    model_id: int
    rate: int
    orientation: int
    color_space: icc.ColorSpace
    header_bytes: int
    payload_bytes: int
    file_bytes: int
    has_chunks: bool
    has_trailer: bool
    importance_map: bool = False
    missing_bytes: int = 0
    chunks: tuple[Chunk, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in Pillow's order."""
        return self.width, self.height

    @property
    def bpp(self) -> float:
        """Bits of the whole file per pixel."""
        return 8 * self.file_bytes / (self.width * self.height)

    @property
    def exif(self) -> bytes | None:
        """EXIF as Pillow keeps it; synthetic where the file only has an orientation."""
        return metadata.exif_for_reader(self._content(ChunkType.EXIF), self.orientation)

    @property
    def xmp(self) -> bytes | None:
        """The embedded XMP."""
        return self._content(ChunkType.XMP)

    @property
    def icc_profile(self) -> bytes | None:
        """The embedded ICC profile, that of Display P3 where the header says so, else None."""
        embedded = self._content(ChunkType.ICC)
        if embedded is None and self.color_space == "display-p3":
            return icc.display_p3_profile()
        return embedded

    def _content(self, kind: ChunkType) -> bytes | None:
        return next((chunk.content for chunk in self.chunks if chunk.type == kind), None)


def as_bytes(data: Buffer) -> bytes:
    """Return the content of a file as bytes, without a copy where it is bytes already.

    Raises:
        TypeError: `data` is something else, such as the name of a file.
    """
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"pass the content of a .dlf file as bytes, not {type(data).__name__}")


def probe(data: bytes) -> Info:
    """Return what the header alone says; `data` may be the first `MAX_HEADER_BYTES` of a file.

    Raises:
        InvalidFile, TruncatedFile, Unsupported: what is wrong with the header.
    """
    return _info(_core.probe(data), len(data), 0, ())


def info(data: Buffer, *, allow_truncated: bool = False, limits: Limits | None = None) -> Info:
    """Return what a .dlf file says about itself, without decoding it.

    A file that ends inside its payload is described too (`Info.missing_bytes`); with
    `allow_truncated` also one that ends behind it, with the chunks that are whole. Contents of
    chunks are neither inflated nor parsed before they are asked for. Of the limits, those on chunks
    and on the file count.

    Raises:
        InvalidFile, TruncatedFile, Unsupported: what is wrong with the header or the chunks.
        LimitExceeded: the file or its chunks are larger than `limits` allow.
    """
    data = as_bytes(data)
    header = _core.probe(data)
    missing = header["header_bytes"] + header["payload_bytes"] - len(data)
    if missing > 0:
        return _info(header, len(data), missing, ())
    found = _core.chunks(data, allow_truncated=allow_truncated, limits=limits)
    chunks = tuple(Chunk(**chunk) for chunk in found)
    return _info(header, len(data), 0, chunks)


def check_contents(found: Info) -> None:
    """Judge the contents of all chunks, which comes before the model (core/BITSTREAM.md §4.4).

    Raises:
        InvalidFile: one is damaged.
    """
    for chunk in found.chunks:
        _ = chunk.content


def _info(header: Header, file_bytes: int, missing: int, chunks: tuple[Chunk, ...]) -> Info:
    mode = ("L" if header["grayscale"] else "RGB") + ("A" if header["alpha"] else "")
    return Info(
        width=header["width"],
        height=header["height"],
        mode=mode,
        version=header["version"],
        model_id=header["model_id"],
        rate=header["rate"],
        orientation=header["orientation"],
        color_space=header["colour"],
        header_bytes=header["header_bytes"],
        payload_bytes=header["payload_bytes"],
        file_bytes=file_bytes,
        has_chunks=header["has_chunks"],
        has_trailer=header["has_trailer"],
        importance_map=header["has_map"],
        missing_bytes=missing,
        chunks=chunks,
    )
