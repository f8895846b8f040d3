"""Fusion of the two branches into a distribution over the VQGAN codebook.

See architecture.md 4.1 item 6.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .layers import Linear, ToLast
from .swin import swin


class PriorFusion(nn.Module):
    """Semantic map `[B, Cs, h, w]` and detail map `[B, Cd, h, w]` -> logits `[B, codes, h, w]`."""

    def __init__(self, titok_width: int, feat_width: int, width: int, codes: int) -> None:
        super().__init__()
        self.titok_in = nn.Sequential(ToLast(), swin(titok_width, 2, channels_first=False))
        self.feat_in = nn.Sequential(ToLast(), swin(feat_width, 2, channels_first=False))
        self.merge = nn.Sequential(
            Linear(titok_width + feat_width, 2 * titok_width),
            nn.LayerNorm(2 * titok_width),
            nn.SiLU(),
            Linear(2 * titok_width, width),
            swin(width, 4, channels_first=False),
        )
        self.ffn = nn.Sequential(
            nn.LayerNorm(width), Linear(width, 2 * width), nn.Tanh(), Linear(2 * width, codes)
        )

    def forward(self, titok: Tensor, feat: Tensor) -> Tensor:
        """`titok [B, Cs, h, w]`, `feat [B, Cd, h, w]` -> logits `[B, codes, h, w]`."""
        merged = self.merge(torch.cat([self.titok_in(titok), self.feat_in(feat)], dim=3))
        return self.ffn(merged).permute(0, 3, 1, 2)
