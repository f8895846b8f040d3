"""Detail bottleneck: features at 1/16 to the latent at 1/32 and back, with gains per rate (architecture.md 4.1 item 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import NetworkConfig
from .layers import PixelShuffleUp
from .linear_path import LinearAnalysis
from .rate import RateVectors

GAIN_SPREAD = 0.8
"""Log gain at the ends of the range: the best step goes with the square root of lambda, 16 / 0.6 by default."""


class DepthConvBlock(nn.Module):
    """Depthwise 3x3 between two 1x1 convolutions, then a gated 1x1 pair, both residual.

    The blocks of the paper's bottleneck (its ``DepthConvBlock4``), at 1/32 of the resolution, where their cost is small
    and their parameter count matters.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, channels, 1)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.conv_out = nn.Conv2d(channels, channels, 1)
        self.ffn_in = nn.Conv2d(channels, 4 * channels, 1)
        self.ffn_out = nn.Conv2d(2 * channels, channels, 1)
        self.act = nn.LeakyReLU(0.01)
        self.wide_act = nn.LeakyReLU(0.1)
        for last in (self.conv_out, self.ffn_out):
            with torch.no_grad():
                last.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.conv_out(self.depthwise(self.act(self.conv_in(x))))
        a, b = self.ffn_in(x).chunk(2, dim=1)
        return x + self.ffn_out(self.wide_act(a) + self.act(b))


class BottleneckEncoder(nn.Module):
    """``features [B, Cd, H/16, W/16]`` -> ``y [B, C, H/32, W/32]``, in two calls split where the rate enters.

    Everything before the gain is independent of the rate, so that a search for a file size runs :meth:`prepare` once.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.bottleneck_width
        self.down = nn.Conv2d(config.detail_width, width, 3, stride=2, padding=1)
        self.before_gain = DepthConvBlock(width)
        self.log_gain = RateVectors(config.rate_anchors, width, spread=GAIN_SPREAD)
        self.after_gain = DepthConvBlock(width)
        self.project = nn.Conv2d(width, config.latent_channels, 1)
        self.detail_width = config.detail_width
        self.width = width
        self.linear = LinearAnalysis(config) if config.linear_path else None

    def prepare(self, features: Tensor) -> Tensor:
        """``[B, Cd, H/16, W/16]``, with the linear path's channels behind it where there is one."""
        prepared = self.before_gain(self.down(features[:, : self.detail_width]))
        if self.linear is not None:
            beside = self.linear.prepare(features[:, self.detail_width :])
            prepared = torch.cat([prepared, beside], dim=1)
        return prepared

    def forward(self, prepared: Tensor, rate: Tensor) -> Tensor:
        gained = prepared[:, : self.width] * torch.exp(self.log_gain(rate))
        y = self.project(self.after_gain(gained))
        if self.linear is not None:
            y = y + self.linear(prepared[:, self.width :], rate)
        return y.float()


class BottleneckDecoder(nn.Module):
    """``y_hat [B, C, H/32, W/32]`` -> features ``[B, Cd, H/16, W/16]``."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.bottleneck_width
        self.project = nn.Conv2d(config.latent_channels, width, 1)
        self.before_gain = DepthConvBlock(width)
        self.log_gain = RateVectors(config.rate_anchors, width, spread=-GAIN_SPREAD)
        self.after_gain = DepthConvBlock(width)
        self.up = PixelShuffleUp(width, config.detail_width)

    def forward(self, y_hat: Tensor, rate: Tensor) -> Tensor:
        x = self.before_gain(self.project(y_hat)) * torch.exp(self.log_gain(rate))
        return self.up(self.after_gain(x))
