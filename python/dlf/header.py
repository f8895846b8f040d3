"""What a .dlf file says about itself, without a model, NumPy or torch."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dlf import _core, icc, metadata, specification
from dlf.types import Buffer

if TYPE_CHECKING:
    from dlf._core import Header
    from dlf.limits import Limits

__all__ = [
    "MAX_HEADER_BYTES",
    "Chunk",
    "ChunkType",
    "File",
    "Info",
    "check_contents",
    "info",
    "opened",
    "probe",
]

MAX_HEADER_BYTES = _core.MAX_HEADER_BYTES
"""No header is longer: that much of a file is enough for `probe`."""


class ChunkType(enum.IntEnum):
    """The chunk types that version 1 of the format defines (core/BITSTREAM.md §3.3)."""

    ALPHA = specification.CHUNK_ALPHA
    ICC = specification.CHUNK_ICC
    EXIF = specification.CHUNK_EXIF
    XMP = specification.CHUNK_XMP


@dataclass(frozen=True)
class Chunk:
    """One chunk, whose content is inflated when it is first asked for.

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
    _file: File = field(repr=False, compare=False)
    _index: int = field(repr=False, compare=False)

    @property
    def content(self) -> bytes:
        """The content.

        Raises:
            InvalidFile: it is damaged.
        """
        if not self.deflated:
            return self.body
        return self._file.inflated(self._index, self.body, self.content_bytes)

    @property
    def name(self) -> str:
        """The type's name, or its number for a private or unknown type."""
        return ChunkType(self.type).name.lower() if self.type in _KNOWN_TYPES else str(self.type)


_KNOWN_TYPES = frozenset(ChunkType)


class File:
    """A .dlf file in memory: its header is read once, and no content is inflated twice.

    Thread safety: from several threads a content may be inflated more than once.

    Attributes:
        data: the content of the file, or its beginning.
        core: the same for the compiled module, which has read the header.
        header: what it says; sizes in bytes, sides in pixels.
    """

    def __init__(self, data: bytes) -> None:
        """Read the header.

        Raises:
            InvalidFile, TruncatedFile, Unsupported: what is wrong with it.
        """
        self.data = data
        self.core = _core.File(data)
        self.header: Header = self.core.header

    def __len__(self) -> int:
        return len(self.data)

    def chunks(
        self, *, allow_truncated: bool = False, limits: Limits | None = None
    ) -> tuple[Chunk, ...]:
        """Check the container and return its chunks; of the limits, those on chunks and file count.

        Raises:
            InvalidFile, TruncatedFile, Unsupported: what is wrong.
            LimitExceeded: the file or its chunks are larger than `limits` allow.
        """
        found = _core.chunks(self.core, allow_truncated=allow_truncated, limits=limits)
        return tuple(Chunk(**chunk, _file=self, _index=index) for index, chunk in enumerate(found))

    def inflated(self, index: int, body: bytes, content_bytes: int) -> bytes:
        """Return the content of a deflated chunk, which is inflated unless that has been done.

        Decoding after this takes what is inflated here, and this takes what decoding has inflated.

        Raises:
            InvalidFile: it is damaged.
        """
        content = self.core.kept(index)
        if content is None:
            content = _core.inflate(body, content_bytes)
            self.core.keep(index, content)
        return content


@dataclass(frozen=True)
class Info:
    """The header of a .dlf file, and what follows its payload.

    Attributes:
        width, height: in pixels, before any turning.
        display_size: width and height that the picture is to be shown at, before any turning;
            `size` unless it was reduced before it was encoded.
        mode: "L", "LA", "RGB" or "RGBA".
        version: of the bitstream.
        model_id: which model decodes it.
        rate: the model's rate point, from 0 (smallest).
        orientation: EXIF orientation 1..8.
        color_space: "srgb" or "display-p3".
        header_bytes, payload_bytes, file_bytes: sizes; the payload's as the header states it.
        has_chunks, has_trailer: whether anything follows the payload.
        importance_map: whether the rate differs from place to place.
        missing_bytes: how many bytes the payload lacks when the file is truncated, else 0.
        chunks: metadata, alpha and private chunks; empty when the file is truncated.
    """

    width: int
    height: int
    display_size: tuple[int, int]
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
    importance_map: bool
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


def opened(data: Buffer | File) -> File:
    """Return a .dlf file with its header read; one that is open already as it is.

    Raises:
        InvalidFile, TruncatedFile, Unsupported: what is wrong with the header.
        TypeError: `data` is something else, such as the name of a file.
    """
    if isinstance(data, File):
        return data
    if isinstance(data, Buffer):
        return File(bytes(data))  # without a copy where it is bytes already
    raise TypeError(f"pass the content of a .dlf file as bytes, not {type(data).__name__}")


def probe(data: bytes) -> Info:
    """Return what the header alone says; `data` may be the first `MAX_HEADER_BYTES` of a file.

    Raises:
        InvalidFile, TruncatedFile, Unsupported: what is wrong with the header.
    """
    return _info(File(data), 0, ())


def info(
    data: Buffer | File, *, allow_truncated: bool = False, limits: Limits | None = None
) -> Info:
    """Return what a .dlf file says about itself, without decoding it.

    A file that ends inside its payload is described too (`Info.missing_bytes`); with
    `allow_truncated` also one that ends after it, with the chunks that are whole. Contents of
    chunks are neither inflated nor parsed before they are asked for. Of the limits, those on chunks
    and on the file count.

    Raises:
        InvalidFile, TruncatedFile, Unsupported: what is wrong with the header or the chunks.
        LimitExceeded: the file or its chunks are larger than `limits` allow.
    """
    file = opened(data)
    header = file.header
    missing = header["header_bytes"] + header["payload_bytes"] - len(file)
    if missing > 0:
        return _info(file, missing, ())
    return _info(file, 0, file.chunks(allow_truncated=allow_truncated, limits=limits))


def check_contents(found: Info) -> None:
    """Judge the contents of all chunks, which comes before the model (core/BITSTREAM.md §4.4).

    Raises:
        InvalidFile: one is damaged.
    """
    for chunk in found.chunks:
        _ = chunk.content


def _info(file: File, missing: int, chunks: tuple[Chunk, ...]) -> Info:
    header = file.header
    mode = ("L" if header["grayscale"] else "RGB") + ("A" if header["alpha"] else "")
    return Info(
        width=header["width"],
        height=header["height"],
        display_size=(header["display_width"], header["display_height"]),
        mode=mode,
        version=header["version"],
        model_id=header["model_id"],
        rate=header["rate"],
        orientation=header["orientation"],
        color_space=header["color_space"],
        header_bytes=header["header_bytes"],
        payload_bytes=header["payload_bytes"],
        file_bytes=len(file),
        has_chunks=header["has_chunks"],
        has_trailer=header["has_trailer"],
        importance_map=header["has_map"],
        missing_bytes=missing,
        chunks=chunks,
    )
