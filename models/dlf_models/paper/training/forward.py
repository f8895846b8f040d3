"""A training pass of the paper's model: differentiable quantisers, bits and, if wanted, pixels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...common.prior import (
    QUARTER_XOR,
    SKIP_SCALE,
    STEP_MIN,
    quarter_masks,
    round_straight_through,
)
from ..bottleneck import DetailBottleneck
from ..model import PaperModel

SCALE_MIN = 0.11
"""Smallest scale of the published tables; training bounds the scales there."""


class _LowerBound(torch.autograd.Function):
    """`max(x, bound)` whose gradient still lifts what lies below.

    A plain maximum would leave it there for ever.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x >= bound)
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (above,) = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * (above | (gradient < 0)), None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """See `_LowerBound`."""
    result: Tensor = _LowerBound.apply(x, bound)
    return result


def code_latent(
    bottleneck: DetailBottleneck, y: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Quantise `y [B, C, h, w]` in four quarters -> `latent`, and the bits of each sample `[B]`.

    `latent` is what the decoder sees: rounding, straight-through. With `noise` (uniform in
    [-0.5, 0.5], like `y`) the bits are those of the noisy residual. Without it they are those of
    the symbols, and symbols of small scale are not coded, as in a file.
    """
    _, channels, height, width = y.shape
    raw, scale, mean, context = bottleneck.prior_init(height, width)
    step = lower_bound(raw, STEP_MIN)
    target = y / step
    masks = quarter_masks(channels, height, width, y.device)
    y_hat = torch.zeros_like(y)
    bits = torch.zeros(y.shape[0], device=y.device)
    for k in range(len(QUARTER_XOR)):
        if k > 0:
            scale, mean = bottleneck.prior_quarter(k, y_hat, context.expand_as(y))
        residual = target - mean
        symbols = round_straight_through(residual)
        if noise is not None:
            cost = bottleneck.estimate_bits(residual + noise, lower_bound(scale, SCALE_MIN))
        else:
            coded = scale >= SKIP_SCALE
            symbols = symbols * coded
            cost = bottleneck.estimate_bits(symbols, scale) * coded
        y_hat = torch.where(masks[k], symbols + mean, y_hat)
        bits = bits + (cost * masks[k]).sum(dim=(1, 2, 3))
    return y_hat * step, bits


class TrainingPass(nn.Module):
    """Wraps a model, so that it can be distributed, compiled and checkpointed as one call."""

    def __init__(self, model: PaperModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, image: Tensor, noise: Tensor | None, pixels: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
        """`image [B, 3, H, W]` in [0, 1] -> what the losses need.

        Returns:
            The generative latent, logits over the codebook, bits `[B]`, the loss of vector
            quantisation, and the picture in [-1, 1] if `pixels`.
        """
        codec = self.model.hybrid_codec
        z, h = codec.encoder(image, codec.latent_tokens)
        y = codec.quantize_feat.encode(h)
        with torch.autocast(image.device.type, enabled=False):
            z = z.float()
            tokens = codec.quantize(z)
            unit = F.normalize(z, dim=1)
            z_hat = unit + (codec.quantize.values(tokens) - unit).detach()
            vq_loss = codec.quantize.loss(z, tokens)
            latent, bits = code_latent(codec.quantize_feat, y.float(), noise)
        titok, feat = codec.decoder(z_hat, codec.quantize_feat.decode(latent))
        logits = self.model.prior_fusion(titok, feat).float()
        generative = self.model.vqgan.quantize.expectation(logits).float()
        picture = self.model.vqgan.decode(generative).float() if pixels else None
        return generative, logits, bits, vq_loss, picture

    @torch.no_grad()
    def targets(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What the frozen VQGAN makes of `image` in [0, 1].

        Quantised latent `[B, c, h, w]` and indices `[B, h, w]`.
        """
        vqgan = self.model.vqgan
        indices = vqgan.encode_indices(image * 2 - 1)
        return F.embedding(indices, vqgan.quantize.embedding.weight).permute(0, 3, 1, 2), indices


def start_weights(model: PaperModel) -> None:
    """Weights before any checkpoint.

    Dense layers of both branches are narrow normal, the exchange into tokens is zero. The
    bottleneck keeps its own start (parity fact 30).
    """
    for name, module in model.hybrid_codec.named_modules():
        if name.startswith("quantize_feat") or name.endswith("zero_add"):
            continue
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.trunc_normal_(module.weight, std=0.05)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
