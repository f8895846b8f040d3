"""The normative part of a model package, written and read with NumPy alone.

The byte layout is Annex A of ``core/BITSTREAM.md``. The C++ core is the authority on validity (it
proves, among other things, that no accumulator overflows); this module checks only what it needs to
write unambiguous bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from dlf.specification import (
    FREQUENCY_TOTAL,
    MAX_SHIFT,
    MODEL_JSON_MEMBER,
    NORMATIVE_MAGIC,
    NORMATIVE_MEMBER,
    PACKAGE_FORMAT_OLD,
)

# Written by torch.jit.save, needed by no reader: source positions, and a hash that depends on them.
DEBUG_SUFFIX = ".debug_pkl"
SERIALIZATION_ID_MEMBER = ".data/serialization_id"

Int16Array = npt.NDArray[np.int16]


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
class FrequencyTable:
    """Frequencies of the symbols ``first, first + 1, ...``: integers from 1, summing to 65536.

    In a scale table the last entry is the escape; token tables always have ``first == 0``.
    """

    frequencies: npt.NDArray[np.int64]
    first: int = 0

    def __post_init__(self) -> None:
        self.frequencies = np.asarray(self.frequencies, dtype=np.int64)
        if self.frequencies.ndim != 1 or not 1 <= self.frequencies.size <= 65535:
            raise ValueError("a frequency table has 1 to 65535 entries")
        if self.frequencies.min() < 1 or int(self.frequencies.sum()) != FREQUENCY_TOTAL:
            raise ValueError("frequencies are at least 1 and sum to 65536")


@dataclass
class ConvLayer:
    """One integer convolution (section 8.3.1).

    ``weight`` int8 ``[out, in, k, k]`` (dense) or ``[channels, 1, k, k]`` (depthwise), ``bias`` and
    ``multiplier`` int32 ``[out]``, ``shift`` ``[out]`` from 1 to 46:
    ``y = saturate16((int64(bias + sum(w * x)) * multiplier + 2^(shift-1)) >> shift)``.
    """

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.uint8]
    depthwise: bool = False
    edge: bool = False

    def __post_init__(self) -> None:
        self.weight = _exact(self.weight, np.int8, "weight")
        self.bias = _exact(self.bias, np.int32, "bias")
        self.multiplier = _exact(self.multiplier, np.int32, "multiplier")
        self.shift = _exact(self.shift, np.uint8, "shift")
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
        return int(self.weight.shape[2])

    @property
    def out_channels(self) -> int:
        return int(self.weight.shape[0])

    @property
    def in_channels(self) -> int:
        return int(self.weight.shape[0] if self.depthwise else self.weight.shape[1])

    def accumulator_bound(self) -> int:
        """Largest possible magnitude of an accumulator; must be at most 2^31 - 1 (section 8.4)."""
        weights = np.abs(self.weight.astype(np.int64)).reshape(self.out_channels, -1)
        return int((np.abs(self.bias.astype(np.int64)) + 32768 * weights.sum(axis=1)).max())


@dataclass
class Instruction:
    """One step of a program: ``registers[target] = op(registers[sources...])``."""

    op: Op
    target: int
    sources: tuple[int, ...]
    arg0: int = 0
    arg1: int = 0


@dataclass
class Program:
    """A straight-line program over registers; build it with its methods, each returning a register.

    Registers ``0 .. inputs-1`` hold the inputs: ``init`` gets the rate vector and, with
    ``inputs == 2``, the token values on the window grid; a step gets ``y_hat`` and the context.
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
        return self._emit(Op.CONV, (source,), layer)

    def leaky(self, source: int, slope_q15: int) -> int:
        return self._emit(Op.LEAKY, (source,), slope_q15)

    def add(self, a: int, b: int) -> int:
        return self._emit(Op.ADD, (a, b))

    def concat(self, *sources: int) -> int:
        return self._emit(Op.CONCAT, sources)

    def slice(self, source: int, first: int, count: int) -> int:
        return self._emit(Op.SLICE, (source,), first, count)

    def depth_to_space(self, source: int, factor: int) -> int:
        return self._emit(Op.DEPTH_TO_SPACE, (source,), factor)

    def maximum(self, source: int, constant: int) -> int:
        return self._emit(Op.MAX, (source,), constant)

    def minimum(self, source: int, constant: int) -> int:
        return self._emit(Op.MIN, (source,), constant)

    def space_to_depth(self, source: int, factor: int) -> int:
        return self._emit(Op.SPACE_TO_DEPTH, (source,), factor)

    def product(self, a: int, b: int, shift: int) -> int:
        return self._emit(Op.PRODUCT, (a, b), shift)


