"""Where training stands: phase, learning rate and weight of the bits, as functions of the images seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..config import Phase, TrainConfig


@dataclass(frozen=True)
class Moment:
    """The schedule's values at one count of images."""

    phase: Phase
    index: int
    learning_rate: float
    rate_factor: float


def moment_at(config: TrainConfig, images: int, seen: int) -> Moment:
    """Values after ``seen`` of ``images`` images; past the end, those of the end."""
    position = min(seen / images, 1.0) * sum(p.share for p in config.phases)
    for index, phase in enumerate(config.phases):
        if position < phase.share or index == len(config.phases) - 1:
            part = min(position / phase.share, 1.0)
            break
        position -= phase.share
    first, last = phase.learning_rate
    rate_first, rate_last = phase.rate
    return Moment(
        phase=phase,
        index=index,
        learning_rate=last + (first - last) * (1 + math.cos(math.pi * part)) / 2,
        rate_factor=rate_first ** (1 - part) * rate_last**part,
    )


def lmbda_of(rate: Tensor, lmbda: tuple[float, float]) -> Tensor:
    """Weight of one bit per pixel at a rate in [0, 1]: geometric between the two ends."""
    low, high = math.log(lmbda[0]), math.log(lmbda[1])
    return torch.exp(low + (high - low) * rate)


def spread_rates(batch: int) -> Tensor:
    """Random rates ``[batch]`` in [0, 1], one in each of as many equal parts: less is left to chance than in independent ones."""
    return (torch.randperm(batch) + torch.rand(batch)) / batch
