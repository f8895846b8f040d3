"""A recorded graph as an integer program: units, 8-bit weights, fixed-point multipliers.

The program is that of BITSTREAM.md §8. A register holds int16 values; its *unit* is the real number
that 1 stands for. Values that are added, or that are the same samples in another place, share one
unit; a convolution's multiplier takes its sums to the unit of its result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...package.programs import ConvLayer, Program, fixed_point
from ..layers import LEAKY_SLOPE
from .graph import Graph, Node

HEADROOM = 2.0
"""A register's range over the largest magnitude that calibration saw."""
LARGEST = 32767
"""That range in integers, where the export chooses the unit."""
ACCUMULATOR_LIMIT = 2**31 - 1
SLOPE = round(LEAKY_SLOPE * 2**15)
SAME_UNIT = ("leaky", "depth_to_space", "space_to_depth", "max", "slice")
Array = NDArray[np.float64]


@dataclass
class LayerList:
    """Quantised layers; programs that use a layer with equal units share it."""

    layers: list[ConvLayer] = field(default_factory=list)
    known: dict[bytes, int] = field(default_factory=dict)

    def add(self, weight: Array, bias: Array, unit_in: Array, unit_out: Array, bound: int) -> int:
        """Quantise `weight [out, in, k, k]` between units per channel.

        `bound`: of the source's magnitude.
        """
        real = weight * unit_in[None, :, None, None]
        rows = np.abs(real).reshape(len(real), -1)
        scale = exact_scale(real, np.maximum(rows.max(axis=1), 1e-12) / 127)
        while True:
            integer = np.clip(np.round(real / scale[:, None, None, None]), -127, 127)
            offset = np.round(bias / scale)
            sums = np.abs(integer).reshape(len(real), -1).sum(axis=1)
            over = np.abs(offset) + bound * sums > ACCUMULATOR_LIMIT
            if not over.any():
                break
            scale = np.where(over, scale * 1.05, scale)
        pairs = [fixed_point(float(s / u)) for s, u in zip(scale, unit_out, strict=True)]
        layer = ConvLayer(
            integer.astype(np.int8),
            offset.astype(np.int32),
            np.array([p[0] for p in pairs], dtype=np.int32),
            np.array([p[1] for p in pairs], dtype=np.uint8),
            edge=True,
        )
        key = b"".join(
            a.tobytes() for a in (layer.weight, layer.bias, layer.multiplier, layer.shift)
        )
        if key not in self.known:
            self.known[key] = len(self.layers)
            self.layers.append(layer)
        return self.known[key]


def exact_scale(real: Array, scale: Array) -> Array:
    """The scale per output channel; where all weights are small multiples of a number, that number.

    So the fixed filters (bilinear, mean of 2x2) keep their exact sums, and with them the
    brightness.
    """
    found = scale.copy()
    for row in range(len(real)):
        sizes = np.abs(real[row][real[row] != 0])
        if sizes.size:
            ratio = sizes / sizes.min()
            if ratio.max() <= 127 and np.allclose(ratio, np.round(ratio), atol=1e-6):
                found[row] = sizes.min()
    return found


def unit_for(peak: float) -> float:
    """The smallest power of two that leaves `HEADROOM`: so that units multiply to units again."""
    return float(2.0 ** np.ceil(np.log2(max(HEADROOM * peak, 1e-6) / LARGEST)))


