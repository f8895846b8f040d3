"""Interactive transform: both branches of a window attend to each other.

See docs/architecture.md 4.1, item 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import HEAD_WIDTH, Linear, TransformerLayer
from .windows import from_windows, to_windows


class InteractiveBlock(nn.Module):
    """`titok [N, L, Cs]`, `feat [B, Cd, H, W]` -> the same shapes; one joint sequence per window.

    Position embeddings are added before the joint attention only; both branches get the result as a
    residual on their inputs without positions.
    """

    def __init__(
        self, titok_width: int, feat_width: int, length: int, side: int, layers: int
    ) -> None:
        super().__init__()
        self.length = length
        self.side = side
        self.titok_pos_emb = nn.Parameter(torch.zeros(length, 1, titok_width))
        self.feat_pos_emb = nn.Parameter(torch.zeros(side * side, 1, feat_width))
        self.titok_compress_proj = Linear(titok_width, feat_width)
        self.attn = nn.Sequential(
            *(TransformerLayer(feat_width, feat_width // HEAD_WIDTH) for _ in range(layers))
        )
        self.titok_decompress_proj = nn.Sequential(
            Linear(feat_width, 2 * feat_width), nn.LayerNorm(2 * feat_width)
        )
        self.feat_add = nn.Sequential(nn.LayerNorm(feat_width), Linear(feat_width, feat_width))
        self.zero_add = Linear(2 * feat_width, titok_width)
        nn.init.zeros_(self.zero_add.weight)
        nn.init.zeros_(self.zero_add.bias)

    def forward(self, titok: Tensor, feat: Tensor) -> tuple[Tensor, Tensor]:
        """`titok [N, L, Cs]`, `feat [B, Cd, H, W]` -> the same shapes."""
        rows, columns = feat.shape[2] // self.side, feat.shape[3] // self.side
        joint = torch.cat(
            [
                self.titok_compress_proj(titok + self.titok_pos_emb.squeeze(1)),
                to_windows(feat, self.side) + self.feat_pos_emb.squeeze(1),
            ],
            dim=1,
        )
        joint = self.attn(joint)
        to_titok, to_feat = joint[:, : self.length], joint[:, self.length :]
        feat = feat + from_windows(self.feat_add(to_feat), self.side, rows, columns)
        return titok + self.zero_add(F.silu(self.titok_decompress_proj(to_titok))), feat


class NoExchange(nn.Module):
    """Stands where the two branches pass each other without looking."""

    def forward(self, titok: Tensor, feat: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as they are."""
        return titok, feat
