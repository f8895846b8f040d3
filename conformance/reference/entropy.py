"""§5.2 to §5.4: the entropy decoder, and values with escape."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from .status import Refused, Status, require

LOWER_BOUND = 2**23  # the state is never below it after renormalisation
MAXIMUM_ZEROS = 17


class OutOfBytes(Exception):
    """§5.2.5: renormalisation needs a byte after the end of the payload."""


@dataclass(frozen=True)
class FrequencyTable:
    """§5.2: entries with frequencies that sum to 65536, and where each begins."""

    frequencies: tuple[int, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, frequencies: list[int]) -> FrequencyTable:
        """Return the table of these frequencies."""
        return cls(tuple(frequencies), tuple(accumulate(frequencies[:-1], initial=0)))

    @property
    def count(self) -> int:
        """The number of entries."""
        return len(self.frequencies)


@dataclass(frozen=True)
class ScaleTable:
    """§5.3: a frequency table whose entries are values from `first` on, the last one the escape."""

    first: int
    table: FrequencyTable


RAW_BIT = FrequencyTable.of([32768, 32768])


class EntropyDecoder:
    """The state `x` and the check `k` of §5.2, and the payload that feeds them."""

    def __init__(self, payload: bytes) -> None:
        """§5.2.1: take the first state."""
        if len(payload) < 4:
            raise OutOfBytes  # §5.2.5
        self.payload = payload
        self.position = 4
        self.x = int.from_bytes(payload[:4], "little")
        self.k = 0
        in_range = LOWER_BOUND <= self.x < 2**31
        require(in_range, Status.INVALID_FILE, "§5.2.1", "first state out of range")

    def entry(self, table: FrequencyTable) -> int:
        """§5.2.2: decode one entry of `table`."""
        self.renormalise()
        s = (self.x % 65536) ^ (self.k >> 16)
        i = bisect_right(table.starts, s) - 1
        self.x = table.frequencies[i] * (self.x >> 16) + s - table.starts[i]
        self.k = ((self.k + table.starts[i] + 1) * 0x9E3779B1) % 2**32
        return i

    def renormalise(self) -> None:
        """§5.2.3.

        Raises:
            OutOfBytes: the payload has no more (§5.2.5).
        """
        while self.x < LOWER_BOUND:
            if self.position == len(self.payload):
                raise OutOfBytes
            self.x = 256 * self.x + self.payload[self.position]
            self.position += 1

    def value(self, scale: ScaleTable) -> int:
        """§5.3: decode a value with escape."""
        i = self.entry(scale.table)
        last = scale.table.count - 1
        if i < last:
            return scale.first + i  # §5.3.1
        e = self.exponential_golomb()
        # §5.3.3: odd codes lie below the table, even ones above it.
        value = scale.first - 1 - (e - 1) // 2 if e % 2 else scale.first + last + e // 2
        fits = -32768 <= value <= 32767
        require(fits, Status.INVALID_FILE, "§5.3.4", f"symbol {value}")
        return value

    def exponential_golomb(self) -> int:
        """§5.3.2: `z` zeros, a one, then `z` bits."""
        zeros = 0
        while self.entry(RAW_BIT) == 0:
            zeros += 1
            require(zeros <= MAXIMUM_ZEROS, Status.INVALID_FILE, "§5.3.2", "escape too long")
        bits = 0
        for _ in range(zeros):
            bits = 2 * bits + self.entry(RAW_BIT)
        return (1 << zeros) + bits - 1

    def finish(self) -> int:
        """§5.4: check the final state, and return it.

        Raises:
            Refused: the state or the number of bytes is wrong (§5.4).
        """
        self.renormalise()
        expected = LOWER_BOUND + (self.k >> 16)
        whole = self.x == expected and self.position == len(self.payload)
        if not whole:
            raise Refused(Status.INVALID_FILE, "§5.4", "final state or bytes left")
        return self.x
