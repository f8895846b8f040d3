"""Layers and programs of the integer network (section 8), and their bytes (A.2.9, A.2.10)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from dlf.specification import MAX_SHIFT

Int16Array = npt.NDArray[np.int16]


def exact(
    array: npt.ArrayLike,
    dtype: npt.DTypeLike,
    name: str,
) -> npt.NDArray:  # type: ignore[type-arg]
    """The array in `dtype`, refused when a value would change."""
    source = np.asarray(array)
    result = source.astype(dtype)
    if not np.array_equal(source, result):
        raise ValueError(f"{name} does not fit {np.dtype(dtype).name}")
    return result


class Op(IntEnum):
    """Instructions of the integer network (section 8.3)."""

    CONV = 0
    LEAKY = 1
    ADD = 2
    CONCAT = 3
    SLICE = 4
    DEPTH_TO_SPACE = 5
    MAX = 6
    MIN = 7
    SPACE_TO_DEPTH = 8
    PRODUCT = 9


@dataclass
class ConvLayer:
    """One integer convolution (section 8.3.1).

    `weight` int8 `[out, in, k, k]` (dense) or `[channels, 1, k, k]` (depthwise), `bias` and
    `multiplier` int32 `[out]`, `shift` `[out]` from 1 to 46:
    `y = saturate16((int64(bias + sum(w * x)) * multiplier + 2^(shift-1)) >> shift)`.
    """

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.uint8]
    depthwise: bool = False
    edge: bool = False

    def __post_init__(self) -> None:
        self.weight = exact(self.weight, np.int8, "weight")
        self.bias = exact(self.bias, np.int32, "bias")
        self.multiplier = exact(self.multiplier, np.int32, "multiplier")
        self.shift = exact(self.shift, np.uint8, "shift")
        if self.weight.ndim != 4 or self.weight.shape[2] != self.weight.shape[3]:
            raise ValueError("weights are [out, in, k, k]")
        if self.kernel not in (1, 3):
            raise ValueError("kernels are 1x1 or 3x3")
        if self.depthwise and self.weight.shape[1] != 1:
            raise ValueError("depthwise weights are [channels, 1, k, k]")
        for array in (self.bias, self.multiplier, self.shift):
            if array.shape != (self.out_channels,):
                raise ValueError("bias, multiplier and shift have one value per output channel")
        if self.multiplier.min() < 0 or self.shift.min() < 1 or self.shift.max() > MAX_SHIFT:
            raise ValueError("multipliers are not negative, shifts are 1 to 46")

    @property
    def kernel(self) -> int:
        """Side of the kernel: 1 or 3."""
        return int(self.weight.shape[2])

    @property
    def out_channels(self) -> int:
        """The number of output channels."""
        return int(self.weight.shape[0])

    @property
    def in_channels(self) -> int:
        """The number of input channels."""
        return int(self.weight.shape[0] if self.depthwise else self.weight.shape[1])

    def accumulator_bound(self) -> int:
        """Largest possible magnitude of an accumulator; must be at most 2^31 - 1 (section 8.4)."""
        weights = np.abs(self.weight.astype(np.int64)).reshape(self.out_channels, -1)
        return int((np.abs(self.bias.astype(np.int64)) + 32768 * weights.sum(axis=1)).max())


@dataclass
class Instruction:
    """One instruction of a program: `registers[target] = op(registers[sources...])`."""

    op: Op
    target: int
    sources: tuple[int, ...]
    arg0: int = 0
    arg1: int = 0


@dataclass
class Program:
    """A straight-line program over registers; build it with its methods, each returning a register.

    Registers `0 .. inputs-1` hold the inputs: `init` gets the rate vector and, with
    `inputs == 2`, the token values on the window grid; a `quarter s` gets `y_hat` and the context.
    """

    inputs: int
    outputs: tuple[int, ...] = ()
    instructions: list[Instruction] = field(default_factory=list)
    registers: int = 0

    def __post_init__(self) -> None:
        self.registers = max(self.registers, self.inputs)

    def _emit(self, op: Op, sources: Sequence[int], arg0: int = 0, arg1: int = 0) -> int:
        target = self.registers
        self.registers += 1
        self.instructions.append(Instruction(op, target, tuple(sources), int(arg0), int(arg1)))
        return target

    def conv(self, source: int, layer: int) -> int:
        """Add CONV with the layer of this number."""
        return self._emit(Op.CONV, (source,), layer)

    def leaky(self, source: int, slope_q15: int) -> int:
        """Add LEAKY; the slope is in units of 2^-15."""
        return self._emit(Op.LEAKY, (source,), slope_q15)

    def add(self, a: int, b: int) -> int:
        """Add ADD."""
        return self._emit(Op.ADD, (a, b))

    def concat(self, *sources: int) -> int:
        """Add CONCAT."""
        return self._emit(Op.CONCAT, sources)

    def slice(self, source: int, first: int, count: int) -> int:
        """Add SLICE: `count` channels from `first` on."""
        return self._emit(Op.SLICE, (source,), first, count)

    def depth_to_space(self, source: int, factor: int) -> int:
        """Add DEPTH_TO_SPACE."""
        return self._emit(Op.DEPTH_TO_SPACE, (source,), factor)

    def maximum(self, source: int, constant: int) -> int:
        """Add MAX with a constant."""
        return self._emit(Op.MAX, (source,), constant)

    def minimum(self, source: int, constant: int) -> int:
        """Add MIN with a constant."""
        return self._emit(Op.MIN, (source,), constant)

    def space_to_depth(self, source: int, factor: int) -> int:
        """Add SPACE_TO_DEPTH."""
        return self._emit(Op.SPACE_TO_DEPTH, (source,), factor)

    def product(self, a: int, b: int, shift: int) -> int:
        """Add PRODUCT, whose results are shifted right by `shift`, from 1."""
        return self._emit(Op.PRODUCT, (a, b), shift)


def fixed_point(scale: float) -> tuple[int, int]:
    """The (multiplier, shift) of section 8.3.1 with multiplier / 2^shift nearest to `scale`.

    Raises:
        ValueError: `scale` is negative, or 2^30 and more.
    """
    if not 0.0 <= scale < 2.0**30:
        raise ValueError("scale out of range")
    if scale == 0.0:
        return 0, 1
    for shift in range(MAX_SHIFT, 0, -1):
        multiplier = round(scale * 2.0**shift)
        if multiplier < 2**31:
            return multiplier, shift
    raise ValueError("scale out of range")


def layer_bytes(layer: ConvLayer) -> bytes:
    """A layer (A.2.9), without the range that format 2 adds."""
    sizes = (layer.kernel, layer.in_channels, layer.out_channels)
    kind = int(layer.depthwise) + 2 * int(layer.edge)
    head = struct.pack("<BBHH", kind, *sizes)
    return (
        head
        + layer.weight.tobytes()
        + layer.bias.astype("<i4").tobytes()
        + layer.multiplier.astype("<i4").tobytes()
        + layer.shift.tobytes()
    )


def program_bytes(program: Program) -> bytes:
    """A program (A.2.10)."""
    count = len(program.instructions)
    out = bytearray(struct.pack("<HBH", program.registers, program.inputs, count))
    for instruction in program.instructions:
        out += struct.pack("<BHB", instruction.op, instruction.target, len(instruction.sources))
        out += struct.pack(
            f"<{len(instruction.sources)}Hii",
            *instruction.sources,
            instruction.arg0,
            instruction.arg1,
        )
    out += struct.pack(f"<B{len(program.outputs)}H", len(program.outputs), *program.outputs)
    return bytes(out)
