"""Interactive transform: the two branches look at each other (paper section 3.2, architecture.md 4.1 item 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Attention, from_windows, to_windows


class InteractiveBlock(nn.Module):
    """Joint attention of one window's semantic sequence and the detail features of the same window.

    ``semantic [N, L, Cs]``, ``detail [B, Cd, H, W]`` -> the same shapes. Both branches receive the result as a
    residual; the semantic side goes through a zero-initialised projection (``zero_add``), so that training starts
    from two independent branches.
    """

    def __init__(
        self, semantic_width: int, detail_width: int, length: int, side: int, heads: int
    ) -> None:
        super().__init__()
        self.side = side
        self.length = length
        self.semantic_in = nn.Linear(semantic_width, detail_width)
        self.position = nn.Parameter(torch.randn(1, length + side * side, detail_width) * 0.02)
        self.norm = nn.LayerNorm(detail_width)
        self.attn = Attention(detail_width, heads)
        self.detail_add = nn.Sequential(
            nn.LayerNorm(detail_width), nn.Linear(detail_width, detail_width)
        )
        self.semantic_out = nn.Sequential(
            nn.Linear(detail_width, semantic_width), nn.LayerNorm(semantic_width)
        )
        self.zero_add = nn.Linear(semantic_width, semantic_width)
        nn.init.zeros_(self.zero_add.weight)
        nn.init.zeros_(self.zero_add.bias)

    def forward(self, semantic: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = detail.shape[2] // self.side, detail.shape[3] // self.side
        joint = torch.cat([self.semantic_in(semantic), to_windows(detail, self.side)], dim=1)
        joint = joint + self.position
        joint = joint + self.attn(self.norm(joint))
        to_semantic, to_detail = joint[:, : self.length], joint[:, self.length :]
        semantic = semantic + self.zero_add(F.silu(self.semantic_out(to_semantic)))
        return semantic, detail + from_windows(self.detail_add(to_detail), self.side, rows, columns)


class NoInteraction(nn.Module):
    """Stands where two layers follow each other without an interactive block."""

    def forward(self, semantic: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        return semantic, detail
