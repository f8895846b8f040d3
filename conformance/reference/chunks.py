"""§3: the chunks after the payload."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .deflate import inflate
from .header import Header
from .reading import Reader
from .status import Status, require

ALPHA, ICC, EXIF, XMP = 1, 2, 3, 4
FIRST_PRIVATE = 16
MAXIMUM_CHUNKS = 1024


@dataclass(frozen=True)
class Chunk:
    """One chunk of §3.1: its tag taken apart, and its bytes as they stand in the file."""

    type: int
    deflated: bool
    safe_to_copy: bool
    critical: bool
    stored: bytes


def read_chunks(reader: Reader, chunks: list[Chunk]) -> None:
    """§3.1: read the sequence of chunks at `reader` and put each into `chunks` when it is whole."""
    reader.clause = "§3.1"
    count = reader.varint()
    require(count >= 1, Status.INVALID_FILE, "§3.1", "no chunks, though flagged")
    require(count <= MAXIMUM_CHUNKS, Status.LIMIT_EXCEEDED, "§3.1", f"{count} chunks")
    for _ in range(count):
        tag = reader.varint()
        stored = reader.take(reader.varint())
        chunks.append(Chunk(tag >> 3, bool(tag & 4), bool(tag & 2), bool(tag & 1), stored))


def check_order(chunks: list[Chunk]) -> None:
    """§3.2: types ascend; only private types repeat."""
    for one, other in pairwise(chunks):
        require(one.type <= other.type, Status.INVALID_FILE, "§3.2", "types do not ascend")
        single = one.type < other.type or one.type >= FIRST_PRIVATE
        require(single, Status.INVALID_FILE, "§3.2", f"two chunks of type {one.type}")


def check_types(chunks: list[Chunk]) -> None:
    """§3.3: the critical bit of known types; unknown types may not be critical."""
    for chunk in chunks:
        if ALPHA <= chunk.type <= XMP:
            expected = chunk.type == ALPHA
            right = chunk.critical == expected
            require(right, Status.INVALID_FILE, "§3.3", f"critical bit of type {chunk.type}")
        else:
            known = not chunk.critical
            require(known, Status.UNSUPPORTED, "§3.3", f"critical chunk of type {chunk.type}")


def content_of(chunk: Chunk, header: Header) -> bytes:
    """§3.4: what the chunk holds, inflated where it is deflated; the length of §3.5 comes first."""
    reader = Reader(chunk.stored, Status.INVALID_FILE, "§3.4")
    length = reader.varint() if chunk.deflated else len(chunk.stored)
    if chunk.type == ALPHA:
        expected = 1 + header.width * header.height  # §3.5
        require(length == expected, Status.INVALID_FILE, "§3.5", f"alpha of {length} bytes")
    if not chunk.deflated:
        return chunk.stored
    possible = length <= 1032 * reader.remaining + 1031
    require(possible, Status.INVALID_FILE, "§3.4", "a content length that cannot be true")
    return inflate(reader.take(reader.remaining), length)


def check_alpha_presence(chunks: list[Chunk], header: Header) -> None:
    """§3.5: an alpha chunk exactly when the picture description says so."""
    present = any(chunk.type == ALPHA for chunk in chunks)
    expected = header.alpha == 1
    require(present == expected, Status.INVALID_FILE, "§3.5", "alpha chunk and header disagree")


def alpha_plane(content: bytes, header: Header) -> NDArray[np.uint8]:
    """§3.5.1, §3.5.2: the alpha plane, u8 [height][width]."""
    require(content[0] == 0, Status.UNSUPPORTED, "§3.5.1", f"alpha method {content[0]}")
    filtered = np.frombuffer(content, np.uint8, offset=1).reshape(header.height, header.width)
    return np.cumsum(filtered, axis=0, dtype=np.uint8)  # u8 sums are taken modulo 256
