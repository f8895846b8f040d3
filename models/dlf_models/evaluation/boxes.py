"""Boxes in pictures, and which of one set lie where those of another do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""[N, 4]: left, top, right, bottom, in pixels."""

SAME_PLACE = 0.5
"""Two boxes lie at the same place when their common area is this share of their joint area."""


def overlap(first: Boxes, second: Boxes) -> npt.NDArray[np.float64]:
    """[N, M]: common area over joint area of each pair; 0 where a box has no area."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    opposite = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(opposite - corner, 0, None).prod(axis=2)
    joint = _area(first)[:, None] + _area(second)[None] - common
    shares: npt.NDArray[np.float64] = np.zeros_like(common)
    np.divide(common, joint, out=shares, where=joint > 0)
    return shares


def _area(boxes: Boxes) -> npt.NDArray[np.float64]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1))


def pairs(
    sought: Boxes, found: Boxes, alike: npt.NDArray[np.bool_] | None = None
) -> list[tuple[int, int]]:
    """Indices of boxes at the same place, the best pair first; each box is used once at most.

    alike: [N, M], False for pairs that must not be made.
    """
    shares = overlap(sought, found)
    if alike is not None:
        shares = np.where(alike, shares, 0.0)
    result: list[tuple[int, int]] = []
    while shares.size and shares.max() >= SAME_PLACE:
        row, column = np.unravel_index(int(shares.argmax()), shares.shape)
        result.append((int(row), int(column)))
        shares[row, :] = 0.0
        shares[:, column] = 0.0
    return result
