"""Wasserstein distortion: pictures are alike where local statistics of their features are.

It is that of arXiv 2310.03629, computed as in Cool-chic 4.2, from raw features before each pooling.
Their local means and deviations are compared in neighbourhoods. Sigma sets the size of these, and
so how exact a place must be: 1 where every sample counts, 8 on grass and walls.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEVELS = 5
SMALLEST_VARIANCE = 5e-7


def low_pass(side: int, like: Tensor) -> Tensor:
    """[1 2 1]/4 at every second sample, edges repeated, as a matrix `[ceil(side / 2), side]`."""
    middle = torch.arange(0, side, 2, device=like.device)
    matrix = like.new_zeros(len(middle), side)
    row = torch.arange(len(middle), device=like.device)
    for offset, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        column = (middle + offset).clamp(0, side - 1)
        matrix.index_put_((row, column), like.new_tensor(weight), accumulate=True)
    return matrix


def reduce(x: Tensor) -> Tensor:
    """Low-pass both ways and every second sample: `[B, H, W, C] -> [B, ceil(H/2), ceil(W/2), C]`.

    As products of matrices: with convolutions of each channel for itself the distortion takes twice
    as long.
    """
    rows, columns = (low_pass(side, x) for side in x.shape[1:3])
    return columns @ (rows @ x.flatten(2)).unflatten(2, x.shape[2:])


def wasserstein(x: Tensor, y: Tensor, log2_sigma: Tensor) -> Tensor:
    """Feature maps `[B, C, H, W]` twice, log2 of sigma `[B]` in [0, 4] -> distortion `[B]`.

    There is no gradient for `y`. Level i counts `max(0, 1 - |log2 sigma - i|)`; per level: squared
    differences of means and of deviations.
    """
    total = x.new_zeros(x.shape[0])
    mean_x, mean_y = x.movedim(1, -1), y.detach().movedim(1, -1)
    square_x, square_y = mean_x.square(), mean_y.square()
    highest = int(log2_sigma.max().ceil().item())
    for level in range(min(highest, LEVELS - 1) + 1):
        if level > 0:
            if min(mean_x.shape[1:3]) < 2:
                break
            mean_x, mean_y, square_x, square_y = map(reduce, (mean_x, mean_y, square_x, square_y))
        weight = (1 - (log2_sigma - level).abs()).clamp(min=0)
        if weight.max() == 0:
            continue
        term = (mean_x - mean_y).square().mean(dim=(1, 2, 3))
        if level > 0:
            deviation_x = (square_x - mean_x * mean_x).clamp(min=SMALLEST_VARIANCE).sqrt()
            deviation_y = (square_y - mean_y * mean_y).clamp(min=SMALLEST_VARIANCE).sqrt()
            term = term + (deviation_x - deviation_y).square().mean(dim=(1, 2, 3))
        total = total + weight * term
    return total