class Units:
    """Units of all nodes of a graph, per channel."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.parent = list(range(len(self.nodes)))
        for number, node in enumerate(self.nodes):
            if node.op == "add":
                self._join(number, node.sources[0])
                self._join(number, node.sources[1])
            elif node.op in SAME_UNIT and not self._mixed(node):
                self._join(number, node.sources[0])
        self.peaks: dict[int, float] = {}
        for number, node in enumerate(self.nodes):
            root = self._root(number)
            self.peaks[root] = max(self.peaks.get(root, 0.0), node.peak)
        self.fixed: dict[int, Array] = {}
        for number in range(len(self.nodes)):
            root, unit = self._root(number), self._given(number)
            if unit is not None:
                before = self.fixed.get(root)
                if before is not None and not np.array_equal(before, unit):
                    raise ValueError(f"node {number} ({node.op}): two units for one value")
                self.fixed[root] = unit

    def _mixed(self, node: Node) -> bool:
        """Whether the source's channels have different units.

        Then the result's are taken from them one by one.
        """
        number = node.sources[0]
        while self.nodes[number].op in (*SAME_UNIT,):
            number = self.nodes[number].sources[0]
        source = self.nodes[number]
        given = source.arguments.get("unit")
        return source.op == "concat" or (isinstance(given, np.ndarray) and given.size > 1)

    def _given(self, number: int) -> Array | None:
        node = self.nodes[number]
        unit = node.arguments.get("unit")
        if unit is not None:
            array = np.asarray(unit, dtype=np.float64).reshape(-1)
            return np.broadcast_to(array, (node.channels,)) if array.size > 1 else array
        if node.op == "slice" and self._mixed(node):
            first, count = node.arguments["first"], node.arguments["count"]
            return self.of(node.sources[0])[first : first + count]
        if node.op == "product":
            a, b = (self.of(s) for s in node.sources)
            wanted = unit_for(self.peaks[self._root(number)])
            shift = max(1, int(np.ceil(np.log2(wanted / float((a * b).max())))))
            return a * b * 2.0**shift
        return None

    def _root(self, number: int) -> int:
        while self.parent[number] != number:
            number = self.parent[number]
        return number

    def _join(self, a: int, b: int) -> None:
        self.parent[self._root(a)] = self._root(b)

    def known(self, number: int) -> bool:
        """Whether the unit of a node is given, and does not follow from its peak."""
        return self._root(number) in self.fixed

    def of(self, number: int) -> Array:
        """Unit per channel of a node.

        Raises:
            ValueError: the channels of one instruction have different units.
        """
        node = self.nodes[number]
        if node.op == "concat":
            return np.concatenate([self.of(s) for s in node.sources])
        if node.op in SAME_UNIT and node.op != "slice" and self._mixed(node):
            if node.op not in ("leaky", "max"):
                raise ValueError(f"{node.op} of channels with different units")
            return self.of(node.sources[0])
        root = self._root(number)
        unit = self.fixed.get(root)
        if unit is None:
            unit = np.array([unit_for(self.peaks[root])])
        return np.broadcast_to(unit, (node.channels,))


def compile_program(graph: Graph, layers: LayerList) -> tuple[Program, list[Array]]:
    """The program of a graph and the units of its outputs."""
    units = Units(graph)
    inputs = [n for n, node in enumerate(graph.nodes) if node.op == "input"]
    program = Program(inputs=len(inputs))
    register: dict[int, int] = {node: at for at, node in enumerate(inputs)}
    for number, node in enumerate(graph.nodes):
        if node.op == "input":
            continue
        sources = [register[s] for s in node.sources]
        register[number] = emit(program, node, sources, number, units, layers)
    program.outputs = tuple(register[n] for n in graph.outputs)
    return program, [units.of(n) for n in graph.outputs]


def emit(
    program: Program, node: Node, sources: list[int], number: int, units: Units, layers: LayerList
) -> int:
    """One instruction; returns its register.

    Raises:
        ValueError: no instruction of the machine does this.
    """
    own = units.of(number)
    if node.op == "conv":
        weight = node.arguments["weight"].detach().double().numpy()
        bias = node.arguments["bias"].detach().double().numpy()
        unit_in = units.of(node.sources[0])
        return program.conv(sources[0], layers.add(weight, bias, unit_in, own, 32768))
    if node.op == "leaky":
        return program.leaky(sources[0], SLOPE)
    if node.op == "add":
        return program.add(sources[0], sources[1])
    if node.op == "product":
        a, b = (units.of(s) for s in node.sources)
        shift = round(float(np.log2(own[0] / (a[0] * b[0]))))
        return program.product(sources[0], sources[1], shift)
    if node.op == "concat":
        return program.concat(*sources)
    if node.op == "slice":
        return program.slice(sources[0], node.arguments["first"], node.arguments["count"])
    if node.op == "depth_to_space":
        return program.depth_to_space(sources[0], node.arguments["factor"])
    if node.op == "space_to_depth":
        return program.space_to_depth(sources[0], node.arguments["factor"])
    if node.op == "max":
        return program.maximum(sources[0], round(node.arguments["constant"] / float(own[0])))
    raise ValueError(f"no instruction for {node.op}")
