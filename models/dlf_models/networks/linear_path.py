"""A linear path beside the detail branch: a small version of the picture, straight to the latent and back.

Deep encoders of high spatial compression forget: probed by linear regression, each stage of a network trained without
this path held less of the picture than the one before, although every stage had room (models/EXPERIMENTS.md). Shortcuts
from space to channels and back repair that (DC-AE, arXiv 2410.10733). Ours goes all the way: one linear map of
32x32-pixel cells into the latent channels, and one from them to a base picture that the renderer starts from.

The base picture has 1/4 or 1/2 of the sides (``linear_scale``). At 1/4 no number of bits gives more than 23.5 dB on
photographs, at 1/2 the end is 27.7 dB; the finer half comes from cells that do not overlap, the coarser from ones that do.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import NetworkConfig
from .rate import RateVectors

COARSE_SCALE = 4
"""The coarser part of the base picture has 1/4 of the sides."""
GAIN_SPREAD = 0.8
BASE_SCALE = 0.02
"""Latents are tens of steps, samples at most 1: with it the weights, and a step of training, have an ordinary size."""


def cell_values(scale: int) -> int:
    """Samples of the small picture in a cell of the latent grid."""
    return 3 * (32 // scale) ** 2


def small_picture(image: Tensor, scale: int) -> Tensor:
    """Image ``[B, 3, H, W]`` in [-1, 1] -> 1/scale of it as ``[B, 3*(16/scale)**2, H/16, W/16]``, no value lost."""
    return F.pixel_unshuffle(F.avg_pool2d(image, scale), 16 // scale)


class LinearAnalysis(nn.Module):
    """The small picture at 1/16 -> a summand of the latent, ``[B, C, H/32, W/32]``, before its gain."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.project = nn.Conv2d(cell_values(config.linear_scale), config.latent_channels, 1)
        self.log_gain = RateVectors(config.rate_anchors, config.latent_channels, spread=GAIN_SPREAD)

    def prepare(self, features: Tensor) -> Tensor:
        return self.project(F.pixel_unshuffle(features, 2))

    def forward(self, prepared: Tensor, rate: Tensor) -> Tensor:
        return prepared * torch.exp(self.log_gain(rate))


class LinearSynthesis(nn.Module):
    """``y_hat [B, C, H/32, W/32]`` -> the base picture ``[B, 3, H/scale, W/scale]``, around 0."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = config.latent_channels
        self.log_gain = RateVectors(config.rate_anchors, channels, spread=-GAIN_SPREAD)
        self.scale = BASE_SCALE
        self.shuffle = nn.PixelShuffle(32 // COARSE_SCALE)
        self.expand = nn.Conv2d(channels, cell_values(COARSE_SCALE), 3, padding=1)
        self.fine = None
        self.fine_shuffle = nn.PixelShuffle(32 // config.linear_scale)
        layers = [self.expand]
        if config.linear_scale < COARSE_SCALE:
            self.fine = nn.Conv2d(channels, cell_values(config.linear_scale), 1)
            layers.append(self.fine)
        self.finer = float(COARSE_SCALE // config.linear_scale)
        for layer in layers:
            nn.init.zeros_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, y_hat: Tensor, rate: Tensor) -> Tensor:
        gained = y_hat * torch.exp(self.log_gain(rate))
        base = self.shuffle(self.expand(gained))
        if self.fine is not None:
            base = F.interpolate(
                base, scale_factor=self.finer, mode="bilinear", align_corners=False
            ) + self.fine_shuffle(self.fine(gained))
        return base * self.scale
