"""The adversarial term: a critic that tells drawn pictures from photographs by the features that LPIPS compares.

As in Projected GANs (arXiv 2111.01007) the features are fixed, so that the critic is a few small layers, learns at once
and costs little: the features of both pictures are there already. What it asks for is that textures be like those of
photographs; where they lie and what they are of is left to the other terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..common.averaging import GradientAverager

TAPS = {0: 64, 1: 128, 2: 256, 4: 384}
"""Features that the critic sees, of strides 2, 4, 8 and 16, and their channels."""
WIDTH = 64
SLOPE = 0.2
LEARNING_RATE = 3e-4
BETAS = (0.0, 0.99)
RAMP = 400
"""Steps over which the term rises to its weight, while the critic learns the first of it."""
POWER_MEMORY = 0.99


class Critic(nn.Module):
    """One small head for each tap; gives maps of logits, high where a picture looks like a photograph."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(head(channels) for channels in TAPS.values())
        self.register_buffer("power", torch.ones(len(TAPS)))

    def forward(self, taps: Sequence[Tensor]) -> list[Tensor]:
        """The seven taps of SqueezeNet, `[B, C, h, w]` each -> a map `[B, 1, h, w]` for each that is used."""
        power = self.get_buffer("power")
        return [
            head(taps[tap] * power[i].rsqrt().to(taps[tap].dtype))
            for i, (tap, head) in enumerate(zip(TAPS, self.heads, strict=True))
        ]

    @torch.no_grad()
    def follow(self, taps: Sequence[Tensor]) -> None:
        """Let the scale of each tap follow that of photographs: their samples differ in size by much."""
        now = torch.stack([taps[tap].float().square().mean() for tap in TAPS])
        self.get_buffer("power").lerp_(now.clamp(min=1e-6), 1 - POWER_MEMORY)


def head(channels: int) -> nn.Sequential:
    """Layers of bounded gain: a critic without a bound leaves the decoder no gradient to follow."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, WIDTH, 1)),
        nn.LeakyReLU(SLOPE),
        spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)),
        nn.LeakyReLU(SLOPE),
        spectral_norm(nn.Conv2d(WIDTH, 1, 1)),
    )


class Adversary:
    """The critic and its optimiser. In each step it first judges, and then learns from what it saw (hinge loss)."""

    def __init__(self, device: torch.device) -> None:
        self.critic = Critic().to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            self.critic.parameters(), LEARNING_RATE, BETAS, weight_decay=1e-4
        )
        self.average = GradientAverager(self.critic)
        self.steps = 0
        self.pair: tuple[list[Tensor], list[Tensor]] | None = None

    def judge(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        """What the decoder is to lower, `[B]`: minus the mean logit; both pictures are kept for `learn`."""
        self.critic.requires_grad_(False).eval()
        maps = self.critic(ours)
        self.critic.requires_grad_(True).train()
        self.pair = [x.detach() for x in ours], [x.detach() for x in theirs]
        ramp = min(1.0, self.steps / RAMP)
        return -ramp * torch.stack([m.float().mean(dim=(1, 2, 3)) for m in maps]).mean(dim=0)

    def learn(self) -> float:
        """One step of the critic on the pictures it judged last, on all ranks; returns its loss, 2 when it knows nothing."""
        if self.pair is None:
            raise RuntimeError("the critic has seen nothing since it learned last")
        ours, theirs = self.pair
        self.pair = None
        self.critic.follow(theirs)
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(ours[0].device.type, torch.bfloat16):
            drawn, real = self.critic(ours), self.critic(theirs)
        losses = [
            F.relu(1 + d.float()).mean() + F.relu(1 - r.float()).mean()
            for d, r in zip(drawn, real, strict=True)
        ]
        loss = torch.stack(losses).mean()
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