@dataclass
class NormativePart:
    """Everything a decoder needs between bytes and latents; field by field Annex A.2."""

    window: int
    tokens_per_window: int
    levels: tuple[int, ...]
    latent_channels: int
    latent_fraction: int
    step_fraction: int
    token_tables: list[FrequencyTable]
    token_map: npt.NDArray[np.uint16]
    thresholds: Int16Array
    scale_tables: list[FrequencyTable]
    rate_vectors: Int16Array
    layers: list[ConvLayer]
    programs: tuple[Program, Program, Program, Program]
    token_context: bool = False
    banks: int = 1
    latent_stride: int = 32
    latent_align: int = 32
    tile_core: int = 8
    tile_margin: int = 1
    whole_limit: int = 64
    analysis_macs: int = 0
    synthesis_macs: int = 0
    network_digest: bytes = bytes(32)

    @property
    def rate_points(self) -> int:
        return int(self.rate_vectors.shape[0])

    def map_size(self) -> int:
        """Entries of ``token_map``: ``[bank][slot][digit][left][above]``, ragged over the digit."""
        if self.token_context:
            per_slot = sum((level + 1) ** 2 for level in self.levels)
        else:
            per_slot = len(self.levels)
        return self.banks * self.tokens_per_window * per_slot

    def to_bytes(self) -> bytes:
        out = bytearray(NORMATIVE_MAGIC)
        out += struct.pack("<HH", PACKAGE_FORMAT_OLD, 0)
        if len(self.network_digest) != 32:
            raise ValueError("the network digest is 32 bytes")
        out += self.network_digest
        out += struct.pack("<HHB", self.window, self.tokens_per_window, len(self.levels))
        out += struct.pack(f"<{len(self.levels)}H", *self.levels)
        out += struct.pack(
            "<BBHHH",
            int(self.token_context),
            self.banks,
            self.latent_stride,
            self.latent_align,
            self.latent_channels,
        )
        out += struct.pack("<BBB", self.rate_points, self.latent_fraction, self.step_fraction)
        out += struct.pack(
            "<HHIII",
            self.tile_core,
            self.tile_margin,
            self.whole_limit,
            self.analysis_macs,
            self.synthesis_macs,
        )
        out += self._token_bytes()
        out += self._scale_bytes()
        rates = _exact(self.rate_vectors, np.int16, "rate_vectors")
        if rates.ndim != 2:
            raise ValueError("rate vectors are [rate point][channel]")
        out += struct.pack("<H", rates.shape[1]) + rates.astype("<i2").tobytes()
        out += struct.pack("<H", len(self.layers))
        for layer in self.layers:
            out += layer_bytes(layer)
        if len(self.programs) != 4:
            raise ValueError("there are four programs: init and three steps")
        for program in self.programs:
            out += program_bytes(program)
        return bytes(out)

    def _token_bytes(self) -> bytes:
        out = bytearray(struct.pack("<I", len(self.token_tables)))
        for table in self.token_tables:
            if table.first != 0:
                raise ValueError("token tables start at symbol 0")
            out += struct.pack("<H", table.frequencies.size) + frequency_bytes(table)
        token_map = _exact(self.token_map, np.uint16, "token_map").reshape(-1)
        if token_map.size != self.map_size():
            raise ValueError(f"the token map has {token_map.size} entries, not {self.map_size()}")
        return bytes(out + struct.pack("<I", token_map.size) + token_map.astype("<u2").tobytes())

    def _scale_bytes(self) -> bytes:
        thresholds = _exact(self.thresholds, np.int16, "thresholds")
        if thresholds.shape != (len(self.scale_tables),):
            raise ValueError("there is one threshold per scale table")
        out = bytearray(struct.pack("<H", thresholds.size) + thresholds.astype("<i2").tobytes())
        for table in self.scale_tables:
            out += struct.pack("<hH", table.first, table.frequencies.size) + frequency_bytes(table)
        return bytes(out)

    @classmethod
    def from_bytes(cls, data: bytes) -> NormativePart:
        """Reads what ``to_bytes`` wrote; raises ValueError on anything else."""
        read = _Reader(data)
        if read.take(4) != NORMATIVE_MAGIC or read.unpack("HH") != (PACKAGE_FORMAT_OLD, 0):
            raise ValueError("not a normative part of format 1")
        digest = read.take(32)
        window, tokens, digits = read.unpack("HHB")
        levels = read.unpack(f"{digits}H")
        context, banks, stride, align, channels = read.unpack("BBHHH")
        rates, latent_fraction, step_fraction = read.unpack("BBB")
        core, margin, whole, analysis, synthesis = read.unpack("HHIII")
        token_tables = [read.table(signed=False) for _ in range(read.unpack("I")[0])]
        token_map = read.array("<u2", read.unpack("I")[0])
        n_scales = read.unpack("H")[0]
        thresholds = read.array("<i2", n_scales)
        scale_tables = [read.table(signed=True) for _ in range(n_scales)]
        width = read.unpack("H")[0]
        rate_vectors = read.array("<i2", rates * width).reshape(rates, width)
        layers = [read.layer() for _ in range(read.unpack("H")[0])]
        programs = (read.program(), read.program(), read.program(), read.program())
        if read.position != len(data):
            raise ValueError("bytes behind the last program")
        return cls(
            window=window,
            tokens_per_window=tokens,
            levels=tuple(levels),
            latent_channels=channels,
            latent_fraction=latent_fraction,
            step_fraction=step_fraction,
            token_tables=token_tables,
            token_map=token_map,
            thresholds=thresholds,
            scale_tables=scale_tables,
            rate_vectors=rate_vectors,
            layers=layers,
            programs=programs,
            token_context=bool(context),
            banks=banks,
            latent_stride=stride,
            latent_align=align,
            tile_core=core,
            tile_margin=margin,
            whole_limit=whole,
            analysis_macs=analysis,
            synthesis_macs=synthesis,
            network_digest=digest,
        )


