"""A.2: reading and checking the normative part of a model package."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from .contracts import check_prior, check_synthesis
from .entropy import FrequencyTable, ScaleTable
from .model import REDUCED, Model, Synthesis
from .programs import Program, read_layer, read_program
from .reading import Reader, number, rule
from .status import Status

MAGIC = b"DLFN"
INTEGER_SYNTHESIS, IMPORTANCE_MAPS = 1, 2  # bits of the flags
NOISE_CELLS = 6


def parse(data: bytes, check_reach: bool = True) -> Model:
    """A.2: read and check a normative part; whoever makes one may ask for its reach first."""
    reader = Reader(data, Status.MODEL_ERROR, "A.2")
    model = Model()
    model.sha256 = hashlib.sha256(data).hexdigest()
    flags = read_preamble(reader, model)
    read_shape(reader, model)
    if not flags & INTEGER_SYNTHESIS:
        read_tiles(reader, model)
    read_token_tables(reader, model)
    read_token_map(reader, model)
    read_scales(reader, model)
    read_rate_vectors(reader, model)
    model.map_unit = number(reader, 1, 1, 255, "A.2.8") if flags & IMPORTANCE_MAPS else 0
    layers = number(reader, 2, 0, 1024, "A.2.9")
    model.layers = [read_layer(reader, model.format) for _ in range(layers)]
    model.programs = [read_program(reader) for _ in range(4)]
    model.synthesis = None
    reaches: dict[int, int] = {}
    if flags & INTEGER_SYNTHESIS:
        model.synthesis, reaches = read_synthesis(reader, model)
    check_prior(model)
    check_synthesis(model, reaches if check_reach else {})
    rule(reader.remaining == 0, "A.2", "bytes after the last field")
    return model


def read_preamble(reader: Reader, model: Model) -> int:
    """A.2.1; returns the flags."""
    clause = "A.2.1"
    rule(reader.take(len(MAGIC)) == MAGIC, clause, "signature")
    model.format = number(reader, 2, 1, 2, clause)
    known = INTEGER_SYNTHESIS | IMPORTANCE_MAPS if model.format > 1 else 0
    flags = number(reader, 2, 0, known, clause)
    rule(flags != IMPORTANCE_MAPS, clause, "importance maps without an integer synthesis")
    model.network_digest = reader.take(32)
    return flags


def read_shape(reader: Reader, model: Model) -> None:
    """A.2.2."""
    clause = "A.2.2"
    model.window = number(reader, 2, 1, 1024, clause)
    model.tokens_per_window = number(reader, 2, 1, 1024, clause)
    depth = number(reader, 1, 1, 8, clause)
    model.levels = [number(reader, 2, 2, 4096, clause) for _ in range(depth)]
    model.token_context = bool(number(reader, 1, 0, 1, clause))
    model.banks = number(reader, 1, 1, 255, clause)
    model.latent_stride = number(reader, 2, 1, 1024, clause)
    model.latent_align = number(reader, 2, 1, 1024, clause)
    model.channels = number(reader, 2, 4, 1024, clause)
    model.rate_points = number(reader, 1, 1, 255, clause)
    model.mean_fraction = number(reader, 1, 0, 14, clause)
    model.step_fraction = number(reader, 1, 0, 14, clause)
    rule(model.window % model.latent_align == 0, clause, "window and latent_align")
    rule(model.latent_align % model.latent_stride == 0, clause, "latent_align and latent_stride")
    rule(model.channels % 4 == 0, clause, "number of channels")
    if model.format > 1:
        for side in (model.window, model.latent_stride, model.latent_align):
            rule(side & side - 1 == 0, clause, f"{side} is not a power of two")


def read_tiles(reader: Reader, model: Model) -> None:
    """A.2.3; without them the numbers are 0."""
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
    expected = model.banks * model.tokens_per_window * sum(side**2 for side in sides)
    rule(entries == expected, "A.2.6", "number of entries")
    stored = reader.array("<u2", entries)
    rule(bool((stored < len(model.token_tables)).all()), "A.2.6", "no such table")
    counts = np.array([table.count for table in model.token_tables])
    model.token_map = []
    position = 0
    for _ in range(model.banks):
        bank: list[list[NDArray[np.int64]]] = []
        for _ in range(model.tokens_per_window):
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


def read_synthesis(reader: Reader, model: Model) -> tuple[Synthesis, dict[int, int]]:
    """A.2.11: the fields; and what each program says of its reach, by its divisor of the sides."""
    clause = "A.2.11"
    latent_shift = number(reader, 1, 0, 30, clause)
    latent_bound = number(reader, 2, 1, 32767, clause)
    sample_bits = number(reader, 1, 0, 7, clause)
    mask = number(reader, 1, 0, 2**NOISE_CELLS - 1, clause)
    noise_cells = [2**i for i in reversed(range(NOISE_CELLS)) if mask & 1 << i]
    rule(all(cell <= model.window for cell in noise_cells), clause, "cell of a noise plane")
    length = number(reader, 2, 0, 4096, clause)
    rate_vectors = reader.array("<i2", model.rate_points, length)
    reaches: dict[int, int] = {1: reader.unsigned(2)}
    programs: dict[int, Program] = {1: read_program(reader)}
    reduced = number(reader, 1, 0, 7, clause)
    for bit, f in enumerate(REDUCED):
        if reduced & 1 << bit:
            rule(f <= model.latent_align, clause, "reduced size beyond latent_align")
            reaches[f] = reader.unsigned(2)
            programs[f] = read_program(reader)
    synthesis = Synthesis(
        latent_shift, latent_bound, sample_bits, noise_cells, rate_vectors, programs
    )
    return synthesis, reaches
