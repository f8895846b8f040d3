"""§8.2, §8.4 and §8.5: the checks on programs when a package is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

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
    Instruction,
    Layer,
    Program,
)
from .reading import rule

MAXIMUM_CHANNELS = 4096
FACTORS = (2, 4, 8, 16, 32, 64)


class Shape(NamedTuple):
    """What is known of a register before the program runs (§8.1, §8.4)."""

    channels: int
    cell: int
    low: int = -32768
    high: int = 32767


class Machine(NamedTuple):
    """What all programs of a package share."""

    layers: list[Layer]
    format: int
    window: int
    latent_stride: int


def check_program(program: Program, machine: Machine, inputs: list[Shape]) -> list[Shape]:
    """§8.2: check `program`, whose inputs have these shapes; the shapes of its outputs."""
    shapes = shapes_of(program, machine, inputs)
    within(all(output in shapes for output in program.outputs), "output not written")
    return [shapes[output] for output in program.outputs]


def shapes_of(program: Program, machine: Machine, inputs: list[Shape]) -> dict[int, Shape]:
    """§8.2: check all instructions; the shape of every register that is written."""
    within(program.inputs == len(inputs) <= program.registers, "number of inputs")
    shapes = dict(enumerate(inputs))
    within(all(shape.channels <= MAXIMUM_CHANNELS for shape in inputs), "too many channels")
    for instruction in program.instructions:
        within(all(source in shapes for source in instruction.sources), "source not written")
        within(instruction.target < program.registers, "no such register")
        within(instruction.target not in shapes, "register written before")
        sources = [shapes[source] for source in instruction.sources]
        within(len({source.cell for source in sources}) == 1, "sources on two grids")
        check_arguments(instruction, machine, sources)
        shape = result_shape(instruction, machine.layers, sources)
        within(shape.channels <= MAXIMUM_CHANNELS, "too many channels")
        shapes[instruction.target] = shape
    return shapes


def check_arguments(instruction: Instruction, machine: Machine, sources: list[Shape]) -> None:
    """§8.3: number of sources, their channels, and arguments."""
    number, first, second = instruction.number, instruction.first, instruction.second
    a = sources[0]
    within(CONV <= number <= (MAX if machine.format == 1 else PRODUCT), f"instruction {number}")
    if number in (ADD, PRODUCT):
        within(len(sources) == 2, "other than two sources")
        within(a.channels == sources[1].channels, "different numbers of channels")
    elif number != CONCAT:
        within(len(sources) == 1, "more than one source")
    within(second == 0 or number == SLICE, "argument that is not used")
    if number == CONV:
        within(0 <= first < len(machine.layers), "no such layer")
        layer = machine.layers[first]
        within(layer.inputs == a.channels, "channels of a layer")
        if machine.format > 1:
            check_no_overflow(layer, max(abs(a.low), abs(a.high)))
    elif number == LEAKY:
        within(0 <= first <= 32767, "slope")
    elif number in (ADD, CONCAT):
        within(first == 0, "argument that is not used")
    elif number == SLICE:
        exist = first >= 0 and second >= 1 and first + second <= a.channels
        within(exist, "SLICE of missing channels")
    elif number == DEPTH_TO_SPACE:
        if machine.format == 1:
            on_windows = a.cell == machine.window
            within(on_windows and first * machine.latent_stride == a.cell, "grid or factor")
        else:
            within(first in FACTORS and first <= a.cell, "factor of DEPTH_TO_SPACE")
        within(a.channels % first**2 == 0, "DEPTH_TO_SPACE: channels")
    elif number == SPACE_TO_DEPTH:
        within(first in FACTORS and a.cell * first <= machine.window, "factor of SPACE_TO_DEPTH")
    elif number in (MAX, MIN):
        within(-32768 <= first <= 32767, "constant of MAX or MIN")
    elif number == PRODUCT:
        within(1 <= first <= 30, "shift of PRODUCT")


def result_shape(instruction: Instruction, layers: list[Layer], sources: list[Shape]) -> Shape:
    """§8.4.2: channels, grid and interval of the result of a valid instruction."""
    number, first, second = instruction.number, instruction.first, instruction.second
    a, b = sources[0], sources[-1]
    ends = a.low, a.high
    if number == CONV:
        return Shape(layers[first].outputs, a.cell, layers[first].low, layers[first].high)
    if number == LEAKY:
        return bounded(a, lambda x: leaky(x, first), ends)
    if number == ADD:
        return bounded(a, lambda x: x, (a.low + b.low, a.high + b.high))
    if number == CONCAT:
        low, high = min(s.low for s in sources), max(s.high for s in sources)
        return Shape(sum(s.channels for s in sources), a.cell, low, high)
    if number == SLICE:
        return a._replace(channels=second)
    if number == DEPTH_TO_SPACE:
        return a._replace(channels=a.channels // first**2, cell=a.cell // first)
    if number == SPACE_TO_DEPTH:
        return a._replace(channels=a.channels * first**2, cell=a.cell * first)
    if number == MAX:
        return bounded(a, lambda x: max(x, first), ends)
    if number == MIN:
        return bounded(a, lambda x: min(x, first), ends)
    products = tuple(x * y for x in ends for y in (b.low, b.high))
    return bounded(a, lambda x: (x + 2 ** (first - 1)) >> first, products)


def bounded(a: Shape, function: Callable[[int], int], ends: tuple[int, ...]) -> Shape:
    """§8.4.2: the least and greatest value of a monotone function at `ends`, saturated."""
    values = [min(max(function(end), -32768), 32767) for end in ends]
    return a._replace(low=min(values), high=max(values))


def leaky(x: int, slope: int) -> int:
    """§8.3.2."""
    return x if x >= 0 else (x * slope + 16384) >> 15


def check_no_overflow(layer: Layer, bound: int) -> None:
    """§8.4.3: no sum of a layer leaves i32 when its inputs are at most `bound` away from 0."""
    weights = np.abs(layer.weight).reshape(layer.outputs, -1).sum(1)
    largest = int((np.abs(layer.bias) + bound * weights).max())
    rule(largest <= 2**31 - 1, "§8.4.3", "an accumulator could overflow")


def reach(program: Program, machine: Machine, inputs: list[Shape]) -> int:
    """§8.5: how far beyond a square of the picture a checked program reads, in latent positions."""
    shapes = shapes_of(program, machine, inputs)
    distances = dict.fromkeys(program.outputs, 0)
    for number, target, sources, first, _ in reversed(program.instructions):
        if target not in distances:
            continue  # it leads to no output
        distance = distances[target]
        cell = shapes[sources[0]].cell
        if number == CONV and machine.layers[first].kernel == 3:
            distance += cell  # §8.5.1
        elif number == DEPTH_TO_SPACE:
            distance = -(-distance // cell) * cell  # §8.5.2
        for source in sources:  # §8.5.3
            distances[source] = max(distance, distances.get(source, 0))
    farthest = max([distances.get(register, 0) for register in range(program.inputs)])
    return -(-farthest // machine.latent_stride)


def within(condition: bool, reason: str) -> None:
    """Refuse the package by §8.2 unless `condition` holds."""
    rule(condition, "§8.2", reason)
