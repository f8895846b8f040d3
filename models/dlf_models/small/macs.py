"""Multiply-accumulates per pixel of the convolutional networks."""

from __future__ import annotations

import torch

from ..common.macs import MacCounter
from .analysis import rate_grid
from .model import DLF, draw_noise


@torch.no_grad()
def macs_per_pixel(network: DLF) -> dict[str, float]:
    """`analysis` (with bottleneck), `prior` and `synthesis`, per pixel of the picture."""
    side = 2 * network.config.window
    image = torch.zeros(1, 3, side, side)
    rate = torch.zeros(1, *rate_grid(image))
    with MacCounter(network) as counter:
        _, values, features = network.analysis(image)
        y = network.bottleneck(features, rate)
        counts = {"analysis": counter.take()}
        network.prior(y, rate, values)
        counts["prior"] = counter.take()
        network.synthesis(values, y, rate, draw_noise(image))
        counts["synthesis"] = counter.take()
    return {name: count / side**2 for name, count in counts.items()}
