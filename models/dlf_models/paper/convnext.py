"""ConvNeXt block of the detail branch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import Conv2d, Linear


class ConvNextBlock(nn.Module):
    """Depthwise 5x5, LayerNorm and a two-layer MLP, residual, `[B, C, H, W] -> [B, C, H, W]`.

    The published model scales the block's *input* by `layer_scale`, not its output as ConvNeXt
    does.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.ones(1, width, 1, 1))
        self.conv = Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(Linear(width, 2 * width), nn.GELU(), Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        y = self.conv(x * self.layer_scale).permute(0, 2, 3, 1)
        return x + self.mlp(self.norm(y)).permute(0, 3, 1, 2)
