"""The adversarial term: a critic that tells drawn pictures from photographs, patch by patch.

It sees samples, not features: a decoder that is judged by the features that LPIPS compares too may
please both with one weave (models/EXPERIMENTS.md). What it asks for is that textures be like those
of photographs; where they lie and what they are of is left to the other terms.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..common.averaging import GradientAverager

WIDTHS = (48, 96, 192)
"""Channels at 1/2, 1/4 and 1/8."""
SLOPE = 0.2
LEARNING_RATE = 1e-3
BETAS = (0.0, 0.99)
SHARPNESS = 16.0
"""Of what a 5x5 mean leaves, beside the picture itself.

Layers of bounded gain cannot see textures of a few levels otherwise: a hinge loss was 1.65 after
400 steps without it, 0.75 with it (models/EXPERIMENTS.md).
"""
RAMP = 400
"""Steps over which the term rises to its weight, while the critic learns the first of it."""
MEMORY = 0.95
"""Of the usual size of the critic's gradient."""


class Critic(nn.Module):
    """Pictures `[B, 3, H, W]` in [0, 1] -> maps of logits at 1/4 and 1/8.

    Logits are high where pictures look like a photograph. Layers have bounded gain: a critic
    without a bound leaves the decoder no gradient to follow.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth = WIDTHS
        self.to_half = spectral_norm(nn.Conv2d(24, half, 3, padding=1))
        self.to_quarter = spectral_norm(nn.Conv2d(half, quarter, 3, 2, 1))
        self.mix_quarter = spectral_norm(nn.Conv2d(quarter, quarter, 3, padding=1))
        self.to_eighth = spectral_norm(nn.Conv2d(quarter, eighth, 3, 2, 1))
        self.at_quarter = spectral_norm(nn.Conv2d(quarter, 1, 1))
        self.at_eighth = spectral_norm(nn.Conv2d(eighth, 1, 1))

    def forward(self, picture: Tensor) -> list[Tensor]:
        """`[B, 3, H, W]` -> `[B, 1, H/4, W/4]` and `[B, 1, H/8, W/8]`."""
        fine = picture - F.avg_pool2d(picture, 5, 1, 2, count_include_pad=False)
        both = torch.cat([picture * 2 - 1, fine * SHARPNESS], dim=1)
        x = F.leaky_relu(self.to_half(F.pixel_unshuffle(both, 2)), SLOPE)
        x = F.leaky_relu(self.to_quarter(x), SLOPE)
        x = F.leaky_relu(self.mix_quarter(x), SLOPE)
        y = F.leaky_relu(self.to_eighth(x), SLOPE)
        return [self.at_quarter(x), self.at_eighth(y)]


class Adversary:
    """The critic and its optimiser.

    In each step it first judges, and then learns from what it saw. Patches of one place are paired:
    that of the photograph should have the higher logit (relativistic loss, arXiv 1807.00734). So
    what is drawn is compared with what belongs there, and not with all photographs.
    """

    def __init__(self, device: torch.device) -> None:
        self.critic = Critic().to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            self.critic.parameters(), LEARNING_RATE, BETAS, weight_decay=1e-4
        )
        self.average = GradientAverager(self.critic)
        self.steps = 0
        self.usual: float | None = None
        self.pair: tuple[Tensor, Tensor] | None = None

    def judge(self, image: Tensor, target: Tensor) -> Tensor:
        """What the decoder is to lower, `[B]`: minus the mean logit.

        Both pictures are kept for `learn`. The gradient has the size of that of a mean absolute
        error, on average over the steps, whatever the critic's is.
        """
        seen = image.detach().requires_grad_()
        self.critic.requires_grad_(False).eval()
        with torch.enable_grad(), torch.autocast(seen.device.type, torch.bfloat16):
            score = torch.stack([m.float().mean(dim=(1, 2, 3)) for m in self.critic(seen)]).mean(0)
        (gradient,) = torch.autograd.grad(score.sum(), seen)
        self.critic.requires_grad_(True).train()
        self.pair = seen.detach(), target.detach()
        size = float(gradient.square().mean().sqrt())
        self.usual = size if self.usual is None else MEMORY * self.usual + (1 - MEMORY) * size
        ramp = min(1.0, self.steps / RAMP)
        scaled = gradient * (ramp / (max(self.usual, 1e-12) * gradient[0].numel()))
        pull = (image * scaled).sum(dim=(1, 2, 3))
        return pull.detach() - pull - score.detach()

    def learn(self) -> float:
        """One step of the critic on the pictures it judged last, on all ranks.

        Returns its loss in bits, 1 when it knows nothing.
        """
        if self.pair is None:
            raise RuntimeError("the critic has seen nothing since it learned last")
        both, count = torch.cat(self.pair), len(self.pair[0])
        self.pair = None
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(both.device.type, torch.bfloat16):
            maps = self.critic(both)
        losses = [F.softplus(m[:count].float() - m[count:].float()).mean() for m in maps]
        loss = torch.stack(losses).mean() / math.log(2)
        loss.backward()
        self.average()
        self.optimiser.step()
        self.steps += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; `load` takes it."""
        return {
            "critic": self.critic.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` has returned."""
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]
