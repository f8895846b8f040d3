"""Tokens and latent to the image: two branches with exchange of channels, fusion, renderer.

See architecture.md 4.4.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .analysis import GAIN_SPREAD, Exchange
from .config import NetworkConfig
from .layers import Conv, Pointwise, Residual, Up, bilinear_weights, edge_padded, leaky
from .linear_path import LinearSynthesis
from .rate import Gain, RateVectors

NOISE_START = 0.02
"""Standard deviation of the noise planes' first weights."""
GRAIN_START = 0.01
"""One deviation of the grain at first, in samples of [-1, 1]: somewhat more than a level of 255."""

Noise = tuple[Tensor, Tensor, Tensor]
"""Planes at 1/4, 1/2 and full size, `[B, 1, h, w]` each."""


class SemanticDecoder(nn.Module):
    """The tokens spread over their windows: `[B, T*D, H/128, W/128]` -> `[B, 2*Cs, H/32, W/32]`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.semantic_width
        self.embed = Conv(config.token_channels, 4 * width)
        self.up_64 = Up(4 * width, 2 * width)
        self.up_32 = Up(2 * width, 2 * width, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        """`tokens [B, T*D, nH, nW]` -> `[B, 2*Cs, 4 nH, 4 nW]`."""
        x = leaky(self.up_64(leaky(self.embed(tokens))))
        return leaky(self.up_32(x))


class Synthesis(nn.Module):
    """Token values, latent and rate map -> image `[B, 3, H, W]`.

    They are `[B, T*D, nH, nW]`, `[B, C, h, w]` and `[B, h, w]`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        semantic, detail, width = (
            config.semantic_width,
            config.detail_width,
            config.bottleneck_width,
        )
        anchors = config.rate_anchors
        self.gain = Gain(anchors, config.latent_channels, -GAIN_SPREAD)
        self.rate = RateVectors(anchors, config.rate_width, std=0.3)
        self.linear = LinearSynthesis(config)
        self.mix = Conv(config.latent_channels + config.rate_width, width)
        self.pointwise = Pointwise(width)
        self.semantic = SemanticDecoder(config)
        self.exchange_32 = Exchange(2 * semantic, width)
        self.semantic_16 = Up(2 * semantic, semantic, 3)
        self.detail_16 = Up(width, detail)
        self.semantic_blocks = nn.ModuleList(
            Residual(semantic) for _ in range(config.semantic_blocks)
        )
        self.detail_blocks = nn.ModuleList(Residual(detail) for _ in range(config.synthesis_blocks))
        self.exchange_16 = Exchange(semantic, detail)
        self.fusion = Conv(semantic + detail, detail)
        self.fusion_blocks = nn.ModuleList(Residual(detail) for _ in range(config.fusion_blocks))
        self.renderer = Renderer(config)

    def forward(self, tokens: Tensor, latent: Tensor, rate: Tensor, noise: Noise) -> Tensor:
        """Token values, latent, rate map and noise -> image in about [0, 1]."""
        return self.draw(tokens, latent, rate, noise)[0]

    def draw(
        self, tokens: Tensor, latent: Tensor, rate: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """As `forward`; and the grain's strength, if any, `[B, 1, H, W]` in samples of [0, 1]."""
        plain = self.gain(latent, rate)
        return self.renderer(self.generative(tokens, plain, rate), self.linear(plain), noise)

    @torch.no_grad()
    def bound_gains(self, most: float) -> None:
        """Give channels with larger gains than `most` another unit; what is drawn stays the same."""
        vectors = self.gain.log_gain.vectors
        excess = (vectors.amax(dim=0) - math.log(most)).clamp(min=0)
        vectors -= excess
        for layer in (self.mix, self.linear.coarse, self.linear.fine):
            layer.weight[:, : len(excess)] *= excess.exp()[:, None, None]

    def generative(self, tokens: Tensor, plain: Tensor, rate: Tensor) -> Tensor:
        """The generative latent `[B, Cd, H/16, W/16]`; `plain`: the latent without its gain."""
        detail = leaky(self.mix(torch.cat([plain, self.rate(rate)], dim=1)))
        detail = self.pointwise(detail)
        semantic, detail = self.exchange_32(self.semantic(tokens), detail)
        semantic, detail = self.semantic_16(leaky(semantic)), self.detail_16(leaky(detail))
        for block in self.semantic_blocks:
            semantic = block(semantic)
        for block in self.detail_blocks:
            detail = block(detail)
        semantic, detail = self.exchange_16(semantic, detail)
        x = self.fusion(leaky(torch.cat([semantic, detail], dim=1)))
        for block in self.fusion_blocks:
            x = block(x)
        return x


class Renderer(nn.Module):
    """Generative latent at /16, base picture at /2, noise -> image `[B, 3, H, W]`, not clamped."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        eighth, quarter, half = config.render_widths
        blocks_8, blocks_4, blocks_2 = config.render_blocks
        self.up_8 = Up(config.detail_width, eighth)
        self.blocks_8 = nn.ModuleList(Residual(eighth) for _ in range(blocks_8))
        self.up_4 = Up(eighth, quarter)
        self.side_4 = Conv(12 + 1, quarter, 3)
        self.blocks_4 = nn.ModuleList(Residual(quarter) for _ in range(blocks_4))
        self.up_2 = Up(quarter, half)
        self.side_2 = Conv(3 + 1, half, 3)
        self.blocks_2 = nn.ModuleList(Residual(half) for _ in range(blocks_2))
        self.out = Conv(half, 12, 3)
        self.grain = Conv(half, 4) if config.grain else None
        self.register_buffer("bilinear", bilinear_weights(3), persistent=False)
        with torch.no_grad():
            if self.grain is not None:
                assert self.grain.bias is not None
                self.grain.weight.zero_()
                self.grain.bias.fill_(GRAIN_START)
            for side in (self.side_4, self.side_2):
                side.weight.zero_()
                side.weight[:, -1].normal_(std=NOISE_START)
            self.out.weight.mul_(0.1)

    def cells(self) -> tuple[int, ...]:
        """Pixels to a side of a sample of the noise planes that it reads, largest first."""
        return (4, 2) if self.grain is None else (4, 2, 1)

    def forward(self, latent: Tensor, base: Tensor, noise: Noise) -> tuple[Tensor, Tensor | None]:
        """`latent` at 1/16, `base [B, 3, H/2, W/2]`, noise -> `[B, 3, H, W]`, strength of grain."""
        x = self.up_8(leaky(latent))
        for block in self.blocks_8:
            x = block(x)
        x = self.up_4(leaky(x))
        x = x + self.side_4(torch.cat([F.pixel_unshuffle(base, 2), noise[0]], dim=1))
        for block in self.blocks_4:
            x = block(x)
        x = self.up_2(leaky(x))
        x = x + self.side_2(torch.cat([base, noise[1]], dim=1))
        for block in self.blocks_2:
            x = block(x)
        return self.finish(leaky(x), base, noise[2])

    def finish(self, x: Tensor, base: Tensor, noise: Tensor) -> tuple[Tensor, Tensor | None]:
        """Last features, enlarged base picture and grain, all in [-1, 1], give samples in [0, 1].

        Photographs have grain. Without noise as fine as it is, a weave is what LPIPS likes best in
        flat places.
        """
        drawn = self.out(x) + edge_padded(base, self.bilinear.to(base.dtype))
        strength = None
        if self.grain is not None:  # the same in all three colours
            folded = self.grain(x)
            drawn = drawn + (folded * F.pixel_unshuffle(noise, 2)).repeat(1, 3, 1, 1)
            strength = F.pixel_shuffle(folded, 2) / 2
        return F.pixel_shuffle(drawn, 2) / 2 + 0.5, strength
