"""Parts of a picture for :mod:`.refinement`, which works on one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .config import STRIDE

TILE = 768
"""Pixels to a side of the largest part that is worked on at once: with its halo it takes some
gigabytes."""
WINDOW = 4
"""Positions to a side of a window, `NetworkConfig.window`."""
HALO = WINDOW * STRIDE
"""Pixels around a part that are drawn with it: a window."""
JUDGED_BEYOND = 32
"""Pixels of the halo that the loss sees: the seam."""
FEWEST_JUDGED = 3
"""Positions to a side: MS-SSIM needs so many pixels, be they repeated ones."""


@dataclass
class Part:
    """A part of a picture with what its latents are coded with; all tensors have a batch of one."""

    target: Tensor
    """`[1, 3, H, W]` in [0, 1], of whole windows."""
    rate: Tensor
    """`[1, h, w]` in [0, 1], as the latents on the coded grid, which may end within a window."""
    values: Tensor
    """Of the tokens, `[1, T*D, nH, nW]`."""
    start: Tensor
    """Latents, `[1, C, h, w]`."""
    free: tuple[slice, slice]
    """Rows and columns of latents that may change; the others belong to the halo."""
    allowed: float
    """Bits for their symbols."""

    def judged(self) -> tuple[slice, slice]:
        """Rows and columns of latents whose pixels the loss sees, of the grid of whole windows."""
        beyond = JUDGED_BEYOND // STRIDE

        def span(free: slice, length: int) -> slice:
            first = max(free.start - beyond, 0)
            return slice(first, max(min(free.stop + beyond, length), first + FEWEST_JUDGED))

        rows, columns = self.free
        return span(rows, self.rate.shape[1]), span(columns, self.rate.shape[2])


def windows_of(positions: slice) -> slice:
    """The windows of latent positions, in one direction, the last one whole."""
    return slice(positions.start // WINDOW, -(-positions.stop // WINDOW))


def pixels_of(positions: slice) -> slice:
    """The pixels of latent positions, in one direction."""
    return slice(positions.start * STRIDE, positions.stop * STRIDE)


def whole_picture(pixels: NDArray[np.uint8], window: int) -> Tensor:
    """`[H, W, 3]` -> `[1, 3, H', W']` in [0, 1], edges repeated to whole windows (§5.1.2)."""
    missing = [-side % window for side in pixels.shape[:2]]
    padded = np.pad(pixels, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    tensor = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
    return tensor.contiguous(memory_format=torch.channels_last)


def to_windows(grid: Tensor) -> Tensor:
    """`[..., h, w]` with its last rows and columns repeated to whole windows (§9.1)."""
    missing = [-side % WINDOW for side in grid.shape[-2:]]
    return F.pad(grid, (0, missing[1], 0, missing[0]), mode="replicate")


def tiles(rows: int, columns: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Parts of a latent grid with their halo, and which positions of each may change.

    They begin at windows, so that each has whole tokens; the last ones may end beyond the grid.
    """

    def spans(length: int) -> Iterator[tuple[slice, slice]]:
        side, halo = TILE // STRIDE, HALO // STRIDE
        count = -(-length // side)
        windows = -(-length // halo)
        edges = [round(i * windows / count) * halo for i in range(count + 1)]
        for first, last in pairwise(edges):
            begin, end = max(first - halo, 0), min(last + halo, windows * halo)
            yield slice(begin, end), slice(first - begin, last - begin)

    for above, free_rows in spans(rows):
        for left, free_columns in spans(columns):
            yield (above, left), (free_rows, free_columns)
