"""Packages of TorchScript networks (format 1): the normative part, and the archive around it."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from dlf.specification import (
    MODEL_JSON_MEMBER,
    NORMATIVE_MAGIC,
    NORMATIVE_MEMBER,
    PACKAGE_FORMAT_OLD,
)

from .archive import archive_digest, classic_zip, common_root, member, network_digest
from .entropy import EntropyModel
from .programs import (
    ConvLayer,
    Instruction,
    Int16Array,
    Op,
    Program,
    exact,
    layer_bytes,
    program_bytes,
)
from .tables import FrequencyTable

# Written by torch.jit.save, needed by no reader: source positions, and a hash that depends on them.
DEBUG_SUFFIX = ".debug_pkl"
SERIALIZATION_ID_MEMBER = ".data/serialization_id"


@dataclass(kw_only=True)
class NormativePart(EntropyModel):
    """Everything a decoder needs between bytes and latents; field by field Annex A.2."""

    rate_vectors: Int16Array
    layers: list[ConvLayer]
    programs: tuple[Program, Program, Program, Program]
    token_context: bool = False
    tile_core: int = 8
    tile_margin: int = 1
    whole_limit: int = 64
    analysis_macs: int = 0
    synthesis_macs: int = 0
    network_digest: bytes = bytes(32)

    @property
    def rate_points(self) -> int:
        """R, the number of rate points."""
        return int(self.rate_vectors.shape[0])

    def to_bytes(self) -> bytes:
        """Return the member `normative.bin`.

        Raises:
            ValueError: tables or numbers that do not fit together.
        """
        out = bytearray(NORMATIVE_MAGIC)
        out += struct.pack("<HH", PACKAGE_FORMAT_OLD, 0)
        if len(self.network_digest) != 32:
            raise ValueError("the network digest is 32 bytes")
        out += self.network_digest
        out += self.shape_bytes(self.rate_points)
        out += struct.pack(
            "<HHIII",
            self.tile_core,
            self.tile_margin,
            self.whole_limit,
            self.analysis_macs,
            self.synthesis_macs,
        )
        out += self.token_bytes()
        out += self.scale_bytes()
        rates = exact(self.rate_vectors, np.int16, "rate_vectors")
        if rates.ndim != 2:
            raise ValueError("rate vectors are [rate point][channel]")
        out += struct.pack("<H", rates.shape[1]) + rates.astype("<i2").tobytes()
        out += struct.pack("<H", len(self.layers))
        for layer in self.layers:
            out += layer_bytes(layer)
        if len(self.programs) != 4:
            raise ValueError("there are four programs: init and three quarters")
        for program in self.programs:
            out += program_bytes(program)
        return bytes(out)

    @classmethod
    def from_bytes(cls, data: bytes) -> NormativePart:
        """Reads what `to_bytes` wrote; raises ValueError on anything else."""
        read = Reader(data)
        if read.take(4) != NORMATIVE_MAGIC or read.unpack("HH") != (PACKAGE_FORMAT_OLD, 0):
            raise ValueError("not a normative part of format 1")
        digest = read.take(32)
        window, tokens, digits = read.unpack("HHB")
        levels = read.unpack(f"{digits}H")
        context, banks, stride, align, channels = read.unpack("BBHHH")
        rates, mean_fraction, step_fraction = read.unpack("BBB")
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
            raise ValueError("bytes after the last program")
        return cls(
            window=window,
            tokens_per_window=tokens,
            levels=tuple(levels),
            latent_channels=channels,
            mean_fraction=mean_fraction,
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


class Reader:
    """Reads a normative part from front to back.

    Raises:
        ValueError: by every method, when the part ends early.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            ValueError: the part ends early.
        """
        piece = self.data[self.position : self.position + count]
        if len(piece) != count:
            raise ValueError("the normative part ends early")
        self.position += count
        return piece

    def unpack(self, layout: str) -> tuple[int, ...]:
        """Return the next numbers, of a layout of `struct`, little-endian."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def array(self, dtype: str, count: int) -> npt.NDArray:  # type: ignore[type-arg]
        """Return the next `count` numbers of a type, in the byte order of this machine."""
        kind = np.dtype(dtype)
        raw = np.frombuffer(self.take(count * kind.itemsize), dtype=kind)
        return raw.astype(kind.newbyteorder("="))

    def table(self, signed: bool) -> FrequencyTable:
        """Return the next frequency table; `signed`: its first value stands before it."""
        first, count = self.unpack("hH") if signed else (0, *self.unpack("H"))
        return FrequencyTable(self.array("<u2", count).astype(np.int64) + 1, first)

    def layer(self) -> ConvLayer:
        """Return the next layer (A.2.9)."""
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
        """Return the next program (A.2.10)."""
        registers, inputs, count = self.unpack("HBH")
        instructions = []
        for _ in range(count):
            op, target, n_sources = self.unpack("BHB")
            sources = self.unpack(f"{n_sources}H")
            arg0, arg1 = self.unpack("ii")
            instructions.append(Instruction(Op(op), target, sources, arg0, arg1))
        n_outputs = self.unpack("B")[0]
        return Program(inputs, self.unpack(f"{n_outputs}H"), instructions, registers)


def assemble_package(torchscript: bytes, normative: NormativePart, model_json: str) -> bytes:
    """Adds the normative part and the description to a TorchScript archive.

    `torchscript` is what `torch.jit.save` wrote. Sets `normative.network_digest`. The same
    inputs give the same bytes.
    """
    package = io.BytesIO()
    assemble_files(io.BytesIO(torchscript), package, normative, model_json)
    return package.getvalue()


def assemble_files(
    torchscript: BinaryIO, package: BinaryIO, normative: NormativePart, model_json: str
) -> None:
    """`assemble_package` between open files, for archives that should not pass through memory.

    Members that only serve debugging are left out: they hold the paths of the machine that
    exported the network, and would make the package's identity depend on them.

    Raises:
        ValueError: the archive is not one of TorchScript.
    """
    with (
        classic_zip(),
        zipfile.ZipFile(torchscript) as source,
        zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as target,
    ):
        root = common_root(source.namelist())
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
    with classic_zip(), zipfile.ZipFile(package, "a", zipfile.ZIP_STORED) as target:
        normative.network_digest = archive_digest(target)
        target.writestr(member(NORMATIVE_MEMBER), normative.to_bytes())


def read_package(data: bytes) -> tuple[NormativePart, str]:
    """Return the normative part and the description of a package.

    Raises:
        ValueError: it is no package, or was altered.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        root = common_root(names)
        members = {name[len(root) :]: archive.read(name) for name in names}
    if NORMATIVE_MEMBER not in members:
        raise ValueError("not a model package")
    normative = NormativePart.from_bytes(members[NORMATIVE_MEMBER])
    if normative.network_digest != network_digest(members):
        raise ValueError("altered model package")
    return normative, members.get(MODEL_JSON_MEMBER, b"{}").decode()
