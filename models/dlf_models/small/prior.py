"""Detail prior: an entropy model in four quarters, the twin of the programs of BITSTREAM.md §7.

Each quarter predicts mean and scale of its share of the (channel group, position) pairs from those
already decoded. The first sees the rate vector of each position and the tokens, which are decoded
before: what they say is not paid twice.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..common.prior import (
    LOG2_SCALE_MAX,
    LOG2_SCALE_MIN,
    SKIP_SCALE,
    STEP_MIN,
    gaussian_bits,
    quarter_masks,
    round_straight_through,
)
from .config import STRIDE, NetworkConfig
from .layers import Conv, leaky
from .rate import RateVectors


class DetailPrior(nn.Module):
    """Entropy model and quantiser of the latent."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels, width = config.latent_channels, config.prior_width
        self.channels = channels
        self.context_width = width
        self.cells = config.window // STRIDE
        tokens = config.prior_token_width
        self.rate_vectors = RateVectors(config.rate_anchors, config.rate_width, std=0.3)
        self.token_in = Conv(config.token_channels, 4 * tokens)
        self.token_expand = Conv(4 * tokens, tokens * self.cells**2)
        self.init_in = Conv(config.rate_width + tokens, width)
        self.init_mix = Conv(width, width, 3)
        self.init_out = Conv(width, 3 * channels + width)
        self.adaptors = nn.ModuleList(Conv(channels + width, width) for _ in range(3))
        self.spatial_in = Conv(width, width, 3)
        self.spatial_mix = Conv(width, width, 3)
        self.spatial_out = Conv(width, 2 * channels)
        with torch.no_grad():
            assert self.init_out.bias is not None
            self.init_out.weight.mul_(0.1)
            self.init_out.bias[:channels] = 1.0
            self.spatial_out.weight.mul_(0.1)

    def initial(self, rate: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Program *init*: step, log2 scale, mean and context.

        From the rate map `[B, h, w]` and token values `[B, T*D, nH, nW]`, whose last windows the
        latent grid may leave before their end.
        """
        expanded = F.pixel_shuffle(self.token_expand(leaky(self.token_in(tokens))), self.cells)
        expanded = expanded[:, :, : rate.shape[1], : rate.shape[2]]
        x = leaky(self.init_in(torch.cat([self.rate_vectors(rate), leaky(expanded)], dim=1)))
        x = leaky(self.init_mix(x))
        c = self.channels
        step, scale, mean, context = self.init_out(x).split([c, c, c, self.context_width], dim=1)
        return step.clamp(min=STEP_MIN), scale, mean, context

    def refine(self, index: int, y_hat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Program *quarter index+1*: latent so far, context -> log2 scale, mean, `[B, C, h, w]`."""
        x = leaky(self.adaptors[index](torch.cat([y_hat, context], dim=1)))
        y = leaky(self.spatial_in(x))
        x = x + leaky(self.spatial_mix(y))
        scale, mean = self.spatial_out(x).chunk(2, dim=1)
        return scale, mean

    def forward(
        self, y: Tensor, rate: Tensor, tokens: Tensor, keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`y [B, C, h, w]` -> what `code` gives, with the bits of each position, `[B, h, w]`."""
        latent, bits = self.code(y, rate, tokens, keep)
        return latent, bits.sum(dim=1)

    def code(
        self,
        y: Tensor,
        rate: Tensor,
        tokens: Tensor,
        keep: Tensor | None = None,
        smooth: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """`y [B, C, h, w]` -> dequantised latent, and ideal code lengths of its symbols, in bits.

        `keep [B, h, w]`, 0 or 1: where it is 0 every symbol is 0 and costs nothing, as if the
        detail were not sent. In training the cost sees rounding as uniform noise and the decoder
        sees it straight through. `smooth`, otherwise: lengths are those of what is rounded, which
        have a gradient towards the mean.
        """
        step, log2_scale, mean, context = self.initial(rate, tokens)
        masks = quarter_masks(self.channels, y.shape[2], y.shape[3], y.device)
        target = y / step
        y_hat = torch.zeros_like(y)
        bits = torch.zeros_like(y)
        for index in range(4):
            if index > 0:
                log2_scale, mean = self.refine(index - 1, y_hat, context)
            log2_scale = log2_scale.clamp(LOG2_SCALE_MIN, LOG2_SCALE_MAX)
            residual = target - mean
            symbols = round_straight_through(residual)
            if self.training:
                cost = gaussian_bits(residual + torch.rand_like(residual) - 0.5, log2_scale)
            else:
                coded = log2_scale >= math.log2(SKIP_SCALE)
                symbols = symbols * coded
                cost = gaussian_bits(residual if smooth else symbols, log2_scale) * coded
            if keep is not None:
                symbols, cost = symbols * keep[:, None], cost * keep[:, None]
            y_hat = torch.where(masks[index], symbols + mean, y_hat)
            bits = bits + cost * masks[index]
        return y_hat * step, bits
