"""The rate in each place: a map on the latent grid, and learned vectors read at its positions.

A rate is a number in [0, 1], 0 for the fewest bits. Vectors are interpolated between a few learned
anchors, so that training may draw rates continuously and the export may place as many rate points
as it likes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RateVectors(nn.Module):
    """Rate map `[B, h, w]` -> `[B, width, h, w]`."""

    def __init__(self, anchors: int, width: int, std: float = 0.0, spread: float = 0.0) -> None:
        """Begins normal with `std` around a line from `-spread` (rate 0) to `spread` (rate 1)."""
        super().__init__()
        line = torch.linspace(-spread, spread, anchors)[:, None]
        self.vectors = nn.Parameter(line + torch.randn(anchors, width) * std)

    def forward(self, rate: Tensor) -> Tensor:
        """`rate [B, h, w]` in [0, 1] -> `[B, width, h, w]`, linear between the anchors."""
        # As a product with the hat functions of the anchors: its gradient is a matrix product too.
        anchors = torch.arange(self.vectors.shape[0], device=rate.device)
        position = rate.clamp(0, 1) * (self.vectors.shape[0] - 1)
        hats = (1 - (position[..., None] - anchors).abs()).clamp(min=0)
        return (hats @ self.vectors).permute(0, 3, 1, 2)


class Gain(nn.Module):
    """A factor per channel and rate: `x * exp(vector(rate))`, element-wise with a table (§8.3)."""

    def __init__(self, anchors: int, width: int, spread: float) -> None:
        super().__init__()
        self.log_gain = RateVectors(anchors, width, spread=spread)

    def forward(self, x: Tensor, rate: Tensor) -> Tensor:
        """`x [B, C, h, w]`, `rate [B, h, w]` in [0, 1] -> `[B, C, h, w]`."""
        return x * torch.exp(self.log_gain(rate))
