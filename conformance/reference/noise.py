"""§9.9: noise that every decoder shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .network import Tensor

U32 = np.uint32  # arrays of it are computed modulo 2^32


def noise(grid: tuple[int, int], cell: int) -> Tensor:
    """§9.9.1: the noise plane of a cell, [1][rows][columns]."""
    rows, columns = grid
    y, x = np.arange(rows, dtype=U32)[:, None], np.arange(columns, dtype=U32)
    h: NDArray[U32] = x * U32(0x9E3779B1) + y * U32(0x85EBCA77)
    h += np.array(cell * 0xC2B2AE3D % 2**32, U32)
    h ^= h >> U32(15)
    h *= U32(0x2C1B3C6D)
    h ^= h >> U32(12)
    h *= U32(0x297A2D39)
    h ^= h >> U32(15)
    values = np.full(grid, -510, np.int64)
    for shift in (0, 8, 16, 24):
        values += h >> U32(shift) & U32(255)
    return values[None]
