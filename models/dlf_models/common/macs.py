"""Multiply-accumulates, counted where layers run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn

Count = Callable[[nn.Module, Tensor, Tensor], int]
"""A module, its first input and its output -> what it does itself, its parts not counted."""


def of_layers(module: nn.Module, _source: Tensor, output: Tensor) -> int:
    """What a convolution or a linear layer does."""
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    return 0


class MacCounter:
    """Counts while it is open: `with MacCounter(model) as counter: ...; counter.take()`."""

    def __init__(self, model: nn.Module, *counts: Count) -> None:
        """`counts`: for other modules than convolutions and linear layers."""
        self._counts = (of_layers, *counts)
        self._handles = [m.register_forward_hook(self._count) for m in model.modules()]
        self._total = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _count(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if isinstance(output, Tensor):
            self._total += sum(count(module, inputs[0], output) for count in self._counts)

    def take(self) -> int:
        """What was counted since the last call."""
        total, self._total = self._total, 0
        return total
