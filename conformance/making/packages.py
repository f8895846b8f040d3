"""Small model packages without a network: for T1 and T2, with every rule of Annex A breakable."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from conformance.reference.normative import IMPORTANCE_MAPS, INTEGER_SYNTHESIS
from conformance.reference.package import network_digest
from conformance.reference.programs import DEPTHWISE, EDGE_PADDING

Ints = NDArray[np.int64]


@dataclass
class LayerPart:
    """A.2.9."""

    weight: Ints  # [out][in][k][k], or [out][k][k] of a depthwise layer
    bias: Ints
    multiplier: Ints
    shift: Ints
    edge_padding: bool = False  # this and the range: format 2
    low: int = -32768
    high: int = 32767

    def write(self, package_format: int) -> bytes:
        """Return the layer as this package format has it."""
        depthwise = self.weight.ndim == 3
        outputs, k = self.weight.shape[0], self.weight.shape[-1]
        inputs = outputs if depthwise else self.weight.shape[1]
        kind = depthwise * DEPTHWISE + self.edge_padding * EDGE_PADDING
        data = (
            struct.pack("<BBHH", kind, k, inputs, outputs)
            + self.weight.astype("i1").tobytes()
            + self.bias.astype("<i4").tobytes()
            + self.multiplier.astype("<i4").tobytes()
            + self.shift.astype("u1").tobytes()
        )
        if package_format > 1:
            data += struct.pack("<hh", self.low, self.high)
        return data


@dataclass
class ProgramPart:
    """A.2.10: instructions are (number, target, sources, argument 0, argument 1)."""

    inputs: int
    instructions: list[tuple[int, int, list[int], int, int]]
    outputs: list[int]
    registers: int | None = None

    def write(self) -> bytes:
        """Return the program."""
        highest = max([self.inputs - 1, *(target for _, target, _, _, _ in self.instructions)])
        registers = highest + 1 if self.registers is None else self.registers
        data = struct.pack("<HBH", registers, self.inputs, len(self.instructions))
        for number, target, sources, first, second in self.instructions:
            data += struct.pack("<BHB", number, target, len(sources))
            data += struct.pack(f"<{len(sources)}H", *sources) + struct.pack("<ii", first, second)
        return data + struct.pack(f"<B{len(self.outputs)}H", len(self.outputs), *self.outputs)


@dataclass
class SynthesisPart:
    """A.2.11; programs and what they say of their reach, by their divisors of the sides."""

    latent_shift: int
    latent_bound: int
    sample_bits: int
    noise_mask: int
    rate_vectors: Ints  # [R][P']
    programs: dict[int, ProgramPart]
    reaches: dict[int, int]
    reduced_mask: int | None = None

    def write(self) -> bytes:
        """Return the synthesis and the reduced ones."""
        data = struct.pack("<Bh", self.latent_shift, self.latent_bound)
        data += struct.pack("<BBH", self.sample_bits, self.noise_mask, self.rate_vectors.shape[1])
        data += self.rate_vectors.astype("<i2").tobytes()
        mask = sum(f // 2 for f in self.programs if f > 1)  # bits 0, 1, 2 for 1/2, 1/4, 1/8
        mask = mask if self.reduced_mask is None else self.reduced_mask
        for f, program in sorted(self.programs.items()):
            data += struct.pack("<H", self.reaches[f]) + program.write()
            data += bytes([mask]) * (f == 1)
        return data


@dataclass
class Parts:
    """The fields of A.2 in their order, digest aside."""

    window: int
    tokens_per_window: int
    levels: list[int]
    token_context: int
    banks: int
    latent_stride: int
    latent_align: int
    channels: int
    mean_fraction: int
    step_fraction: int
    token_tables: list[list[int]]  # frequencies
    token_map: list[int]
    thresholds: list[int]
    scale_tables: list[tuple[int, list[int]]]  # first value, frequencies
    rate_vectors: Ints  # [R][P]
    layers: list[LayerPart]
    programs: list[ProgramPart]
    tile_core: int = 4
    tile_margin: int = 1
    whole_limit: int = 64
    format: int = 1
    map_unit: int = 0  # 0: no importance maps
    synthesis: SynthesisPart | None = None
    flags: int | None = None
    members: dict[str, bytes] = field(default_factory=lambda: {"extra/model.json": b"{}"})

    def normative(self) -> bytes:
        """The normative part (A.2)."""
        rates, rate_length = self.rate_vectors.shape
        has_synthesis = self.synthesis is not None
        flags = has_synthesis * INTEGER_SYNTHESIS + (self.map_unit > 0) * IMPORTANCE_MAPS
        flags = flags if self.flags is None else self.flags
        data = b"DLFN" + struct.pack("<HH", self.format, flags) + network_digest(self.members)
        data += struct.pack("<HHB", self.window, self.tokens_per_window, len(self.levels))
        data += struct.pack(f"<{len(self.levels)}H", *self.levels)
        data += struct.pack(
            "<BBHH", self.token_context, self.banks, self.latent_stride, self.latent_align
        )
        data += struct.pack("<HBBB", self.channels, rates, self.mean_fraction, self.step_fraction)
        if not has_synthesis:
            data += struct.pack("<HHIII", self.tile_core, self.tile_margin, self.whole_limit, 1, 1)
        data += struct.pack("<I", len(self.token_tables))
        data += b"".join(frequency_table(table) for table in self.token_tables)
        data += struct.pack("<I", len(self.token_map)) + np.array(self.token_map, "<u2").tobytes()
        data += struct.pack("<H", len(self.thresholds)) + np.array(self.thresholds, "<i2").tobytes()
        for first, table in self.scale_tables:
            data += struct.pack("<h", first) + frequency_table(table)
        data += struct.pack("<H", rate_length) + self.rate_vectors.astype("<i2").tobytes()
        data += bytes([self.map_unit]) * (self.map_unit > 0)
        data += struct.pack("<H", len(self.layers))
        data += b"".join(layer.write(self.format) for layer in self.layers)
        data += b"".join(program.write() for program in self.programs)
        return data + (b"" if self.synthesis is None else self.synthesis.write())


def frequency_table(frequencies: list[int]) -> bytes:
    """A.2.4, with its count."""
    stored = [frequency - 1 for frequency in frequencies]
    return struct.pack(f"<H{len(stored)}H", len(stored), *stored)


def package(normative: bytes, members: dict[str, bytes], root: str = "archive") -> bytes:
    """A.1: the archive, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, "extra/normative.bin": normative}.items():
            entry = zipfile.ZipInfo(f"{root}/{name}", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def model_id(normative: bytes) -> int:
    """Annex B: the id of a package that is not registered."""
    first = int.from_bytes(hashlib.sha256(normative).digest()[:4], "big")
    return int(2**27 + first % 2**27)
