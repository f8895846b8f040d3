"""Integer packages (format 2): the normative part and the encoder's part."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass, field

from dlf.specification import (
    ENCODER_MAGIC,
    ENCODER_MEMBER,
    MODEL_JSON_MEMBER,
    NORMATIVE_MAGIC,
    NORMATIVE_MEMBER,
    PACKAGE_FORMAT,
    PACKAGE_INTEGER,
    PACKAGE_RATE_MAPS,
)

from .archive import member, network_digest
from .entropy import EntropyModel
from .programs import ConvLayer, Instruction, Int16Array, Op, Program, layer_bytes, program_bytes

IMPORTANCE = 1


@dataclass
class BoundedLayer:
    """A convolution with the range that its results are clamped to (A.2.9)."""

    layer: ConvLayer
    low: int = -32768
    high: int = 32767

    def to_bytes(self) -> bytes:
        """Return the layer as A.2.9 has it."""
        return layer_bytes(self.layer) + struct.pack("<hh", self.low, self.high)


def layers_to_bytes(layers: list[BoundedLayer]) -> bytes:
    """Return the number of layers and all of them (A.2.9)."""
    return struct.pack("<H", len(layers)) + b"".join(layer.to_bytes() for layer in layers)


@dataclass
class Drawing:
    """A synthesis program and its receptive field in cells of the latent grid (A.2.11)."""

    program: Program
    reach: int

    def to_bytes(self) -> bytes:
        """Return reach and program as A.2.11 has them."""
        return struct.pack("<H", self.reach) + program_bytes(self.program)


@dataclass(kw_only=True)
class IntegerNormative(EntropyModel):
    """Everything a decoder needs from bytes to pixels; field by field Annex A.2."""

    prior_rates: Int16Array
    """`[R][P]`: rate vectors of the prior."""
    layers: list[BoundedLayer]
    prior: tuple[Program, Program, Program, Program]
    """`init`, `quarter 1`, `quarter 2`, `quarter 3`."""
    latent_shift: int
    latent_bound: int
    sample_bits: int
    noise_cells: tuple[int, ...]
    synthesis_rates: Int16Array
    """`[R][P']`."""
    synthesis: Drawing
    reduced: dict[int, Drawing] = field(default_factory=dict)
    """By factor: 2, 4, 8."""
    map_unit: int | None = None
    """Rate points to one unit of an importance map; None: no maps."""
    token_context: bool = True
    network_digest: bytes = bytes(32)

    def to_bytes(self) -> bytes:
        """Return the member `normative.bin`.

        Raises:
            ValueError: tables or numbers that do not fit together.
        """
        flags = PACKAGE_INTEGER | (PACKAGE_RATE_MAPS if self.map_unit is not None else 0)
        points = len(self.prior_rates)
        out = bytearray(
            NORMATIVE_MAGIC + struct.pack("<HH", PACKAGE_FORMAT, flags) + self.network_digest
        )
        out += self.shape_bytes(points) + self.token_bytes() + self.scale_bytes()
        out += rates_to_bytes(self.prior_rates)
        if self.map_unit is not None:
            out += struct.pack("<B", self.map_unit)
        out += layers_to_bytes(self.layers)
        for program in self.prior:
            out += program_bytes(program)
        cells = sum(1 << (cell.bit_length() - 1) for cell in self.noise_cells)
        out += struct.pack("<BhBB", self.latent_shift, self.latent_bound, self.sample_bits, cells)
        out += rates_to_bytes(self.synthesis_rates) + self.synthesis.to_bytes()
        mask = sum(1 << (factor.bit_length() - 2) for factor in self.reduced)
        out += struct.pack("<B", mask)
        for factor in sorted(self.reduced):
            out += self.reduced[factor].to_bytes()
        return bytes(out)


@dataclass
class Encoder:
    """The encoder's part (`extra/encoder.bin`): not normative, a decoder does without it."""

    thresholds: list[Int16Array]
    """Per digit, ascending: the digit is the number of thresholds that are at most the value."""
    y_fraction: int
    rates: Int16Array
    layers: list[BoundedLayer]
    analysis: Program
    bottleneck: Program
    importance: Program | None = None

    def to_bytes(self) -> bytes:
        """Return the member `extra/encoder.bin` (A.3)."""
        flags = IMPORTANCE if self.importance else 0
        out = bytearray(ENCODER_MAGIC + struct.pack("<HH", PACKAGE_FORMAT, flags))
        for thresholds in self.thresholds:
            out += thresholds.astype("<i2").tobytes()
        out += struct.pack("<B", self.y_fraction)
        out += rates_to_bytes(self.rates) + layers_to_bytes(self.layers)
        for program in (self.analysis, self.bottleneck, self.importance):
            if program is not None:
                out += program_bytes(program)
        return bytes(out)


def rates_to_bytes(rates: Int16Array) -> bytes:
    """`u16` length of a vector, then the vectors of all rate points."""
    return struct.pack("<H", rates.shape[1]) + rates.astype("<i2").tobytes()


def reach_of(program: Program, layers: list[BoundedLayer], cells: list[int], stride: int) -> int:
    """Receptive field of a program in latent grid cells; `cells`: of its inputs, in pixels."""
    cell = dict(enumerate(cells))
    for instruction in program.instructions:
        cell[instruction.target] = cell_of(instruction, cell[instruction.sources[0]])
    distance = dict.fromkeys(program.outputs, 0)
    for instruction in reversed(program.instructions):
        if instruction.target not in distance:
            continue
        needed = distance[instruction.target]
        if instruction.op == Op.CONV and layers[instruction.arg0].layer.kernel == 3:
            needed += cell[instruction.target]
        for source in instruction.sources:
            own = needed
            if instruction.op == Op.DEPTH_TO_SPACE:
                own = -(-needed // cell[source]) * cell[source]
            distance[source] = max(distance.get(source, 0), own)
    pixels = max((distance.get(i, 0) for i in range(program.inputs)), default=0)
    return -(-pixels // stride)


def cell_of(instruction: Instruction, source: int) -> int:
    """Cell of an instruction's result, from that of its source."""
    if instruction.op == Op.DEPTH_TO_SPACE:
        return source // instruction.arg0
    return source * instruction.arg0 if instruction.op == Op.SPACE_TO_DEPTH else source


def assemble(normative: IntegerNormative, encoder: Encoder, model_json: str) -> bytes:
    """The package: a zip archive without compression. The same inputs give the same bytes."""
    members = {ENCODER_MEMBER: encoder.to_bytes(), MODEL_JSON_MEMBER: model_json.encode()}
    normative.network_digest = network_digest(members)
    members[NORMATIVE_MEMBER] = normative.to_bytes()
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(member(name), data)
    return package.getvalue()
