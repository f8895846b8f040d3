"""Writes PNG files with what Python has, so that the reference decoder needs NumPy only."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write u8 [rows][columns][1 to 4]: L, LA, RGB or RGBA."""
    rows, columns, channels = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, COLOUR_TYPES[channels], 0, 0, 0)
    lines = np.zeros((rows, 1 + columns * channels), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = pixels.reshape(rows, -1)
    parts = [("IHDR", header), ("IDAT", zlib.compress(lines.tobytes(), 9)), ("IEND", b"")]
    path.write_bytes(SIGNATURE + b"".join(chunk(name.encode(), body) for name, body in parts))


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
