"""The networks as graphs of the integer machine's instructions (BITSTREAM.md §8.3), run in floats.

`Graph` records what it runs: each value's node, and the largest magnitude that calibration saw
there. The integer program is made of the same record (`quantise`), so that the walk through a
network is written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import LEAKY_SLOPE, Conv


@dataclass
class Node:
    """One instruction or input: `op` and what it needs beside its sources."""

    op: str
    sources: tuple[int, ...]
    channels: int
    arguments: dict[str, Any] = field(default_factory=dict)
    peak: float = 0.0
    """Largest magnitude seen in calibration."""


@dataclass
class Value:
    """What a walk handles: the number of the node and its samples `[B, C, H, W]`."""

    node: int
    data: Tensor

    @property
    def channels(self) -> int:
        """The number of channels."""
        return int(self.data.shape[1])


class Graph:
    """Runs and records instructions in floats; a second walk of the network only raises peaks."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.at = 0
        self.outputs: list[int] = []

    def begin(self) -> None:
        """Start another walk, over other pictures."""
        self.at = 0

    def share_peaks(self, other: Graph) -> None:
        """Nodes that both walks begin with get the larger peaks, so that they share their layers."""
        for mine, theirs in zip(self.nodes, other.nodes, strict=False):
            if (mine.op, mine.sources, mine.channels) != (
                theirs.op,
                theirs.sources,
                theirs.channels,
            ):
                return
            mine.peak = theirs.peak = max(mine.peak, theirs.peak)

    def _put(self, op: str, sources: tuple[int, ...], data: Tensor, **arguments: Any) -> Value:
        if self.at == len(self.nodes):
            self.nodes.append(Node(op, sources, int(data.shape[1]), arguments))
        node = self.nodes[self.at]
        if (node.op, node.sources, node.channels) != (op, sources, data.shape[1]):
            raise ValueError(f"walks differ at node {self.at}: {node.op} and {op}")
        node.peak = max(node.peak, float(data.abs().max()))
        self.at += 1
        return Value(self.at - 1, data)

    def input(self, data: Tensor, unit: float | Any | None = None) -> Value:
        """`unit`: what 1 stands for, where the decoder decides that; None: the export chooses."""
        return self._put("input", (), data, unit=unit)

    def conv(
        self,
        layer: Conv,
        x: Value,
        rows: slice = slice(None),
        unit: float | None = None,
    ) -> Value:
        """A layer, or its output channels `rows`. `unit`: of the result, where it is fixed."""
        assert layer.bias is not None
        return self.filter(layer.weight[rows], layer.bias[rows], x, unit, layer, rows)

    def filter(
        self,
        weight: Tensor,
        bias: Tensor,
        x: Value,
        unit: float | None = None,
        layer: Conv | None = None,
        rows: slice = slice(None),
    ) -> Value:
        """Convolution with edge padding by `weight [out, in, k, k]` and `bias [out]`.

        `layer`: whose output channels `rows` these are, perhaps with more in the bias; None: of no
        layer.
        """
        reach = weight.shape[2] // 2
        data = F.pad(x.data, (reach,) * 4, mode="replicate") if reach else x.data
        made = {"weight": weight, "bias": bias, "unit": unit, "layer": layer, "rows": rows}
        return self._put("conv", (x.node,), F.conv2d(data, weight, bias), **made)

    def leaky(self, x: Value) -> Value:
        """Record LEAKY with the slope of all our networks."""
        return self._put("leaky", (x.node,), F.leaky_relu(x.data, LEAKY_SLOPE))

    def add(self, a: Value, b: Value) -> Value:
        """Record ADD of two values of one shape."""
        return self._put("add", (a.node, b.node), a.data + b.data)

    def product(self, a: Value, b: Value) -> Value:
        """Record PRODUCT of two values of one shape."""
        return self._put("product", (a.node, b.node), a.data * b.data)

    def concat(self, *values: Value) -> Value:
        """Record CONCAT of values on one grid, along the channels."""
        nodes = tuple(v.node for v in values)
        return self._put("concat", nodes, torch.cat([v.data for v in values], dim=1))

    def slice(self, x: Value, first: int, count: int) -> Value:
        """Record SLICE: `count` channels from `first` on."""
        return self._put(
            "slice", (x.node,), x.data[:, first : first + count], first=first, count=count
        )

    def depth_to_space(self, x: Value, factor: int) -> Value:
        """Record DEPTH_TO_SPACE: sides times `factor`, channels divided by its square."""
        return self._put(
            "depth_to_space", (x.node,), F.pixel_shuffle(x.data, factor), factor=factor
        )

    def space_to_depth(self, x: Value, factor: int) -> Value:
        """Record SPACE_TO_DEPTH: sides divided by `factor`, channels times its square."""
        return self._put(
            "space_to_depth", (x.node,), F.pixel_unshuffle(x.data, factor), factor=factor
        )

    def at_least(self, x: Value, constant: float) -> Value:
        """Record MAX with a constant, which is a float like the samples."""
        return self._put("max", (x.node,), x.data.clamp(min=constant), constant=constant)

    def output(self, *values: Value) -> tuple[Tensor, ...]:
        """Name the program's outputs; returns their samples."""
        self.outputs = [v.node for v in values]
        return tuple(v.data for v in values)
