"""Layers that the integer machine has instructions for (BITSTREAM.md §8.3).

Feature maps are `[B, C, H, W]`. No norm, no softmax, no attention: what is trained in floats runs
in integers as it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .edge_convolution import EdgePaddedConvolution

LEAKY_SLOPE = 0.125
"""Slope of every leaky ReLU: exact in fixed point."""


def edge_padded(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """3x3 convolution with edge padding, in the type that autocast asks for."""
    if torch.is_autocast_enabled(x.device.type):
        half = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(half), weight.to(half), None if bias is None else bias.to(half)
    return EdgePaddedConvolution.apply(x, weight, bias)


class Conv(nn.Conv2d):
    """Dense 1x1 or 3x3 convolution; outside its grid the input is its nearest sample (§8.3.1).

    With this edge padding a flat picture stays flat up to its border.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1) -> None:
        super().__init__(channels_in, channels_out, kernel)
        nn.init.kaiming_normal_(self.weight, a=LEAKY_SLOPE)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, in, H, W]` -> `[B, out, H, W]`."""
        if self.kernel_size[0] == 1:
            return super().forward(x)
        return edge_padded(x, self.weight, self.bias)


class FoldingConv(Conv):
    """A 1x1 convolution after space to depth by 2 of its input, without the copy in between."""

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, 2H, 2W]` -> `[B, out, H, W]`."""
        weight = self.weight.view(self.out_channels, -1, 2, 2)
        return F.conv2d(x, weight, self.bias, stride=2)


def leaky(x: Tensor) -> Tensor:
    """The one activation."""
    return F.leaky_relu(x, LEAKY_SLOPE)


class Residual(nn.Module):
    """`x + conv(leaky(conv(x)))`, two dense 3x3 convolutions; begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels, 3)
        self.conv2 = Conv(channels, channels, 3)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        return x + self.conv2(leaky(self.conv1(x)))


class Pointwise(nn.Module):
    """`x + conv(leaky(conv(x)))` with 1x1 convolutions and a wider middle."""

    def __init__(self, channels: int, factor: int = 2) -> None:
        super().__init__()
        self.conv1 = Conv(channels, factor * channels)
        self.conv2 = Conv(factor * channels, channels)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        return x + self.conv2(leaky(self.conv1(x)))


class Down(nn.Module):
    """Space to depth by 2, then a convolution: `[B, C, 2H, 2W] -> [B, C', H, W]`."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1) -> None:
        super().__init__()
        make = FoldingConv if kernel == 1 else Conv
        self.conv = make(4 * channels_in, channels_out, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, 2H, 2W]` -> `[B, C', H, W]`."""
        return self.conv(x if self.conv.kernel_size[0] == 1 else F.pixel_unshuffle(x, 2))


class Up(nn.Module):
    """A convolution, then depth to space by 2: `[B, C, H, W] -> [B, C', 2H, 2W]`.

    The four sub-pixel filters begin equal (ICNR): a random start leaves a two-pixel grid in the
    pictures.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1) -> None:
        super().__init__()
        self.conv = Conv(channels_in, 4 * channels_out, kernel)
        with torch.no_grad():
            self.conv.weight.copy_(self.conv.weight[::4].repeat_interleave(4, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> `[B, C', 2H, 2W]`."""
        return F.pixel_shuffle(self.conv(x), 2)


def bilinear_weights(channels: int) -> Tensor:
    """3x3 weights `[4 * channels, channels, 3, 3]` that enlarge bilinearly.

    They do so with `F.pixel_shuffle` by 2. With edge padding this equals
    `F.interpolate(scale_factor=2, mode="bilinear", align_corners=False)`. Multiples of 1/16, so
    that 8-bit weights hold them exactly.
    """
    near = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])
    kernels = torch.stack([torch.outer(near[dy], near[dx]) for dy in (0, 1) for dx in (0, 1)])
    weights = torch.zeros(channels, 4, channels, 3, 3)
    for c in range(channels):
        weights[c, :, c] = kernels
    return weights.flatten(0, 1)
