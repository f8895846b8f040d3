"""Detail prior: a four-step quadtree entropy model (architecture.md 4.1 item 5), the float twin of the integer programs.

Each step predicts the mean and the scale of a quarter of the (channel group, position) pairs from those already
decoded. Step 0 sees the rate vector and the window's tokens (which are decoded first and are exact integers), where the
paper has only a learned vector: what the semantic branch has said need not be paid for again.

Only convolutions, leaky ReLU, additions, concatenation and depth-to-space occur here, because the export turns this
module into integer programs (BITSTREAM.md, annex on the integer network) instruction by instruction.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import NetworkConfig
from .quantise import round_straight_through
from .rate import RateVectors

LEAKY_SLOPE = 0.125
"""Slope of every leaky ReLU of the prior: exact in fixed point."""
LOG2_SCALE_MIN, LOG2_SCALE_MAX = -4.0, 6.0
SKIP_SCALE = 0.12
"""Symbols whose scale is below this are not coded (architecture.md 4.1 item 5)."""
STEP_MIN = 0.5
"""Smallest quantisation step (architecture.md 4.1 item 5)."""
QUADTREE_XOR = (0, 3, 2, 1)
"""Step s codes, at a position of parity p, channel group ``p ^ QUADTREE_XOR[s]``."""


def quadtree_masks(channels: int, height: int, width: int, device: torch.device) -> Tensor:
    """Boolean ``[4, channels, height, width]``: which elements each step codes; they partition the latent."""
    rows = torch.arange(height, device=device) % 2
    columns = torch.arange(width, device=device) % 2
    parity = rows[:, None] * 2 + columns[None, :]
    group = torch.arange(channels, device=device) // (channels // 4)
    masks = [(parity ^ x)[None] == group[:, None, None] for x in QUADTREE_XOR]
    return torch.stack(masks)


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Ideal code length in bits of ``residual`` (integers, or integers plus uniform noise) under N(0, scale)."""
    inverse = torch.exp2(-log2_scale)
    magnitude = residual.abs()
    upper = 0.5 * torch.erfc((magnitude - 0.5) * inverse * math.sqrt(0.5))
    lower = 0.5 * torch.erfc((magnitude + 0.5) * inverse * math.sqrt(0.5))
    return -torch.log2((upper - lower).clamp(min=1e-9))


class DetailPrior(nn.Module):
    """Entropy model and quantiser of the detail latent."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels, width = config.latent_channels, config.prior_width
        self.channels = channels
        self.context_width = width
        self.cells = config.window // 32
        digits = config.tokens_per_window * len(config.token_levels)
        self.rate_vectors = RateVectors(config.rate_anchors, config.prior_rate_width, std=0.1)
        self.token_expand = nn.Conv2d(digits, config.prior_token_width * self.cells**2, 1)
        self.init_in = nn.Conv2d(config.prior_rate_width + config.prior_token_width, width, 1)
        self.init_mix = nn.Conv2d(width, width, 3, padding=1)
        self.init_out = nn.Conv2d(width, 3 * channels + width, 1)
        self.adaptors = nn.ModuleList(nn.Conv2d(channels + width, width, 1) for _ in range(3))
        self.spatial_in = nn.Conv2d(width, width, 3, padding=1)
        self.spatial_mix = nn.Conv2d(width, width, 3, padding=1)
        self.spatial_out = nn.Conv2d(width, 2 * channels, 1)
        with torch.no_grad():
            assert self.init_out.bias is not None
            self.init_out.weight.mul_(0.1)
            self.init_out.bias.zero_()
            self.init_out.bias[:channels] = 1.0

    def initial(self, rate: Tensor, token_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Program *init*: rate ``[B]``, token values ``[B, T*D, nH, nW]`` -> step, log2 scale, mean, context."""
        tokens = F.leaky_relu(
            F.pixel_shuffle(self.token_expand(token_values), self.cells), LEAKY_SLOPE
        )
        vector = self.rate_vectors(rate).expand(-1, -1, tokens.shape[2], tokens.shape[3])
        x = F.leaky_relu(self.init_in(torch.cat([vector, tokens], dim=1)), LEAKY_SLOPE)
        x = F.leaky_relu(self.init_mix(x), LEAKY_SLOPE)
        c = self.channels
        step, scale, mean, context = self.init_out(x).split([c, c, c, self.context_width], dim=1)
        return step.clamp(min=STEP_MIN), scale, mean, context

    def refine(self, index: int, y_hat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Program *step index+1*: latent so far and context -> log2 scale, mean, both ``[B, C, h, w]``."""
        x = F.leaky_relu(self.adaptors[index](torch.cat([y_hat, context], dim=1)), LEAKY_SLOPE)
        y = F.leaky_relu(self.spatial_in(x), LEAKY_SLOPE)
        x = F.leaky_relu(x + self.spatial_mix(y), LEAKY_SLOPE)
        scale, mean = self.spatial_out(x).chunk(2, dim=1)
        return scale, mean

    def forward(
        self, y: Tensor, rate: Tensor, token_values: Tensor, keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Quantise ``y [B, C, h, w]`` and tell what it costs.

        ``keep [B]`` in {0, 1}: 0 drops the sample's symbols, so that the latent is its predicted mean and costs
        nothing (what a decoder shows of the semantic layer alone). In training the rate sees uniform noise and the
        decoder sees rounding, straight-through. Returns the dequantised latent and the bits per sample ``[B]``.
        """
        step, log2_scale, mean, context = self.initial(rate, token_values)
        masks = quadtree_masks(self.channels, y.shape[2], y.shape[3], y.device)
        target = y / step
        y_hat = torch.zeros_like(y)
        bits = torch.zeros(y.shape[0], device=y.device)
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
                cost = gaussian_bits(symbols, log2_scale) * coded
            if keep is not None:
                symbols, cost = (
                    symbols * keep[:, None, None, None],
                    cost * keep[:, None, None, None],
                )
            y_hat = torch.where(masks[index], symbols + mean, y_hat)
            bits = bits + (cost * masks[index]).sum(dim=(1, 2, 3))
        return y_hat * step, bits
