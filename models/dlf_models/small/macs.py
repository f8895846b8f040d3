"""Multiply-accumulates per pixel, counted where convolutions run."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .layers import Conv
from .model import DLF, draw_noise


def counted(network: nn.Module, pixels: int, run: Callable[[], object]) -> float:
    """Multiply-accumulates per pixel of all `Conv` layers under `network` while `run` runs."""
    total = 0

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, Conv)
        total += output[0].numel() * layer.in_channels * layer.kernel_size[0] ** 2

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, Conv)]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return total / pixels


def macs_per_pixel(network: DLF) -> dict[str, float]:
    """`analysis` (with bottleneck), `prior` and `synthesis`, per pixel of the picture."""
    side = 2 * network.config.window
    image = torch.zeros(1, 3, side, side)
    rate = torch.zeros(1, side // 32, side // 32)
    _, values, features = network.analysis(image)
    y = network.bottleneck(features, rate)
    pixels = side * side
    return {
        "analysis": counted(network.analysis, pixels, lambda: network.analysis(image))
        + counted(network.bottleneck, pixels, lambda: network.bottleneck(features, rate)),
        "prior": counted(network.prior, pixels, lambda: network.prior(y, rate, values)),
        "synthesis": counted(
            network.synthesis,
            pixels,
            lambda: network.synthesis(values, y, rate, draw_noise(image)),
        ),
    }
