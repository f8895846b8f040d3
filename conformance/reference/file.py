"""§4: the parts of a file, checked in the order of §4.4 as far as no model is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checksum import crc32c
from .chunks import (
    Chunk,
    check_alpha_presence,
    check_order,
    check_types,
    content_of,
    read_chunks,
)
from .header import Header, read_header
from .reading import Reader
from .status import Refused, Status, require


@dataclass
class File:
    """A file taken apart. When it is truncated, the payload may be short and chunks missing."""

    header: Header
    payload: bytes = b""
    chunks: list[Chunk] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    truncated: bool = False

    @property
    def payload_is_truncated(self) -> bool:
        """Whether bytes of the payload are missing."""
        return len(self.payload) < self.header.payload_length


def read_file(data: bytes, allow_cut: bool = False) -> File:
    """§4.4 without the model; with `allow_cut`, make the best of a file that ends early (§4.5)."""
    file = File(read_header(data))
    try:
        split(data, file)
    except Refused as refused:
        if not (allow_cut and refused.status is Status.TRUNCATED_FILE):
            raise
        file.truncated = True
    check_order(file.chunks)
    check_types(file.chunks)
    file.contents = [content_of(chunk, file.header) for chunk in file.chunks]
    if not file.truncated:
        check_alpha_presence(file.chunks, file.header)
    return file


def split(data: bytes, file: File) -> None:
    """§4.1 to §4.3: payload, chunks and trailer, as many of them as there are."""
    header = file.header
    reader = Reader(data, Status.TRUNCATED_FILE, "§4.1", header.size)
    file.payload = data[header.size : header.size + header.payload_length]
    reader.take(header.payload_length)
    if header.has_chunks:
        read_chunks(reader, file.chunks)
    if header.has_trailer:
        reader.clause = "§4.2"
        computed = crc32c(data[: reader.position])
        stored = reader.unsigned(4)
        require(stored == computed, Status.INVALID_FILE, "§4.2", "the trailer differs")
    require(reader.remaining == 0, Status.INVALID_FILE, "§4.3", "bytes after the end")
