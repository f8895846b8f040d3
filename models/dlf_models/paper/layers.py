"""Layers that compute in the precision of their input, whatever that of their weights is.

The paper's model has 1.24 G parameters. Kept in fp16 they take 2.5 GB instead of 5. Each layer
widens its own weight for the moment it is used, so no second copy of the model ever exists. With
float32 weights the casts do nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_WIDTH = 64


class Linear(nn.Linear):
    """`[..., in] -> [..., out]`."""

    def forward(self, input: Tensor) -> Tensor:
        """`input [..., in]` -> `[..., out]`, in the type of the input."""
        return F.linear(input, self.weight.to(input.dtype), self.bias)


class Conv2d(nn.Conv2d):
    """`[B, in, H, W] -> [B, out, H', W']` with zero padding."""

    def forward(self, input: Tensor) -> Tensor:
        """`input [B, in, H, W]` -> `[B, out, H', W']`, in the type of the input."""
        return self._conv_forward(input, self.weight.to(input.dtype), self.bias)


class SelfAttention(nn.Module):
    """Multi-head attention inside each sequence, `[N, L, C] -> [N, L, C]`.

    Parameters are named and packed as `torch.nn.MultiheadAttention` packs them.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        """`x [N, L, C]` -> the same shape."""
        n, length, width = x.shape
        packed = F.linear(x, self.in_proj_weight.to(x.dtype), self.in_proj_bias)
        q, k, v = (
            packed.view(n, length, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(y.transpose(1, 2).reshape(n, length, width))


class Mlp(nn.Module):
    """Linear, erf GELU, Linear with four times the width between, `[..., C] -> [..., C]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Linear(width, 4 * width)
        self.c_proj = Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`x [..., C]` -> the same shape."""
        return self.c_proj(F.gelu(self.c_fc(x)))


class TransformerLayer(nn.Module):
    """Pre-norm attention and MLP, both residual, `[N, L, C] -> [N, L, C]`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = SelfAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """`x [N, L, C]` -> the same shape."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class ToLast(nn.Module):
    """`[B, C, H, W] -> [B, H, W, C]` (a view)."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> `[B, H, W, C]`."""
        return x.permute(0, 2, 3, 1)


class ToFirst(nn.Module):
    """`[B, H, W, C] -> [B, C, H, W]` (a view)."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, H, W, C]` -> `[B, C, H, W]`."""
        return x.permute(0, 3, 1, 2)
