"""Multiply-accumulates per pixel of the transforms: convolutions, linear layers and attention products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..networks.layers import Attention, PixelShuffleUp
from ..networks.model import DLF
from ..networks.reduced import DOWNSCALES, ReducedHeads
from .reduced import reduced_picture


def _macs_of(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> int:
    """Of one call of a module, those of the modules inside it apart."""
    if isinstance(module, nn.Conv2d):
        return int(output.numel() * module.weight[0].numel())
    if isinstance(module, nn.Linear):
        return int(output.numel() * module.in_features)
    if isinstance(module, Attention):
        n, length, width = inputs[0].shape
        return int(2 * n * length * length * width)
    return 0


@contextmanager
def _counting(*networks: nn.Module) -> Iterator[list[int]]:
    """Add what the modules of these networks do to the one number of the list."""
    total = [0]

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        total[0] += _macs_of(module, inputs, output)

    handles = [m.register_forward_hook(count) for part in networks for m in part.modules()]
    try:
        yield total
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def macs_per_pixel(network: DLF) -> tuple[int, int]:
    """(analysis with bottleneck, synthesis) for an image of 2x2 windows; the entropy stage is apart."""
    side = 2 * network.config.window
    with _counting(network) as total:
        rate = torch.zeros(1)
        _, values, features = network.analysis(torch.zeros(1, 3, side, side))
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        analysis, total[0] = total[0], 0
        network.synthesis(values, y, rate)
    return round(analysis / side**2), round(total[0] / side**2)


def _stage_of(network: DLF, name: str) -> str:
    """The stage that a module belongs to, for people."""
    part, _, rest = name.partition(".")
    if part == "bottleneck":
        return "analysis: bottleneck"
    inner, _, rest = rest.partition(".")
    if inner != "renderer":
        return f"{part}: {inner}"
    list_name, _, rest = rest.partition(".")
    # Outside the list of stages there is the base picture's way in, which joins the features at 1/4.
    index = int(rest.split(".")[0]) if list_name == "stages" else network.synthesis.renderer.joint
    ups = [isinstance(s, PixelShuffleUp) for s in network.synthesis.renderer.stages]
    return f"synthesis: renderer at 1/{16 >> sum(ups[:index])}"


@torch.no_grad()
def stage_macs_per_pixel(network: DLF) -> dict[str, int]:
    """:func:`macs_per_pixel` by stage, in the order of their work; the sum differs by rounding alone."""
    side, rate = 2 * network.config.window, torch.zeros(1)
    totals: dict[str, int] = {}
    handles = []

    def add(stage: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            totals[stage] = totals.get(stage, 0) + _macs_of(module, inputs, output)

        return hook

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | Attention) and not name.startswith("prior"):
            handles.append(module.register_forward_hook(add(_stage_of(network, name))))
    try:
        _, values, features = network.analysis(torch.zeros(1, 3, side, side))
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        network.synthesis(values, y, rate)
    finally:
        for handle in handles:
            handle.remove()
    return {stage: round(macs / side**2) for stage, macs in totals.items()}


@torch.no_grad()
def reduced_macs_per_pixel(network: DLF, reduced: ReducedHeads) -> dict[str, int]:
    """Synthesis at 1/2, 1/4 and 1/8 of the size, per pixel of the whole picture, by downscale."""
    side = 2 * network.config.window
    y = torch.zeros(1, network.config.latent_channels, side // 32, side // 32)
    result = {}
    for index, downscale in enumerate(DOWNSCALES):
        with _counting(network, reduced) as total:
            reduced_picture(network, reduced, y, torch.zeros(1), index)
        result[str(downscale)] = round(total[0] / side**2)
    return result
