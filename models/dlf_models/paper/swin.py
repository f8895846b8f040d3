"""Shifted-window transformer blocks of the detail branch and the fusion.

The windows of 16x16 positions lie on the whole map, so shifted blocks let neighbouring 256 px
windows interact.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import HEAD_WIDTH, Linear, ToFirst, ToLast
from .windows import from_windows, to_windows

SIDE = 16
POSITIONS = SIDE * SIDE


def _edge_mask(rows: bool) -> Tensor:
    """Mask to add for a window at the far edge after the shift.

    Its two halves came from opposite edges of the map.
    """
    index = torch.arange(POSITIONS)
    half = (index // SIDE if rows else index % SIDE) < SIDE // 2
    mask = torch.zeros(POSITIONS, POSITIONS)
    return mask.masked_fill(half[:, None] != half[None, :], float("-inf"))


class WindowAttention(nn.Module):
    """Attention in 16x16 windows, `[B, H, W, C] -> [B, H, W, C]` with H and W multiples of 16.

    `relative`: the position bias is looked up in a 31x31 table by (key - query); otherwise the
    table holds one value per (query, key). Tables and masks are shared by all heads and added to
    the scores. `shifted`: the map is rolled by half a window first, and masks keep apart what the
    roll brought together. The masks are parameters because published checkpoints hold trained
    values in their finite entries.
    """

    def __init__(self, width: int, shifted: bool, relative: bool) -> None:
        super().__init__()
        if width % HEAD_WIDTH:
            raise ValueError(f"width {width} is not a multiple of the head width {HEAD_WIDTH}")
        self.heads = width // HEAD_WIDTH
        self.relative = relative
        self.side = SIDE
        self.positions = POSITIONS
        self.shift = SIDE // 2 if shifted else 0
        if shifted:
            self.upper_lower_mask: nn.Parameter | None = nn.Parameter(_edge_mask(rows=True))
            self.left_right_mask: nn.Parameter | None = nn.Parameter(_edge_mask(rows=False))
        else:
            self.upper_lower_mask = None
            self.left_right_mask = None
        side = 2 * SIDE - 1 if relative else POSITIONS
        self.pos_embedding = nn.Parameter(torch.randn(side, side))
        self.to_qkv = Linear(width, 3 * width, bias=False)
        self.to_out = Linear(width, width)

    def bias(self, rows: int, columns: int) -> Tensor:
        """What is added to the scores, `[256, 256]`.

        `[rows*columns, 1, 256, 256]` where masks differ.
        """
        table: Tensor = self.pos_embedding
        if self.relative:
            # unfold gives [a, b, i, j] = table[a+i, b+j]; a = 15-qy, b = 15-qx: (key - query).
            table = (
                table.unfold(0, self.side, 1)
                .unfold(1, self.side, 1)
                .flip(0, 1)
                .reshape(self.positions, self.positions)
            )
        upper_lower, left_right = self.upper_lower_mask, self.left_right_mask
        if upper_lower is None or left_right is None:
            return table
        grid = table.expand(rows, columns, self.positions, self.positions).clone()
        grid[rows - 1] += upper_lower
        grid[:, columns - 1] += left_right
        return grid.view(rows * columns, 1, self.positions, self.positions)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, H, W, C]`, sides multiples of 16 -> the same shape."""
        b, h, w, width = x.shape
        if self.shift > 0:
            x = torch.roll(x, shifts=(-self.shift, -self.shift), dims=(1, 2))
        x = to_windows(x.permute(0, 3, 1, 2), self.side)
        qkv = self.to_qkv(x).view(-1, self.positions, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mask = self.bias(h // self.side, w // self.side).to(x.dtype)
        if b > 1 and mask.dim() == 4:
            mask = mask.repeat(b, 1, 1, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        y = self.to_out(y.transpose(1, 2).reshape(-1, self.positions, width))
        y = from_windows(y, self.side, h // self.side, w // self.side).permute(0, 2, 3, 1)
        if self.shift > 0:
            y = torch.roll(y, shifts=(self.shift, self.shift), dims=(1, 2))
        return y


class SwinMlp(nn.Module):
    """Linear, erf GELU, Linear with four times the width between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(Linear(width, 4 * width), nn.GELU(), Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, H, W, C]` -> the same shape."""
        return self.net(x)


class SwinBlock(nn.Module):
    """Window attention and MLP, both pre-norm and residual, `[B, H, W, C] -> [B, H, W, C]`."""

    def __init__(self, width: int, shifted: bool, relative: bool) -> None:
        super().__init__()
        self.norm_attn = nn.LayerNorm(width)
        self.attention_block = WindowAttention(width, shifted, relative)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp_block = SwinMlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, H, W, C]`, sides multiples of 16 -> the same shape."""
        x = x + self.attention_block(self.norm_attn(x))
        return x + self.mlp_block(self.norm_mlp(x))


def swin(width: int, count: int, channels_first: bool) -> nn.Sequential:
    """`count` blocks: odd ones shifted; the first with a relative table, others with absolute ones.

    With `channels_first` the stack takes and gives `[B, C, H, W]`; the conversion then is
    element 0, which moves the blocks' indices in the checkpoint keys by one.
    """
    blocks: list[nn.Module] = [
        SwinBlock(width, shifted=i % 2 == 1, relative=i == 0) for i in range(count)
    ]
    return nn.Sequential(ToLast(), *blocks, ToFirst()) if channels_first else nn.Sequential(*blocks)
