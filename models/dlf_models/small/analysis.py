"""Image to tokens and latent: stem, two branches with exchange of channels, bottleneck.

See architecture.md 4.4.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import STRIDE, NetworkConfig
from .layers import Conv, Down, Pointwise, Residual, leaky
from .linear_path import LinearAnalysis
from .rate import Gain, RateVectors
from .token_quantiser import FiniteScalarQuantiser

GAIN_SPREAD = 1.2
"""Log gain at the ends of the rates, in the encoder; the prior's learned step does the rest."""


class Exchange(nn.Module):
    """The interaction of the branches: channels of each are added to the other, both ways."""

    def __init__(self, semantic: int, detail: int) -> None:
        super().__init__()
        self.to_detail = Conv(semantic, detail)
        self.to_semantic = Conv(detail, semantic)
        nn.init.zeros_(self.to_detail.weight)
        nn.init.zeros_(self.to_semantic.weight)

    def forward(self, semantic: Tensor, detail: Tensor) -> tuple[Tensor, Tensor]:
        """`semantic [B, Cs, h, w]`, `detail [B, Cd, h, w]` -> the same shapes."""
        return semantic + self.to_semantic(detail), detail + self.to_detail(semantic)


class Features(NamedTuple):
    """What the analysis gives for the latent; neither depends on the rate."""

    deep: Tensor
    """``[B, Cb, H/32, W/32]``: the detail branch."""
    linear: Tensor
    """``[B, C, H/32, W/32]``: the linear path's latent."""


class Analysis(nn.Module):
    """Image `[B, 3, H, W]` in [0, 1], of whole windows -> digits, token values, features.

    Digits (int64) and straight-through values are `[B, T*D, H/128, W/128]`. None of them depends on
    the rate.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.stem_widths
        semantic, detail = config.semantic_width, config.detail_width
        self.stem_half = Conv(12, half, 3)
        self.stem_quarter = Down(half, quarter)
        self.block_quarter = Residual(quarter)
        self.stem_eighth = Down(quarter, eighth)
        self.block_eighth = Residual(eighth)
        self.stem_detail = Down(eighth, detail)
        self.embed = Conv(detail, semantic)
        self.detail = nn.ModuleList(Residual(detail) for _ in range(config.analysis_blocks))
        self.semantic = nn.ModuleList(Residual(semantic) for _ in range(config.semantic_blocks))
        self.exchange_16 = Exchange(semantic, detail)
        self.detail_32 = Down(detail, config.bottleneck_width)
        self.semantic_32 = Down(semantic, 2 * semantic)
        self.exchange_32 = Exchange(2 * semantic, config.bottleneck_width)
        self.semantic_64 = Down(2 * semantic, 2 * semantic, 3)
        self.semantic_128 = Down(2 * semantic, 4 * semantic)
        self.to_digits = Conv(4 * semantic, config.token_channels)
        self.quantiser = FiniteScalarQuantiser(config.token_levels)
        self.linear = LinearAnalysis(config)
        with torch.no_grad():
            # Random filters see little but brightness; most of these begin blind to it.
            edges = self.stem_half.weight[: half * 3 // 4]
            edges -= edges.mean(dim=(1, 2, 3), keepdim=True)

    def deep_layers(self) -> list[nn.Module]:
        """Everything but the linear path."""
        return [m for name, m in self.named_children() if name != "linear"]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`image [B, 3, H, W]` in [0, 1] -> digits, token values, features; shapes as above."""
        before, features = self.encode(image)
        digits, values = self.tokens(before)
        return digits, values, features

    def encode(self, image: Tensor) -> tuple[Tensor, Features]:
        """Image -> what the token quantiser sees, `[B, T*D, H/128, W/128]`, and the features."""
        folded = fold(image)
        semantic, detail = self.branches(folded)
        detail, semantic = self.detail_32(leaky(detail)), self.semantic_32(leaky(semantic))
        semantic, detail = self.exchange_32(semantic, detail)
        return self.pre_tokens(semantic), Features(detail, self.linear(folded))

    def branches(self, folded: Tensor) -> tuple[Tensor, Tensor]:
        """Image in [-1, 1], folded: `[B, 12, H/2, W/2]` -> semantic and detail branch at /16."""
        x = leaky(self.stem_half(folded))
        x = leaky(self.block_quarter(self.stem_quarter(x)))
        x = leaky(self.block_eighth(self.stem_eighth(x)))
        detail = self.stem_detail(x)
        semantic = leaky(self.embed(detail))
        for block in self.semantic:
            semantic = block(semantic)
        first, *rest = self.detail
        detail = first(detail)
        semantic, detail = self.exchange_16(semantic, detail)
        for block in rest:
            detail = block(detail)
        return semantic, detail

    def pre_tokens(self, semantic: Tensor) -> Tensor:
        """Semantic features at /32 -> what the quantiser sees, `[B, T*D, H/128, W/128]`."""
        x = leaky(self.semantic_64(leaky(semantic)))
        return self.to_digits(leaky(self.semantic_128(x)))

    def tokens(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Digits and values of a map of T*D channels."""
        levels = len(self.quantiser.half_width)
        split = x.float().unflatten(1, (-1, levels)).movedim(2, -1)
        digits, values = self.quantiser(split)
        return digits.movedim(-1, 2).flatten(1, 2), values.movedim(-1, 2).flatten(1, 2)


class Bottleneck(nn.Module):
    """Features and rate map `[B, h, w]` -> latent `y [B, C, h, w]`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.bottleneck_width
        self.rate = RateVectors(config.rate_anchors, config.rate_width, std=0.3)
        self.mix = Conv(width + config.rate_width, width)
        self.block = Residual(width)
        self.pointwise = Pointwise(width)
        self.project = Conv(width, config.latent_channels)
        self.gain = Gain(config.rate_anchors, config.latent_channels, GAIN_SPREAD)

    def forward(self, features: Features, rate: Tensor) -> Tensor:
        """`rate [B, h, w]` in [0, 1] -> `y [B, C, h, w]`, float32."""
        return self.gain((self.deep(features.deep, rate) + features.linear).float(), rate)

    def deep(self, features: Tensor, rate: Tensor) -> Tensor:
        """The deep path's share of the latent before the gain; `features [B, Cb, h, w]`."""
        vectors = self.rate(rate).to(features.dtype)
        x = leaky(self.mix(torch.cat([leaky(features), vectors], dim=1)))
        return self.project(self.pointwise(self.block(x)))


def fold(image: Tensor) -> Tensor:
    """`[B, 3, H, W]` in [0, 1] -> `[B, 12, H/2, W/2]` in [-1, 1]."""
    return F.pixel_unshuffle(image * 2 - 1, 2)


def rate_grid(image: Tensor) -> tuple[int, int]:
    """Rows and columns of the latent grid of images `[B, 3, H, W]`."""
    return image.shape[2] // STRIDE, image.shape[3] // STRIDE
