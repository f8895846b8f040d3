"""Layers shared by both branches.

Tensors are float32 (or bf16 under autocast). Feature maps are ``[B, C, H, W]``, token sequences ``[N, L, C]``
with one sequence per window, where ``N = B * nH * nW`` and windows are numbered row by row.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualConv(nn.Module):
    """Two dense 3x3 convolutions with a residual connection, ``[B, C, H, W] -> [B, C, H, W]``.

    Dense convolutions run at two to four times the rate of depthwise + pointwise pairs on a CPU, which is why the
    small profile uses them where the paper has Swin and ConvNeXt blocks. The last convolution starts at zero, so that
    a deep stack begins as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.LeakyReLU(0.1, inplace=True)
        nn.init.zeros_(self.conv2.weight)
        assert self.conv2.bias is not None
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.act(self.conv1(x)))


class PixelShuffleUp(nn.Module):
    """1x1 expansion and depth-to-space by 2, ``[B, C, H, W] -> [B, C', 2H, 2W]``.

    The four sub-pixel filters start equal (ICNR), because a random start leaves a two-pixel grid in the pictures.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels_in, 4 * channels_out, kernel, padding=kernel // 2)
        self.shuffle = nn.PixelShuffle(2)
        with torch.no_grad():
            seed = torch.empty(channels_out, channels_in, kernel, kernel)
            nn.init.kaiming_normal_(seed, a=0.1)
            self.expand.weight.copy_(seed.repeat_interleave(4, dim=0))
            assert self.expand.bias is not None
            self.expand.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.expand(x))


class Attention(nn.Module):
    """Multi-head self-attention inside each sequence, ``[N, L, C] -> [N, L, C]``.

    Written out, because sequences are short (a window): training in bf16 on a CPU it is five times as fast as the
    fused kernel (2.6 ms against 14.5 ms, forward and backward, 16 sequences of 132).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        qkv = self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(qkv[0] * self.scale @ qkv[1].transpose(-1, -2), dim=-1)
        y = weights @ qkv[2]
        return self.out(y.transpose(1, 2).reshape(n, length, width))


class TransformerLayer(nn.Module):
    """Pre-norm attention and MLP, both residual (the ViT layer of the semantic branch)."""

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


def to_windows(x: Tensor, side: int) -> Tensor:
    """``[B, C, H, W] -> [B*nH*nW, side*side, C]``: one sequence of positions per window, row by row."""
    b, c, h, w = x.shape
    x = x.view(b, c, h // side, side, w // side, side)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, c)


def from_windows(x: Tensor, side: int, rows: int, columns: int) -> Tensor:
    """Inverse of :func:`to_windows` for ``rows x columns`` windows: ``[N, side*side, C] -> [B, C, H, W]``."""
    c = x.shape[2]
    x = x.view(-1, rows, columns, side, side, c).permute(0, 5, 1, 3, 2, 4)
    return x.reshape(-1, c, rows * side, columns * side)
