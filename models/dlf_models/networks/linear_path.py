"""A linear path beside the detail branch: the picture at 1/4 of its size, straight to the latent and back.

Deep encoders of high spatial compression forget: probed by linear regression, each stage of a network trained without
this path held less of the picture than the one before, although every stage had room (models/TRAINING.md). Shortcuts
from space to channels and back repair that (DC-AE, arXiv 2410.10733). Ours goes all the way: one linear map of
32x32-pixel cells into the latent channels, and one from them to a base picture that the renderer starts from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import NetworkConfig
from .rate import RateVectors

SCALE = 4
"""The base picture has 1/4 of the sides."""
CELL = 8
"""Its samples in a cell of the latent grid, along one side: 32 / 4."""
CELL_VALUES = 3 * CELL * CELL
FEATURES = 3 * (16 // SCALE) ** 2
"""Channels of the path at 1/16, where it travels beside the detail features."""
GAIN_SPREAD = 0.8
BASE_SCALE = 0.02
"""Latents are tens of steps, samples at most 1: with it the weights, and a step of training, have an ordinary size."""


def small_picture(image: Tensor, scale: int = SCALE, unshuffle: int = 16 // SCALE) -> Tensor:
    """Image ``[B, 3, H, W]`` in [-1, 1] -> its small version as ``[B, FEATURES, H/16, W/16]``, no value lost."""
    return F.pixel_unshuffle(F.avg_pool2d(image, scale), unshuffle)


class LinearAnalysis(nn.Module):
    """``[B, FEATURES, H/16, W/16]`` -> a summand of the latent, ``[B, C, H/32, W/32]``, before its gain."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.project = nn.Conv2d(CELL_VALUES, config.latent_channels, 1)
        self.log_gain = RateVectors(config.rate_anchors, config.latent_channels, spread=GAIN_SPREAD)

    def prepare(self, features: Tensor) -> Tensor:
        return self.project(F.pixel_unshuffle(features, 2))

    def forward(self, prepared: Tensor, rate: Tensor) -> Tensor:
        return prepared * torch.exp(self.log_gain(rate))


class LinearSynthesis(nn.Module):
    """``y_hat [B, C, H/32, W/32]`` -> the base picture ``[B, 3, H/4, W/4]``, around 0."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.log_gain = RateVectors(
            config.rate_anchors, config.latent_channels, spread=-GAIN_SPREAD
        )
        self.scale = BASE_SCALE
        self.shuffle = nn.PixelShuffle(CELL)
        self.expand = nn.Conv2d(config.latent_channels, CELL_VALUES, 3, padding=1)
        nn.init.zeros_(self.expand.weight)
        assert self.expand.bias is not None
        nn.init.zeros_(self.expand.bias)

    def forward(self, y_hat: Tensor, rate: Tensor) -> Tensor:
        return self.shuffle(self.expand(y_hat * torch.exp(self.log_gain(rate)))) * self.scale
