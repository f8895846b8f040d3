"""A.2.9 and A.2.10: layers and programs of the integer network, as a package holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .reading import Reader, number, rule

(CONV, LEAKY, ADD, CONCAT, SLICE, DEPTH_TO_SPACE, MAX, MIN, SPACE_TO_DEPTH, PRODUCT) = range(10)
DEPTHWISE, EDGE_PADDING = 1, 2  # bits of a layer's kind


@dataclass(frozen=True)
class Layer:
    """A.2.9. Weights are [out][in][k][k], or [out][k][k] of a depthwise layer."""

    depthwise: bool
    edge_padding: bool
    kernel: int
    inputs: int
    outputs: int
    weight: NDArray[np.int64]
    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]
    low: int
    high: int


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


def read_layer(reader: Reader, package_format: int) -> Layer:
    """A.2.9."""
    clause = "A.2.9"
    kind = number(reader, 1, 0, 1 if package_format == 1 else 3, clause)
    depthwise = bool(kind & DEPTHWISE)
    k = number(reader, 1, 1, 3, clause)
    rule(k != 2, clause, "kernel 2")
    inputs = number(reader, 2, 1, 4096, clause)
    outputs = number(reader, 2, 1, 4096, clause)
    rule(not depthwise or inputs == outputs, clause, "channels of a depthwise layer")
    shape = (outputs, k, k) if depthwise else (outputs, inputs, k, k)
    weight = reader.array("i1", *shape)
    bias = reader.array("<i4", outputs)
    multiplier = reader.array("<i4", outputs)
    shift = reader.array("u1", outputs)
    low, high = -32768, 32767
    if package_format > 1:
        low, high = reader.signed(2), reader.signed(2)
    rule(bool((multiplier >= 0).all()), clause, "negative multiplier")
    rule(bool(((shift >= 1) & (shift <= 46)).all()), clause, "shift")
    rule(low <= high, clause, "an empty range")
    edge_padding = bool(kind & EDGE_PADDING)
    return Layer(
        depthwise, edge_padding, k, inputs, outputs, weight, bias, multiplier, shift, low, high
    )


def read_program(reader: Reader) -> Program:
    """A.2.10."""
    clause = "A.2.10"
    registers = number(reader, 2, 1, 1024, clause)
    inputs = reader.unsigned(1)
    instructions = []
    for _ in range(number(reader, 2, 0, 4096, clause)):
        operation, target = reader.unsigned(1), reader.unsigned(2)
        sources = [reader.unsigned(2) for _ in range(number(reader, 1, 1, 16, clause))]
        first, second = reader.signed(4), reader.signed(4)
        instructions.append(Instruction(operation, target, tuple(sources), first, second))
    outputs = [reader.unsigned(2) for _ in range(number(reader, 1, 1, 16, clause))]
    return Program(registers, inputs, tuple(instructions), tuple(outputs))
