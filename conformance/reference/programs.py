"""§8.2 and §8.4: layers and programs of the integer network, and the checks on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .status import Status, require

CONV, LEAKY, ADD, CONCAT, SLICE, DEPTH_TO_SPACE, MAX = range(7)
MAXIMUM_CHANNELS = 4096


@dataclass(frozen=True)
class Layer:
    """A.2.9. Weights are [out][in][k][k], or [out][k][k] of a depthwise layer."""

    depthwise: bool
    kernel: int
    inputs: int
    outputs: int
    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]


class Instruction(NamedTuple):
    """A.2.10."""

    number: int
    target: int
    sources: tuple[int, ...]
    first: int  # argument 0
    second: int  # argument 1


@dataclass(frozen=True)
class Program:
    """A.2.10."""

    registers: int
    inputs: int
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]


class Shape(NamedTuple):
    """What is known of a register before the program runs (§8.1)."""

    channels: int
    on_windows: bool  # on the window grid; otherwise on the latent grid


def check_no_overflow(layer: Layer) -> None:
    """§8.4: no sum of a layer leaves i32, whatever its i16 inputs are."""
    weights = np.abs(layer.weight).reshape(layer.outputs, -1).sum(1)
    largest = int((np.abs(layer.bias) + 32768 * weights).max())
    fits = largest <= 2**31 - 1
    require(fits, Status.MODEL_ERROR, "§8.4", "an accumulator could overflow")


def check_program(
    program: Program, layers: list[Layer], inputs: list[Shape], factor: int
) -> list[Shape]:
    """§8.2: check `program`, and return the shapes of its outputs.

    `inputs` are the shapes of registers 0, 1, ...; `factor` is window / latent_stride.
    """
    rule(program.inputs == len(inputs) <= program.registers, "number of inputs")
    shapes = dict(enumerate(inputs))
    for shape in inputs:
        rule(shape.channels <= MAXIMUM_CHANNELS, "too many channels")
    for instruction in program.instructions:
        rule(all(source in shapes for source in instruction.sources), "source not written")
        rule(instruction.target < program.registers, "no such register")
        rule(instruction.target not in shapes, "register written before")
        sources = [shapes[source] for source in instruction.sources]
        one_grid = len({source.on_windows for source in sources}) == 1
        rule(one_grid, "sources on two grids")
        shape = result_shape(instruction, layers, sources, factor)
        rule(shape.channels <= MAXIMUM_CHANNELS, "too many channels")
        shapes[instruction.target] = shape
    rule(all(output in shapes for output in program.outputs), "output not written")
    outputs = [shapes[output] for output in program.outputs]
    rule(not any(output.on_windows for output in outputs), "output on the window grid")
    return outputs


def result_shape(
    instruction: Instruction, layers: list[Layer], sources: list[Shape], factor: int
) -> Shape:
    """§8.3: check sources, arguments and channels of an instruction; the shape of its result."""
    number, first, second = instruction.number, instruction.first, instruction.second
    a = sources[0]
    rule(CONV <= number <= MAX, f"instruction {number}")
    if number == ADD:
        rule(len(sources) == 2, "ADD of other than two sources")
        rule(a.channels == sources[1].channels, "ADD of different numbers of channels")
    elif number != CONCAT:
        rule(len(sources) == 1, "more than one source")
    rule(second == 0 or number == SLICE, "argument that is not used")
    channels = a.channels
    if number == CONV:
        rule(0 <= first < len(layers), "no such layer")
        rule(layers[first].inputs == channels, "channels of a layer")
        channels = layers[first].outputs
    elif number == LEAKY:
        rule(0 <= first <= 32767, "slope")
    elif number in (ADD, CONCAT):
        rule(first == 0, "argument that is not used")
        if number == CONCAT:
            channels = sum(source.channels for source in sources)
    elif number == SLICE:
        rule(first >= 0 and second >= 1 and first + second <= channels, "SLICE of missing channels")
        channels = second
    elif number == DEPTH_TO_SPACE:
        rule(a.on_windows and first == factor, "DEPTH_TO_SPACE: grid or factor")
        rule(channels % factor**2 == 0, "DEPTH_TO_SPACE: channels")
        return Shape(channels // factor**2, on_windows=False)
    elif number == MAX:
        rule(-32768 <= first <= 32767, "constant of MAX")
    return Shape(channels, a.on_windows)


def rule(condition: bool, reason: str) -> None:
    """Refuse the package by §8.2 unless `condition` holds."""
    require(condition, Status.MODEL_ERROR, "§8.2", reason)
