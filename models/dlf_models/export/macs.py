"""Multiply-accumulates per pixel of the transforms: convolutions, linear layers and attention products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..networks.layers import Attention
from ..networks.model import DLF


@torch.no_grad()
def macs_per_pixel(network: DLF) -> tuple[int, int]:
    """(analysis with bottleneck, synthesis) for an image of 2x2 windows; the entropy stage is apart."""
    total = [0]

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            total[0] += output.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total[0] += output.numel() * module.in_features
        elif isinstance(module, Attention):
            n, length, width = inputs[0].shape
            total[0] += 2 * n * length * length * width

    handles = [m.register_forward_hook(count) for m in network.modules()]
    side = 2 * network.config.window
    try:
        rate = torch.zeros(1)
        _, values, features = network.analysis(torch.zeros(1, 3, side, side))
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        analysis, total[0] = total[0], 0
        network.synthesis(values, y, rate)
    finally:
        for handle in handles:
            handle.remove()
    return round(analysis / side**2), round(total[0] / side**2)
