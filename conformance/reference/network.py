"""§8.1 and §8.3: running a program of the integer network.

Tensors are i64 here, so that every intermediate result is exact; §8.4 promises that accumulators
fit i32, and registers hold i16 values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .grids import Grids
from .programs import (
    ADD,
    CONCAT,
    CONV,
    DEPTH_TO_SPACE,
    LEAKY,
    MAX,
    MIN,
    PRODUCT,
    SLICE,
    SPACE_TO_DEPTH,
    Layer,
    Program,
)

Tensor = NDArray[np.int64]  # [channels][rows][columns]


class Register(NamedTuple):
    """§8.1: a tensor, and the cell of its grid."""

    cell: int
    values: Tensor


def sat16(values: Tensor) -> Tensor:
    """§1.2."""
    return np.clip(values, -32768, 32767)


def run(
    program: Program, layers: list[Layer], inputs: list[Register], grids: Grids
) -> list[Tensor]:
    """§8.1: put `inputs` into the first registers, run the instructions, return the outputs."""
    registers = dict(enumerate(inputs))
    last_use = {register: len(program.instructions) for register in program.outputs}
    for place, instruction in reversed(list(enumerate(program.instructions))):
        for source in instruction.sources:
            last_use.setdefault(source, place)
    for place, (number, target, sources, first, second) in enumerate(program.instructions):
        cell = registers[sources[0]].cell
        a, *rest = (registers[source].values for source in sources)
        if number == CONV:
            result = convolve(layers[first], a)
        elif number == LEAKY:  # §8.3.2
            result = np.where(a >= 0, a, (a * first + 16384) >> 15)
        elif number == ADD:  # §8.3.3
            result = sat16(a + rest[0])
        elif number == CONCAT:  # §8.3.4
            result = np.concatenate([a, *rest])
        elif number == SLICE:  # §8.3.5
            result = a[first : first + second]
        elif number == DEPTH_TO_SPACE:
            cell //= first
            result = depth_to_space(a, first, grids.shape(cell))
        elif number == MAX:  # §8.3.7
            result = np.maximum(a, first)
        elif number == MIN:  # §8.3.8
            result = np.minimum(a, first)
        elif number == SPACE_TO_DEPTH:
            cell *= first
            result = space_to_depth(a, first, grids.shape(cell))
        elif number == PRODUCT:  # §8.3.10
            result = sat16((a * rest[0] + (1 << (first - 1))) >> first)
        else:
            raise AssertionError("checked when the package was loaded")
        registers[target] = Register(cell, result)
        for source in sources:
            if last_use[source] == place:
                registers.pop(source, None)  # what no later instruction needs
    return [registers[output].values for output in program.outputs]


def convolve(layer: Layer, a: Tensor) -> Tensor:
    """§8.3.1."""
    _, rows, columns = a.shape
    r = (layer.kernel - 1) // 2
    around = ((0, 0), (r, r), (r, r))
    if layer.edge_padding:
        padded = np.pad(a, around, mode="edge")  # §8.3.1.2
    else:
        padded = np.pad(a, around)  # §8.3.1.1
    # Sums are below 2^31 in size (§8.4): f64 holds each of them exactly, and is fast.
    acc = np.empty((layer.outputs, rows * columns), np.float64)
    acc[:] = layer.bias[:, None]
    for u in range(layer.kernel):
        for v in range(layer.kernel):
            shifted = padded[:, u : u + rows, v : v + columns].astype(np.float64)
            shifted = shifted.reshape(layer.inputs, -1)
            if layer.depthwise:
                acc += layer.weight[:, u, v, None] * shifted
            else:
                acc += layer.weight[:, :, u, v].astype(np.float64) @ shifted
    half = np.int64(1) << (layer.shift - 1)
    scaled = acc.astype(np.int64) * layer.multiplier[:, None] + half[:, None]
    result: Tensor = np.clip(scaled >> layer.shift[:, None], layer.low, layer.high)
    return result.reshape(layer.outputs, rows, columns)


def depth_to_space(a: Tensor, f: int, grid: tuple[int, int]) -> Tensor:
    """§8.3.6: the finer grid, which the whole result may exceed, is `grid`."""
    channels, rows, columns = a.shape
    split = a.reshape(channels // f**2, f, f, rows, columns).transpose(0, 3, 1, 4, 2)
    whole = split.reshape(channels // f**2, rows * f, columns * f)
    return whole[:, : grid[0], : grid[1]]


def space_to_depth(a: Tensor, f: int, grid: tuple[int, int]) -> Tensor:
    """§8.3.9: samples that `a` lacks for the coarser `grid` are its nearest ones."""
    channels, rows, columns = a.shape
    missing = ((0, 0), (0, grid[0] * f - rows), (0, grid[1] * f - columns))
    padded = np.pad(a, missing, mode="edge").reshape(channels, grid[0], f, grid[1], f)
    return padded.transpose(0, 2, 4, 1, 3).reshape(channels * f**2, *grid)
