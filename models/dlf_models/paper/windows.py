"""Feature maps and sequences of windows.

Maps are `[B, C, H, W]`, sequences `[N, L, C]`: one for each window, where `N = B * nH * nW` and
windows are numbered row by row.
"""

from __future__ import annotations

from torch import Tensor


def to_windows(x: Tensor, side: int) -> Tensor:
    """`[B, C, H, W] -> [B*nH*nW, side*side, C]`: a sequence of positions per window, row by row."""
    b, c, h, w = x.shape
    x = x.view(b, c, h // side, side, w // side, side)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, c)


def from_windows(x: Tensor, side: int, rows: int, columns: int) -> Tensor:
    """Inverse of `to_windows` for `rows x columns` windows: `[N, side*side, C] -> [B, C, H, W]`."""
    c = x.shape[2]
    x = x.view(-1, rows, columns, side, side, c).permute(0, 5, 1, 3, 2, 4)
    return x.reshape(-1, c, rows * side, columns * side)
