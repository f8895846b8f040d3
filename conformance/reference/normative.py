"""A.2: the normative part of a model package."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from .entropy import FrequencyTable, ScaleTable
from .programs import (
    Instruction,
    Layer,
    Program,
    Shape,
    check_no_overflow,
    check_program,
)
from .reading import Reader
from .status import Status, require


class Model:
    """The fields of the normative part; comments give their names in Annex A."""

    network_digest: bytes
    window: int
    slots: int  # T
    levels: list[int]
    token_context: bool
    banks: int  # K
    latent_stride: int
    latent_align: int
    channels: int  # C
    rate_points: int  # R
    mean_bits: int  # Fy
    step_bits: int  # Fq
    tile_core: int
    tile_margin: int
    whole_limit: int
    analysis_macs: int
    synthesis_macs: int
    token_tables: list[FrequencyTable]
    token_map: list[list[list[NDArray[np.int64]]]]  # [bank][slot][digit] -> [left][above]
    thresholds: list[int]
    scale_tables: list[ScaleTable]
    rate_vectors: NDArray[np.int64]  # [R][P]
    layers: list[Layer]
    programs: list[Program]  # init, step 1, step 2, step 3
    sha256: str

    @property
    def depth(self) -> int:
        """D, the digits of a token."""
        return len(self.levels)


def parse(data: bytes) -> Model:
    """A.2: read and check a normative part."""
    reader = Reader(data, Status.MODEL_ERROR, "A.2")
    model = Model()
    model.sha256 = hashlib.sha256(data).hexdigest()
    read_preamble(reader, model)
    read_shape(reader, model)
    read_tiles(reader, model)
    read_token_tables(reader, model)
    read_token_map(reader, model)
    read_scales(reader, model)
    read_rate_vectors(reader, model)
    model.layers = [read_layer(reader) for _ in range(number(reader, 2, 0, 1024, "A.2.9"))]
    model.programs = [read_program(reader) for _ in range(4)]
    check_programs(model)
    rule(reader.remaining == 0, "A.2", "bytes behind the last field")
    return model


def read_preamble(reader: Reader, model: Model) -> None:
    """A.2.1."""
    rule(reader.take(4) == b"DLFN", "A.2.1", "signature")
    number(reader, 2, 1, 1, "A.2.1")
    number(reader, 2, 0, 0, "A.2.1")
    model.network_digest = reader.take(32)


def read_shape(reader: Reader, model: Model) -> None:
    """A.2.2."""
    clause = "A.2.2"
    model.window = number(reader, 2, 1, 1024, clause)
    model.slots = number(reader, 2, 1, 1024, clause)
    depth = number(reader, 1, 1, 8, clause)
    model.levels = [number(reader, 2, 2, 4096, clause) for _ in range(depth)]
    model.token_context = bool(number(reader, 1, 0, 1, clause))
    model.banks = number(reader, 1, 1, 255, clause)
    model.latent_stride = number(reader, 2, 1, 1024, clause)
    model.latent_align = number(reader, 2, 1, 1024, clause)
    model.channels = number(reader, 2, 4, 1024, clause)
    model.rate_points = number(reader, 1, 1, 255, clause)
    model.mean_bits = number(reader, 1, 0, 14, clause)
    model.step_bits = number(reader, 1, 0, 14, clause)
    rule(model.window % model.latent_align == 0, clause, "window and latent_align")
    rule(model.latent_align % model.latent_stride == 0, clause, "latent_align and latent_stride")
    rule(model.channels % 4 == 0, clause, "number of channels")


def read_tiles(reader: Reader, model: Model) -> None:
    """A.2.3."""
    model.tile_core = number(reader, 2, 1, 1024, "A.2.3")
    model.tile_margin = number(reader, 2, 0, 1024, "A.2.3")
    model.whole_limit = number(reader, 4, 1, 2**20, "A.2.3")
    model.analysis_macs = reader.unsigned(4)
    model.synthesis_macs = reader.unsigned(4)


def read_frequencies(reader: Reader, count: int) -> FrequencyTable:
    """A.2.4."""
    frequencies = [int(stored) + 1 for stored in reader.array("<u2", count)]
    rule(sum(frequencies) == 65536, "A.2.4", "sum of frequencies")
    return FrequencyTable.of(frequencies)


def read_token_tables(reader: Reader, model: Model) -> None:
    """A.2.5."""
    model.token_tables = []
    for _ in range(number(reader, 4, 1, 65535, "A.2.5")):
        count = number(reader, 2, 1, 65535, "A.2.5")
        model.token_tables.append(read_frequencies(reader, count))
    if model.banks > 1:
        rule(model.token_tables[0].count == model.banks, "A.2.5", "table of banks")


def read_token_map(reader: Reader, model: Model) -> None:
    """A.2.6."""
    entries = number(reader, 4, 0, 2**24, "A.2.6")
    sides = [levels + 1 if model.token_context else 1 for levels in model.levels]
    expected = model.banks * model.slots * sum(side**2 for side in sides)
    rule(entries == expected, "A.2.6", "number of entries")
    stored = reader.array("<u2", entries)
    rule(bool((stored < len(model.token_tables)).all()), "A.2.6", "no such table")
    counts = np.array([table.count for table in model.token_tables])
    model.token_map = []
    position = 0
    for _ in range(model.banks):
        bank: list[list[NDArray[np.int64]]] = []
        for _ in range(model.slots):
            slot = []
            for levels, side in zip(model.levels, sides, strict=True):
                table_numbers = stored[position : position + side**2].reshape(side, side)
                fits = bool((counts[table_numbers] == levels).all())
                rule(fits, "A.2.6", "table of another number of entries")
                slot.append(table_numbers)
                position += side**2
            bank.append(slot)
        model.token_map.append(bank)


def read_scales(reader: Reader, model: Model) -> None:
    """A.2.7."""
    scales = number(reader, 2, 0, 256, "A.2.7")
    model.thresholds = [int(threshold) for threshold in reader.array("<i2", scales)]
    ascending = all(np.diff(model.thresholds) > 0)
    rule(ascending, "A.2.7", "thresholds do not ascend")
    model.scale_tables = []
    for _ in range(scales):
        first = reader.signed(2)
        count = number(reader, 2, 2, 65535, "A.2.7")
        rule(first + count - 2 <= 32767, "A.2.7", "value of an entry")
        model.scale_tables.append(ScaleTable(first, read_frequencies(reader, count)))


def read_rate_vectors(reader: Reader, model: Model) -> None:
    """A.2.8."""
    length = number(reader, 2, 1, 4096, "A.2.8")
    model.rate_vectors = reader.array("<i2", model.rate_points, length)


def read_layer(reader: Reader) -> Layer:
    """A.2.9, with §8.4."""
    clause = "A.2.9"
    depthwise = bool(number(reader, 1, 0, 1, clause))
    k = number(reader, 1, 1, 3, clause)
    rule(k != 2, clause, "kernel 2")
    inputs = number(reader, 2, 1, 4096, clause)
    outputs = number(reader, 2, 1, 4096, clause)
    rule(not depthwise or inputs == outputs, clause, "channels of a depthwise layer")
    shape = (outputs, k, k) if depthwise else (outputs, inputs, k, k)
    layer = Layer(
        depthwise=depthwise,
        kernel=k,
        inputs=inputs,
        outputs=outputs,
        weight=reader.array("i1", *shape),
        bias=reader.array("<i4", outputs),
        multiplier=reader.array("<i4", outputs),
        shift=reader.array("u1", outputs),
    )
    rule(bool((layer.multiplier >= 0).all()), clause, "negative multiplier")
    shifts_fit = bool(((layer.shift >= 1) & (layer.shift <= 46)).all())
    rule(shifts_fit, clause, "shift")
    check_no_overflow(layer)
    return layer


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


def check_programs(model: Model) -> None:
    """A.2.10: inputs and outputs of the four programs, and §8.2."""
    factor = model.window // model.latent_stride
    init, *steps = model.programs
    rate_vector = Shape(model.rate_vectors.shape[1], on_windows=False)
    tokens = Shape(model.slots * model.depth, on_windows=True)
    rule(init.inputs in (1, 2), "§8.2", "number of inputs of init")
    outputs = check_program(init, model.layers, [rate_vector, tokens][: init.inputs], factor)
    channels = [output.channels for output in outputs]
    rule(len(channels) == 4, "A.2.10", "number of outputs of init")
    rule(channels[:3] == [model.channels] * 3, "§8.2", "channels of the outputs of init")
    y_hat, context = Shape(model.channels, on_windows=False), outputs[3]
    for step in steps:
        outputs = check_program(step, model.layers, [y_hat, context], factor)
        channels = [output.channels for output in outputs]
        rule(channels == [model.channels] * 2, "§8.2", "outputs of a step")


def number(reader: Reader, size: int, least: int, most: int, clause: str) -> int:
    """An unsigned integer of `size` bytes that must be from `least` to `most`."""
    value = reader.unsigned(size)
    rule(least <= value <= most, clause, f"value {value}, allowed {least} to {most}")
    return value


def rule(condition: bool, clause: str, reason: str) -> None:
    """A.2: a broken rule refuses the package."""
    require(condition, Status.MODEL_ERROR, clause, reason)
