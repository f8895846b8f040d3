"""Multiply-accumulates per pixel of the transforms: convolutions, linear layers and attention products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .config import PaperConfig
from .layers import SelfAttention
from .model import PaperModel
from .swin import POSITIONS, WindowAttention
from .vqgan import AttentionBlock


def _macs(module: nn.Module, source: Tensor, output: Tensor) -> int:
    """What one module does itself, its parts not counted."""
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    if isinstance(module, SelfAttention):
        return source.numel() * (3 * source.shape[2] + 2 * source.shape[1])
    if isinstance(module, WindowAttention):
        return source.numel() * 2 * POSITIONS
    if isinstance(module, AttentionBlock):
        return source.numel() * 2 * source.shape[2] * source.shape[3]
    return 0


def macs_per_pixel(config: PaperConfig) -> tuple[int, int]:
    """(Analysis and bottleneck, synthesis) for 2x2 windows; nothing is computed, only counted."""
    side = 2 * config.window
    total = [0]

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            total[0] += _macs(module, inputs[0], output)

    with torch.device("meta"), torch.no_grad():
        model = PaperModel(config).eval()
        for module in model.modules():
            module.register_forward_hook(count)
        tokens, features = model.analysis(torch.zeros(1, 3, side, side))
        y = model.bottleneck(features, 0)
        analysis, total[0] = total[0], 0
        model.synthesis(tokens, y, 0, 2, 2)
    return round(analysis / side**2), round(total[0] / side**2)
