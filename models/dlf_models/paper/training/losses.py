"""Losses of the paper's stages (architecture.md 4.1 item 7)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...evaluation.lpips import LPIPS
from .recipe import Recipe

TINY = 1e-4
"""Keeps the adaptive weight finite when the discriminator's gradient vanishes."""
SHIFTS = 16
"""Offsets at which LPIPS samples, in each direction: the stride of its deepest layers."""
SCALES = (1.0, 0.75, 0.5)
"""Sizes at which LPIPS sees both pictures, one a step."""


class PixelLoss(nn.Module):
    """L1 and LPIPS of samples in [0, 1].

    LPIPS sees both pictures cut at a random offset and at one of a few sizes. Always sampled at one
    phase and size, a perceptual network lets a grid of its own stride pass (architecture.md 4.3).
    The cut has one size and the sizes are few, because for each new one convolutions are compiled
    anew.
    """

    def __init__(self, lpips_weights: str) -> None:
        super().__init__()
        self.lpips = LPIPS(lpips_weights)

    def forward(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` twice -> L1 and LPIPS, each `[B]`."""
        l1 = (image.float() - target).abs().mean(dim=(1, 2, 3))
        dy, dx = (int(v) for v in torch.randint(0, SHIFTS, (2,)))
        rows = slice(dy, dy + image.shape[2] - SHIFTS)
        columns = slice(dx, dx + image.shape[3] - SHIFTS)
        seen, wanted = image[:, :, rows, columns], target[:, :, rows, columns]
        scale = SCALES[int(torch.randint(0, len(SCALES), ()))]
        if scale < 1:
            side = [round(length * scale) for length in seen.shape[2:]]
            seen = F.interpolate(seen.float(), side, mode="bilinear", antialias=True)
            wanted = F.interpolate(wanted, side, mode="bilinear", antialias=True)
        return l1, self.lpips(seen, wanted).float()


def alignment_loss(
    recipe: Recipe, latent: Tensor, logits: Tensor, target: Tensor, indices: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Distance to the frozen VQGAN: MSE of latents, cross-entropy of logits against its indices."""
    mse = F.mse_loss(latent, target)
    entropy = F.cross_entropy(logits, indices)
    loss = recipe.mse_weight * mse + recipe.cross_entropy_weight * entropy
    return loss, {"mse": mse.detach(), "cross_entropy": entropy.detach()}


def adaptive_weight(recipe: Recipe, pixel: Tensor, adversarial: Tensor, last: Tensor) -> Tensor:
    """Weight that makes the adversarial gradient as large as the pixel gradient at the last layer.

    It has a limit. The published one of 10,000 lets one batch with a flat discriminator throw the
    decoder away; ours is about 10.
    """
    (of_pixel,) = torch.autograd.grad(pixel, last, retain_graph=True)
    (of_adversarial,) = torch.autograd.grad(adversarial, last, retain_graph=True)
    ratio = of_pixel.norm() / (of_adversarial.norm() + TINY)
    return recipe.gan_weight * ratio.clamp(0.0, recipe.adaptive_limit).detach()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator."""
    return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
