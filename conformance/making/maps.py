"""Importance maps to code (§5.6), and the entries of which their codes are made.

Offsets here are integers [h][w] in units of the map; a mask has any real numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conformance.reference.importance import neighbours, predicted

Offsets = NDArray[np.int64]
SCALE_BITS = 2


def entries(offsets: Offsets, scale: int = 0) -> list[int]:
    """§5.6: the entries that code a map, in their order."""
    coded = [scale >> bit & 1 for bit in reversed(range(SCALE_BITS))]
    for y, x in np.ndindex(*offsets.shape):
        left, above, above_left, _ = neighbours(offsets, y, x)
        change = int(offsets[y, x]) - predicted(left, above, above_left)
        if change == 0:
            coded.append(0)
        else:
            coded += [1, int(change < 0), *[1] * (abs(change) - 1), 0]
    return coded


def boxes(grid: tuple[int, int], *rectangles: tuple[int, int, int, int, int]) -> Offsets:
    """Rectangles (x, y, width, height, offset), cut at the grid; 0 elsewhere."""
    offsets = np.zeros(grid, np.int64)
    for x, y, width, height, offset in rectangles:
        offsets[y : y + height, x : x + width] = offset
    return offsets


def smooth(rng: np.random.Generator, grid: tuple[int, int], spread: float) -> NDArray[np.float64]:
    """A mask from -1 to 1: noise under a Gaussian that is `spread` positions wide."""
    mask = rng.normal(size=grid)
    for axis, length in enumerate(grid):
        distance = np.subtract.outer(np.arange(length), np.arange(length)) / spread
        mask = np.moveaxis(np.tensordot(np.exp(-(distance**2) / 2), mask, (1, axis)), 0, axis)
    scaled: NDArray[np.float64] = mask / np.abs(mask).max()
    return scaled


def quantised(mask: NDArray[np.float64], tolerance: float) -> Offsets:
    """Offsets near `mask`: the predicted one where that is no farther away than `tolerance`."""
    offsets = np.zeros(mask.shape, np.int64)
    for y, x in np.ndindex(*mask.shape):
        left, above, above_left, _ = neighbours(offsets, y, x)
        likely = predicted(left, above, above_left)
        near = abs(mask[y, x] - likely) <= tolerance
        offsets[y, x] = likely if near else np.rint(mask[y, x])
    return offsets
