"""Fusion of both branches into one generative latent, and its rendering to pixels (architecture.md 4.1 item 6, 4.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import NetworkConfig
from .layers import PixelShuffleUp, ResidualConv
from .rate import RateVectors


class Fusion(nn.Module):
    """``semantic [B, Cs, H/16, W/16]``, ``detail [B, Cd, H/16, W/16]`` -> generative latent ``[B, Cd, H/16, W/16]``.

    With a codebook (the paper's form) the latent is the expectation of ``codebook_size`` entries under a softmax; without
    one, the mixed features themselves. A scale and a bias per rate tell the decoder how much is left to invent.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.detail_width
        self.mix = nn.Conv2d(config.semantic_width + width, width, 1)
        self.rate_scale = RateVectors(config.rate_anchors, width)
        self.rate_bias = RateVectors(config.rate_anchors, width)
        self.blocks = nn.Sequential(*(ResidualConv(width) for _ in range(config.fusion_blocks)))
        self.codebook_size = config.codebook_size
        if config.codebook_size:
            self.logits = nn.Conv2d(width, config.codebook_size, 1)
            self.codebook = nn.Conv2d(config.codebook_size, width, 1, bias=False)
        else:
            self.logits = nn.Identity()
            self.codebook = nn.Identity()

    def forward(self, semantic: Tensor, detail: Tensor, rate: Tensor) -> Tensor:
        x = self.mix(torch.cat([semantic, detail], dim=1))
        x = self.blocks(x * (1 + self.rate_scale(rate)) + self.rate_bias(rate))
        if self.codebook_size:
            x = self.codebook(torch.softmax(self.logits(x), dim=1))
        return x


class Renderer(nn.Module):
    """Generative latent ``[B, Cd, H/16, W/16]`` -> image ``[B, 3, H, W]``, nominally in [0, 1], not clamped.

    Most work is done at 1/16 to 1/4; a thin stage at 1/2 with overlapping kernels keeps the sub-pixel grid out.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.detail_width
        eighth, quarter, half = config.render_widths
        blocks_16, blocks_8, blocks_4 = config.render_blocks
        self.stages = nn.Sequential(
            *(ResidualConv(width) for _ in range(blocks_16)),
            PixelShuffleUp(width, eighth),
            *(ResidualConv(eighth) for _ in range(blocks_8)),
            PixelShuffleUp(eighth, quarter),
            *(ResidualConv(quarter) for _ in range(blocks_4)),
            PixelShuffleUp(quarter, half),
            nn.LeakyReLU(0.1),
            nn.Conv2d(half, half, 3, padding=1),
            nn.LeakyReLU(0.1),
            PixelShuffleUp(half, 3, kernel=3),
        )
        with torch.no_grad():
            last = self.stages[-1].expand
            last.weight.mul_(0.1)
            last.bias.fill_(0.5)
        # The base picture joins where the features have 1/4 of the sides.
        self.base_scale = float(config.linear_scale)
        self.joint = blocks_16 + blocks_8 + 2
        self.base_fold = 4 // config.linear_scale
        self.base_in = None
        if config.linear_path:
            self.base_in = nn.Conv2d(3 * self.base_fold**2, quarter, 3, padding=1)
            nn.init.zeros_(self.base_in.weight)

    def features(self, latent: Tensor, base: Tensor | None, depth: int) -> Tensor:
        """What the first ``depth`` stages make of the latent and the base picture."""
        x = latent
        for index, stage in enumerate(self.stages):
            if index < depth:
                if self.base_in is not None and base is not None and index == self.joint:
                    x = x + self.base_in(F.pixel_unshuffle(base, self.base_fold))
                x = stage(x)
        return x

    def forward(self, latent: Tensor, base: Tensor | None = None) -> Tensor:
        """``base``: a picture at 1/``linear_scale`` of the sides to start from (:mod:`.linear_path`)."""
        x = self.features(latent, base, len(self.stages))
        if base is not None:
            x = x + F.interpolate(
                base, scale_factor=self.base_scale, mode="bilinear", align_corners=False
            )
        return x
