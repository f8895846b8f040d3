"""Rate points: one model, many rates, by vectors interpolated between a few learned anchors (architecture.md 4.1 item 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RateVectors(nn.Module):
    """``anchors`` learned vectors of ``width`` components; any rate in between is their linear interpolation.

    Training draws the rate continuously, so that the export can place as many rate points as it likes.
    """

    def __init__(self, anchors: int, width: int, std: float = 0.0, spread: float = 0.0) -> None:
        """Start from normal deviates of ``std`` around a line from ``-spread`` (rate 0) to ``spread`` (rate 1)."""
        super().__init__()
        line = torch.linspace(-spread, spread, anchors)[:, None]
        self.vectors = nn.Parameter(line + torch.randn(anchors, width) * std)

    def forward(self, rate: Tensor) -> Tensor:
        """Rate ``[B]`` in [0, 1] (0 = fewest bits) -> ``[B, width, 1, 1]``."""
        position = rate.clamp(0, 1) * (self.vectors.shape[0] - 1)
        low = position.floor().clamp(max=self.vectors.shape[0] - 2).long()
        fraction = (position - low).unsqueeze(1)
        vector = torch.lerp(self.vectors[low], self.vectors[low + 1], fraction)
        return vector[:, :, None, None]
