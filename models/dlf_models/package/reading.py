"""Reads the parts of integer packages back (A.2, A.3): the inverse of `integer`.

For trusted packages: training goes on from them. What decoders refuse is the core's business.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
from numpy.typing import DTypeLike, NDArray

from .archive import common_root
from .integer import IMPORTANCE, BoundedLayer, Drawing, Encoder, IntegerNormative
from .programs import ConvLayer, Instruction, Int16Array, Op, Program
from .tables import FrequencyTable


class Reader:
    """Takes numbers and arrays from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, format: str) -> tuple[int, ...]:
        """Take what `struct` reads for a little-endian `format`."""
        found = struct.unpack_from("<" + format, self.data, self.at)
        self.at += struct.calcsize("<" + format)
        return found

    def number(self, format: str) -> int:
        """Take one number."""
        return self.take(format)[0]

    def array(self, dtype: DTypeLike, *shape: int) -> NDArray[np.generic]:
        """Take an array of little-endian samples."""
        count = int(np.prod(shape))
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found.reshape(shape)

    def end(self) -> None:
        """Raise ValueError where something is left."""
        if self.at != len(self.data):
            raise ValueError("bytes after the last field")


@dataclass
class IntegerPackage:
    """What a package holds."""

    normative: IntegerNormative
    encoder: Encoder | None
    model_json: str


def read_package(path: Path) -> IntegerPackage:
    """Read an integer package.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not an integer package; the message names the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            root = common_root(names)
            normative = read_normative(archive.read(root + NORMATIVE_MEMBER))
            encoder = None
            if root + ENCODER_MEMBER in names:
                encoder = read_encoder(archive.read(root + ENCODER_MEMBER), normative)
            text = archive.read(root + MODEL_JSON_MEMBER).decode()
    except (zipfile.BadZipFile, KeyError, struct.error, ValueError) as error:
        raise ValueError(f"{path}: not an integer model package ({error})") from error
    return IntegerPackage(normative, encoder, text)


def read_normative(data: bytes) -> IntegerNormative:
    """Read the member `normative.bin` (A.2).

    Raises:
        ValueError, struct.error: it is not that of an integer package.
    """
    reader = Reader(data)
    flags = _preamble(reader, NORMATIVE_MAGIC)
    if not flags & PACKAGE_INTEGER:
        raise ValueError("its synthesis is not an integer program")
    digest = reader.array("u1", 32).tobytes()
    window, tokens, depth = reader.take("HHB")
    levels = reader.take(f"{depth}H")
    token_context, banks, stride, align, channels = reader.take("BBHHH")
    points, mean, step = reader.take("BBB")
    token_tables = [_frequencies(reader, reader.number("H")) for _ in range(reader.number("I"))]
    token_map = reader.array("<u2", reader.number("I")).astype(np.uint16)
    thresholds = reader.array("<i2", reader.number("H")).astype(np.int16)
    scale_tables = [_scale_table(reader) for _ in thresholds]
    prior_rates = _rates(reader, points)
    map_unit = reader.number("B") if flags & PACKAGE_RATE_MAPS else None
    layers = _layers(reader)
    prior = (_program(reader), _program(reader), _program(reader), _program(reader))
    latent_shift, latent_bound, sample_bits, cells = reader.take("BhBB")
    synthesis_rates, synthesis = _rates(reader, points), _drawing(reader)
    mask = reader.number("B")
    reduced = {2 << bit: _drawing(reader) for bit in range(8) if mask >> bit & 1}
    reader.end()
    return IntegerNormative(
        window=window,
        tokens_per_window=tokens,
        levels=levels,
        token_context=bool(token_context),
        banks=banks,
        latent_stride=stride,
        latent_align=align,
        latent_channels=channels,
        mean_fraction=mean,
        step_fraction=step,
        token_tables=token_tables,
        token_map=token_map,
        thresholds=thresholds,
        scale_tables=scale_tables,
        prior_rates=prior_rates,
        map_unit=map_unit,
        layers=layers,
        prior=prior,
        latent_shift=latent_shift,
        latent_bound=latent_bound,
        sample_bits=sample_bits,
        noise_cells=tuple(1 << bit for bit in reversed(range(8)) if cells >> bit & 1),
        synthesis_rates=synthesis_rates,
        synthesis=synthesis,
        reduced=reduced,
        network_digest=digest,
    )


def read_encoder(data: bytes, normative: IntegerNormative) -> Encoder:
    """Read the member `encoder.bin` (A.3) of the package that `normative` is of.

    Raises:
        ValueError, struct.error: it is none.
    """
    reader = Reader(data)
    flags = _preamble(reader, ENCODER_MAGIC)
    encoder = Encoder(
        thresholds=[reader.array("<i2", level - 1).astype(np.int16) for level in normative.levels],
        y_fraction=reader.number("B"),
        rates=_rates(reader, len(normative.prior_rates)),
        layers=_layers(reader),
        analysis=_program(reader),
        bottleneck=_program(reader),
        importance=_program(reader) if flags & IMPORTANCE else None,
    )
    reader.end()
    return encoder


def _preamble(reader: Reader, magic: bytes) -> int:
    """Signature and format; returns the flags."""
    if reader.array("u1", len(magic)).tobytes() != magic or reader.number("H") != PACKAGE_FORMAT:
        raise ValueError(f"its signature is not {magic.decode()} of format {PACKAGE_FORMAT}")
    return reader.number("H")


def _frequencies(reader: Reader, count: int, first: int = 0) -> FrequencyTable:
    return FrequencyTable(reader.array("<u2", count).astype(np.int64) + 1, first)


def _scale_table(reader: Reader) -> FrequencyTable:
    first, count = reader.take("hH")
    return _frequencies(reader, count, first)


def _rates(reader: Reader, points: int) -> Int16Array:
    return reader.array("<i2", points, reader.number("H")).astype(np.int16)


def _layers(reader: Reader) -> list[BoundedLayer]:
    return [_layer(reader) for _ in range(reader.number("H"))]


def _layer(reader: Reader) -> BoundedLayer:
    kind, kernel, channels_in, channels_out = reader.take("BBHH")
    depthwise, edge = bool(kind & 1), bool(kind & 2)
    across = 1 if depthwise else channels_in
    layer = ConvLayer(
        reader.array("i1", channels_out, across, kernel, kernel).astype(np.int8),
        reader.array("<i4", channels_out).astype(np.int32),
        reader.array("<i4", channels_out).astype(np.int32),
        reader.array("u1", channels_out).astype(np.uint8),
        depthwise,
        edge,
    )
    return BoundedLayer(layer, *reader.take("hh"))


def _program(reader: Reader) -> Program:
    registers, inputs, count = reader.take("HBH")
    program = Program(inputs, registers=registers)
    for _ in range(count):
        op, target, sources = reader.take("BHB")
        at = reader.take(f"{sources}H")
        program.instructions.append(Instruction(Op(op), target, at, *reader.take("ii")))
    program.outputs = reader.take(f"{reader.number('B')}H")
    return program


def _drawing(reader: Reader) -> Drawing:
    reach = reader.number("H")
    return Drawing(_program(reader), reach)
