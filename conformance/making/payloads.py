"""Writes payloads (§5.2.4) of symbols that are picked while the reference decoder asks for them.

The reference decoder walks through tokens and detail symbols as always, but instead of decoding it
asks a `Picker`; what it picks is recorded, and encoded afterwards. So any model gets valid payloads
with any symbols, also such as no encoder would choose, and none of this needs a network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.making.maps import Offsets, entries
from conformance.reference.decoder import Decoded, decode_with
from conformance.reference.entropy import RAW_BIT, EntropyDecoder, FrequencyTable, ScaleTable
from conformance.reference.file import File
from conformance.reference.header import Header
from conformance.reference.model import Model

FIRST_STATE = 2**23
PickEntry = Callable[[FrequencyTable], int]
PickValue = Callable[[ScaleTable], int]


class Recorder(EntropyDecoder):
    """Stands in for the decoder: entries and values come from two functions, and are recorded."""

    def __init__(self, pick_entry: PickEntry, pick_value: PickValue) -> None:
        self.pick_entry = pick_entry
        self.pick_value = pick_value
        self.entries: list[tuple[FrequencyTable, int]] = []
        self.given: list[int] = []  # entries that come first, whatever would be picked
        self.position = 0

    def entry(self, table: FrequencyTable) -> int:
        """Pick and record an entry of this table."""
        i = self.given.pop(0) if self.given else self.pick_entry(table)
        self.entries.append((table, i))
        return i

    def value(self, scale: ScaleTable) -> int:
        """Pick and record a symbol of this scale."""
        return self.record(scale, self.pick_value(scale))

    def record(self, scale: ScaleTable, value: int) -> int:
        """Code `value`, which may be out of range; return it within range."""
        last = scale.table.count - 1
        if scale.first <= value < scale.first + last:
            self.entries.append((scale.table, value - scale.first))
            return value
        self.entries.append((scale.table, last))
        below = value < scale.first
        e = 2 * (scale.first - 1 - value) + 1 if below else 2 * (value - scale.first - last)
        zeros = (e + 1).bit_length() - 1
        self.bits([0] * zeros + [int(bit) for bit in f"{e + 1:b}"])
        return int(np.clip(value, -32768, 32767))

    def bits(self, bits: list[int]) -> None:
        """Record raw bits."""
        self.entries += [(RAW_BIT, bit) for bit in bits]

    def finish(self) -> int:
        """Return a final state, which a payload to be written has not yet."""
        return 0

    def encoded(self) -> bytes:
        """The payload of what was picked."""
        return encode(self.entries)


def encode(entries: list[tuple[FrequencyTable, int]], offset: int = 0) -> bytes:
    """§5.2.4; `offset` is added to the state that the decoder ends with, which is then wrong."""
    checks = [0]
    for table, i in entries:
        checks.append((checks[-1] + table.starts[i] + 1) * 0x9E3779B1 % 2**32)
    x = FIRST_STATE + (checks.pop() >> 16) + offset
    put_out = bytearray()
    for (table, i), k in zip(reversed(entries), reversed(checks), strict=True):
        frequency = table.frequencies[i]
        while x >= frequency << 15:
            put_out.append(x % 256)
            x >>= 8
        low = (x % frequency + table.starts[i]) ^ (k >> 16)
        x = (x // frequency << 16) + low
    return x.to_bytes(4, "little") + bytes(reversed(put_out))


def plain_header(width: int, height: int, rate: int, has_map: bool = False) -> Header:
    """The header of an RGB picture without anything special; its payload is not counted."""
    return Header(
        version=1,
        model_id=0,
        width=width,
        height=height,
        rate=rate,
        orientation=1,
        grayscale=False,
        alpha=0,
        color_space=0,
        payload_length=0,
        display_width=width,
        display_height=height,
        has_map=has_map,
        has_chunks=False,
        has_trailer=False,
        size=0,
    )


def compose(
    model: Model,
    width: int,
    height: int,
    rate: int,
    recorder: Recorder,
    offsets: Offsets | None = None,
    scale: int = 0,
) -> Decoded:
    """Let `recorder` pick all symbols of a picture of this size, behind a map of these offsets."""
    header = plain_header(width, height, rate, has_map=offsets is not None)
    recorder.given = [] if offsets is None else entries(offsets, scale)
    return decode_with(recorder, File(header), model)


def likely(rng: np.random.Generator, escape_limit: int = 40) -> Recorder:
    """Symbols as often as their tables say; escapes reach `escape_limit` beyond the table."""

    def entry(table: FrequencyTable) -> int:
        return int(np.searchsorted(table.starts, rng.integers(65536), side="right")) - 1

    def value(scale: ScaleTable) -> int:
        i = entry(scale.table)
        last = scale.table.count - 1
        if i < last:
            return scale.first + i
        beyond = int(rng.integers(escape_limit))
        chosen = scale.first - 1 - beyond if rng.integers(2) else scale.first + last + beyond
        return int(np.clip(chosen, -32768, 32767))

    return Recorder(entry, value)


def even(rng: np.random.Generator, values: list[int] | None = None) -> Recorder:
    """Every entry equally likely; detail symbols from `values`, or anything that i16 holds."""

    def value(scale: ScaleTable) -> int:
        if values is not None:
            return values[int(rng.integers(len(values)))]
        bits = int(rng.integers(1, 17))
        return int(rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1)))

    return Recorder(lambda table: int(rng.integers(table.count)), value)