def normalise_frequencies(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Turns non-negative counts into frequencies of at least 1 that sum to 65536.

    Starts from the floor of the exact share and hands the remainder out (or takes the excess back)
    where it changes the code length least; equal counts always give the same table.
    """
    weights = np.asarray(counts, dtype=np.float64)
    if weights.ndim != 1 or weights.size < 1 or weights.size > 65535 or (weights < 0).any():
        raise ValueError("counts are a non-empty vector of non-negative numbers")
    if weights.sum() <= 0:
        weights = np.ones_like(weights)
    share = weights / weights.sum() * FREQUENCY_TOTAL
    result: npt.NDArray[np.int64] = np.maximum(np.floor(share).astype(np.int64), 1)
    while (rest := FREQUENCY_TOTAL - int(result.sum())) != 0:
        if rest > 0:
            gain = weights * np.log((result + 1) / result)
            order = np.argsort(-gain, kind="stable")[: min(rest, result.size)]
            result[order] += 1
        else:
            loss = weights * np.log(result / np.maximum(result - 1, 1))
            loss[result == 1] = np.inf
            order = np.argsort(loss, kind="stable")
            order = order[result[order] > 1][: min(-rest, max(1, result.size // 8))]
            result[order] -= 1
    return result


def fixed_point(scale: float) -> tuple[int, int]:
    """The (multiplier, shift) of section 8.3.1 with multiplier / 2^shift nearest to ``scale``."""
    if not 0.0 <= scale < 2.0**30:
        raise ValueError("scale out of range")
    if scale == 0.0:
        return 0, 1
    for shift in range(MAX_SHIFT, 0, -1):
        multiplier = round(scale * 2.0**shift)
        if multiplier < 2**31:
            return multiplier, shift
    raise ValueError("scale out of range")


def network_digest(members: Mapping[str, bytes]) -> bytes:
    """SHA-256 over all members except the normative part, named relative to the root (A.1.3)."""
    digest = hashlib.sha256()
    for name, data in sorted((name.encode(), data) for name, data in members.items()):
        if name != NORMATIVE_MEMBER.encode():
            digest.update(struct.pack("<I", len(name)) + name + struct.pack("<Q", len(data)) + data)
    return digest.digest()


def assemble_package(torchscript: bytes, normative: NormativePart, model_json: str) -> bytes:
    """Adds the normative part and the description to a TorchScript archive.

    ``torchscript`` is what ``torch.jit.save`` wrote. Sets ``normative.network_digest``. The same
    inputs give the same bytes.
    """
    package = io.BytesIO()
    assemble_files(io.BytesIO(torchscript), package, normative, model_json)
    return package.getvalue()


def assemble_files(
    torchscript: BinaryIO, package: BinaryIO, normative: NormativePart, model_json: str
) -> None:
    """``assemble_package`` between open files, for archives that should not pass through memory.

    Members that only serve debugging are left out: they hold the paths of the machine that
    exported the network, and would make the package's identity depend on them.
    """
    with (
        _classic_zip(),
        zipfile.ZipFile(torchscript) as source,
        zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as target,
    ):
        root = _common_root(source.namelist())
        for info in source.infolist():
            name = info.filename[len(root) :]
            if name in (MODEL_JSON_MEMBER, NORMATIVE_MEMBER):
                raise ValueError("the archive already is a model package")
            if not name.endswith(DEBUG_SUFFIX) and name != SERIALIZATION_ID_MEMBER:
                copy = member(name)
                copy.compress_type = info.compress_type
                with source.open(info) as old, target.open(copy, "w") as new:
                    shutil.copyfileobj(old, new, 1 << 20)
        target.writestr(member(MODEL_JSON_MEMBER), model_json.encode())
    with _classic_zip(), zipfile.ZipFile(package, "a", zipfile.ZIP_STORED) as target:
        normative.network_digest = _archive_digest(target)
        target.writestr(member(NORMATIVE_MEMBER), normative.to_bytes())


def read_package(data: bytes) -> tuple[NormativePart, str]:
    """The normative part and the description of a package; ValueError when it was altered."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        root = _common_root(names)
        members = {name[len(root) :]: archive.read(name) for name in names}
    if NORMATIVE_MEMBER not in members:
        raise ValueError("not a model package")
    normative = NormativePart.from_bytes(members[NORMATIVE_MEMBER])
    if normative.network_digest != network_digest(members):
        raise ValueError("altered model package")
    return normative, members.get(MODEL_JSON_MEMBER, b"{}").decode()


def normative_digest(data: bytes) -> str:
    """SHA-256 of a package's normative part, of any format: what its id follows from."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = _common_root(archive.namelist())
        return hashlib.sha256(archive.read(root + NORMATIVE_MEMBER)).hexdigest()


def _archive_digest(archive: zipfile.ZipFile) -> bytes:
    """``network_digest`` of an archive, read piece by piece."""
    root = _common_root(archive.namelist())
    digest = hashlib.sha256()
    for info in sorted(archive.infolist(), key=lambda info: info.filename.encode()):
        name = info.filename[len(root) :].encode()
        if name != NORMATIVE_MEMBER.encode():
            digest.update(struct.pack("<I", len(name)) + name + struct.pack("<Q", info.file_size))
            with archive.open(info) as member:
                while piece := member.read(1 << 20):
                    digest.update(piece)
    return digest.digest()


@contextlib.contextmanager
def _classic_zip() -> Iterator[None]:
    """Writes offsets below 4 GiB in 32 bits, as the format allows.

    ``zipfile`` takes to its 64-bit extension at 2 GiB, and miniz, which the core reads packages
    with, rejects that extension in archives of less than 4 GiB.
    """
    limit = zipfile.ZIP64_LIMIT
    try:
        zipfile.ZIP64_LIMIT = 2**32 - 2  # type: ignore[misc]
        yield
    finally:
        zipfile.ZIP64_LIMIT = limit  # type: ignore[misc]


def member(name: str) -> zipfile.ZipInfo:
    """A member below the archive's root, without anything that changes from run to run."""
    return zipfile.ZipInfo(f"archive/{name}", date_time=(1980, 1, 1, 0, 0, 0))


def _common_root(names: Iterable[str]) -> str:
    roots = {name.split("/", 1)[0] for name in names}
    if len(roots) != 1:
        raise ValueError("an archive has one root directory")
    return roots.pop() + "/"


def _exact(array: npt.ArrayLike, dtype: npt.DTypeLike, name: str) -> npt.NDArray:  # type: ignore[type-arg]
    """The array in ``dtype``, refused when a value would change."""
    source = np.asarray(array)
    result = source.astype(dtype)
    if not np.array_equal(source, result):
        raise ValueError(f"{name} does not fit {np.dtype(dtype).name}")
    return result


def frequency_bytes(table: FrequencyTable) -> bytes:
    """Frequencies of a table (A.2.4)."""
    return (table.frequencies - 1).astype("<u2").tobytes()


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
    steps = len(program.instructions)
    out = bytearray(struct.pack("<HBH", program.registers, program.inputs, steps))
    for step in program.instructions:
        out += struct.pack("<BHB", step.op, step.target, len(step.sources))
        out += struct.pack(f"<{len(step.sources)}Hii", *step.sources, step.arg0, step.arg1)
    out += struct.pack(f"<B{len(program.outputs)}H", len(program.outputs), *program.outputs)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.position : self.position + count]
        if len(piece) != count:
            raise ValueError("the normative part ends early")
        self.position += count
        return piece

    def unpack(self, layout: str) -> tuple[int, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def array(self, dtype: str, count: int) -> npt.NDArray:  # type: ignore[type-arg]
        kind = np.dtype(dtype)
        raw = np.frombuffer(self.take(count * kind.itemsize), dtype=kind)
        return raw.astype(kind.newbyteorder("="))

    def table(self, signed: bool) -> FrequencyTable:
        first, count = self.unpack("hH") if signed else (0, *self.unpack("H"))
        return FrequencyTable(self.array("<u2", count).astype(np.int64) + 1, first)

    def layer(self) -> ConvLayer:
        depthwise, kernel, in_channels, out_channels = self.unpack("BBHH")
        shape = (out_channels, 1 if depthwise else in_channels, kernel, kernel)
        return ConvLayer(
            self.array("<i1", int(np.prod(shape))).reshape(shape),
            self.array("<i4", out_channels),
            self.array("<i4", out_channels),
            self.array("<u1", out_channels),
            bool(depthwise),
        )

    def program(self) -> Program:
        registers, inputs, count = self.unpack("HBH")
        instructions = []
        for _ in range(count):
            op, target, n_sources = self.unpack("BHB")
            sources = self.unpack(f"{n_sources}H")
            arg0, arg1 = self.unpack("ii")
            instructions.append(Instruction(Op(op), target, sources, arg0, arg1))
        n_outputs = self.unpack("B")[0]
        return Program(inputs, self.unpack(f"{n_outputs}H"), instructions, registers)
