"""Writes .dlf files from their parts (§2 to §4), broken ones too.

This is no encoder: the payload is given.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from conformance.reference.checksum import crc8, crc32c
from conformance.reference.header import SIGNATURE

VERSION_1 = 0x01
TEST_MODEL_ID = 5
"""Annex B: the package `test`, for which files are made that do not depend on the model."""
REDUCTION, MAP, CHUNKS, TRAILER, DESCRIPTION = 0x08, 0x10, 0x20, 0x40, 0x80


def varint(value: int) -> bytes:
    """§1.3."""
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


@dataclass
class Header:
    """The fields of §2. What is None follows from the rest; what is bytes is written as it is."""

    width: int = 1
    height: int = 1
    model_id: int | bytes = TEST_MODEL_ID
    rate: int = 0
    description: int = 0
    flags: int = VERSION_1
    payload_length: int | bytes | None = None
    with_description: bool | None = None
    reduction: int | None = None

    def write(self, payload: bytes, with_chunks: bool, with_trailer: bool) -> bytes:
        """The header with its checksum (§2.4)."""
        flags = self.flags | with_chunks * CHUNKS | with_trailer * TRAILER
        described = self.description != 0 if self.with_description is None else True
        flags |= described * DESCRIPTION
        flags |= (self.reduction is not None) * REDUCTION
        length = len(payload) if self.payload_length is None else self.payload_length
        fields = [self.model_id, self.width - 1, self.height - 1, bytes([self.rate])]
        fields += [bytes([self.description])] * described + [length]
        data = SIGNATURE + bytes([flags])
        data += b"".join(item if isinstance(item, bytes) else varint(item) for item in fields)
        if self.reduction is not None:
            data += bytes([self.reduction])
        return data + bytes([crc8(data)])


@dataclass
class Chunk:
    """A chunk of §3.1 by its content; `stored` replaces the bytes that would follow from it."""

    type: int
    content: bytes = b""
    deflated: bool = False
    safe_to_copy: bool = False
    critical: bool = False
    stored: bytes | None = None

    def write(self) -> bytes:
        """Return tag, length and stored bytes."""
        tag = self.type * 8 + self.deflated * 4 + self.safe_to_copy * 2 + self.critical
        stored = self.stored
        if stored is None:
            stored = deflate(self.content) if self.deflated else self.content
        return varint(tag) + varint(len(stored)) + stored


def deflate(content: bytes, length: int | None = None) -> bytes:
    """§3.4; `length` replaces the true length of the content."""
    return varint(len(content) if length is None else length) + zlib.compress(content, 9)


def alpha_content(plane: list[list[int]], method: int = 0) -> bytes:
    """§3.5: the content of an alpha chunk from rows of alpha values."""
    above = [0] * len(plane[0])
    content = [method]
    for row in plane:
        content += [(a - b) % 256 for a, b in zip(row, above, strict=True)]
        above = row
    return bytes(content)


@dataclass
class File:
    """A file of §4 from its parts; `trailer` None means: as writers do, when there are chunks."""

    header: Header
    payload: bytes
    chunks: list[Chunk] = field(default_factory=list)
    chunk_count: bytes | None = None
    trailer: bool | None = None

    def write(self) -> bytes:
        """Return the whole file."""
        with_chunks = bool(self.chunks) or self.chunk_count is not None
        with_trailer = with_chunks if self.trailer is None else self.trailer
        data = self.header.write(self.payload, with_chunks, with_trailer) + self.payload
        if with_chunks:
            data += varint(len(self.chunks)) if self.chunk_count is None else self.chunk_count
            data += b"".join(chunk.write() for chunk in self.chunks)
        if with_trailer:
            data += crc32c(data).to_bytes(4, "little")
        return data
