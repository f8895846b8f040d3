"""Data-dependent start: what is rounded must not begin as a constant.

Latents that start well inside +-0.5, or token components that start on one side of every level, are rounded to one
value. Nothing of them reaches the decoder, so it learns to ignore them, and the rate term then keeps them dead: without
this start 8 of 64 latent channels and 7 of 16 digits were in use after 25,000 crops, and more bits bought nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..networks.model import DLF

LATENT_DEVIATION = 4.0
"""Standard deviation of each latent channel at the middle rate, in quantisation steps."""
DIGIT_DEVIATION = 1.0
"""Standard deviation of what the tanh of the token quantiser sees."""


def _normalise(layer: nn.Conv2d | nn.Linear, seen: Tensor, deviation: float) -> None:
    """Rescale ``layer`` so that its outputs ``seen [samples, channels]`` would have mean 0 and this deviation."""
    factor = deviation / seen.std(dim=0).clamp(min=1e-6)
    assert layer.bias is not None
    layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.dim() - 1)))
    layer.bias.copy_((layer.bias - seen.mean(dim=0)) * factor)


@torch.no_grad()
def spread_latents(network: DLF, images: Tensor) -> None:
    """Normalise the layers in front of both quantisers on ``images [B, 3, H, W]`` in [0, 1]."""
    digits: list[Tensor] = []
    layer = network.analysis.semantic.to_digits
    hook = layer.register_forward_hook(lambda _module, _inputs, output: digits.append(output))
    try:
        _, _, features = network.analysis(images)
    finally:
        hook.remove()
    _normalise(layer, digits[0].flatten(0, -2), DIGIT_DEVIATION)
    middle = torch.full((images.shape[0],), 0.5, device=images.device)
    y = network.bottleneck(network.bottleneck.prepare(features), middle)
    _normalise(network.bottleneck.project, y.transpose(0, 1).flatten(1).T, LATENT_DEVIATION)
