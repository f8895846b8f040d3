"""Losses of the paper's stages (architecture.md 4.1 item 7)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .recipe import Recipe

TINY = 1e-4
"""Keeps the adaptive weight finite when the discriminator's gradient vanishes."""


def alignment_loss(
    recipe: Recipe, latent: Tensor, logits: Tensor, target: Tensor, indices: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Distance to the frozen VQGAN: MSE of the latent and cross-entropy of the logits against its indices."""
    mse = F.mse_loss(latent, target)
    entropy = F.cross_entropy(logits, indices)
    loss = recipe.mse_weight * mse + recipe.cross_entropy_weight * entropy
    return loss, {"mse": mse.detach(), "cross_entropy": entropy.detach()}


def adaptive_weight(recipe: Recipe, pixel: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """Weight at which the adversarial gradient is as large as the pixel gradient at the last layer, within a limit.

    The published limit of 10,000 lets one batch with a flat discriminator throw the decoder away; ours is about 10.
    """
    (of_pixel,) = torch.autograd.grad(pixel, last, retain_graph=True)
    (of_adversarial,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    ratio = of_pixel.norm() / (of_adversarial.norm() + TINY)
    return recipe.gan_weight * ratio.clamp(0.0, recipe.adaptive_limit).detach()
