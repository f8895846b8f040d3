"""Multiply-accumulates of the transforms: convolutions, linear layers and attention products."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor, nn

from .layers import SelfAttention
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


class MacCounter:
    """Counts while it is open: `with MacCounter(model) as counter: ...; counter.take()`."""

    def __init__(self, model: nn.Module) -> None:
        self._handles = [m.register_forward_hook(self._count) for m in model.modules()]
        self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _count(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            self._total += _macs(module, inputs[0], output)

    def take(self) -> int:
        """What was counted since the last call."""
        total, self._total = self._total, 0
        return total
