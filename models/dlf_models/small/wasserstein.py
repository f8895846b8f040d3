"""Wasserstein distortion: pictures are alike where local statistics of their features are (arXiv 2310.03629).

As Cool-chic 4.2 computes it: raw features before each pooling, of which local means and deviations are compared in
neighbourhoods whose size sigma says how exact a place must be: 1 where every sample counts, 8 on grass and walls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 5
SMALLEST_VARIANCE = 5e-7


def reduce(x: Tensor) -> Tensor:
    """Low-pass [1 2 1]/4 in both directions and every second sample: ``[B, C, H, W] -> [B, C, ceil(H/2), ceil(W/2)]``."""
    taps = x.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 3, 3)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernel, stride=2, groups=x.shape[1])


def wasserstein(x: Tensor, y: Tensor, log2_sigma: Tensor) -> Tensor:
    """Feature maps ``[B, C, H, W]`` twice, log2 of sigma ``[B]`` in [0, 4] -> distortion ``[B]``.

    Level i counts ``max(0, 1 - |log2 sigma - i|)``; per level: squared differences of means and of deviations.
    """
    total = x.new_zeros(x.shape[0])
    mean_x, mean_y, square_x, square_y = x, y, x * x, y * y
    highest = int(log2_sigma.max().ceil().item())
    for level in range(min(highest, LEVELS - 1) + 1):
        if level > 0:
            if min(mean_x.shape[2:]) < 2:
                break
            stacked = reduce(torch.cat([mean_x, mean_y, square_x, square_y], dim=0))
            mean_x, mean_y, square_x, square_y = stacked.chunk(4)
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
