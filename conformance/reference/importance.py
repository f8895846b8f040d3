"""§5.6: the importance map, from adaptive entries to the rate index of every position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .entropy import RAW_BIT, EntropyDecoder, FrequencyTable
from .status import Status, require

FLAT = 13  # the context in which all neighbours are equal
SIZES = 4
ADDED = 2  # to the count of an entry that was decoded
MOST = 255  # both counts together


class AdaptiveBit:
    """A table of two entries that follows what was decoded."""

    def __init__(self, zeros: int, ones: int) -> None:
        self.counts = [zeros, ones]

    def decode(self, decoder: EntropyDecoder) -> int:
        """§5.6.5: decode an entry, and learn from it."""
        zeros, ones = self.counts
        first = 65536 * zeros // (zeros + ones)
        entry = decoder.entry(FrequencyTable.of([first, 65536 - first]))
        self.counts[entry] += ADDED
        if sum(self.counts) > MOST:
            self.counts = [(count + 1) // 2 for count in self.counts]
        return entry


class OffsetDecoder:
    """Decodes single offsets, all of which must be from `least` to `most`."""

    def __init__(self, decoder: EntropyDecoder, least: int, most: int) -> None:
        self.decoder = decoder
        self.least, self.most = least, most
        self.changes = [AdaptiveBit(30, 1) if c == FLAT else AdaptiveBit(3, 1) for c in range(27)]
        self.sides = [AdaptiveBit(1, 1) for _ in range(27)]
        self.sizes = [AdaptiveBit(1, 1) for _ in range(SIZES)]

    def offset(self, left: int, above: int, above_left: int, above_right: int) -> int:
        """§5.6.4: decode the offset that has these neighbours."""
        offset = predicted(left, above, above_left)
        signs = np.sign([left - above_left, above - above_left, above_right - above])
        context = int(signs @ [9, 3, 1]) + FLAT  # §5.6.3
        if self.changes[context].decode(self.decoder) == 0:
            return offset
        direction = -1 if self.sides[context].decode(self.decoder) else 1
        more, ones = 1, 0
        while more:
            offset += direction
            within = self.least <= offset <= self.most
            require(within, Status.INVALID_FILE, "§5.6.4", f"offset {offset} beyond the rates")
            more = self.sizes[min(ones, SIZES - 1)].decode(self.decoder)
            ones += 1
        return offset


def predicted(left: int, above: int, above_left: int) -> int:
    """§5.6.3."""
    low, high = min(left, above), max(left, above)
    if above_left >= high:
        return low
    return high if above_left <= low else left + above - above_left


def decode_map(
    decoder: EntropyDecoder, grid: tuple[int, int], rate: int, rates: int, unit: int
) -> NDArray[np.int64]:
    """§5.6.1: the rate index of every position of the latent grid, [h][w]."""
    rows, columns = grid
    unit <<= 2 * decoder.entry(RAW_BIT) + decoder.entry(RAW_BIT)
    source = OffsetDecoder(decoder, -(rate // unit), (rates - 1 - rate) // unit)
    offsets = np.zeros(grid, np.int64)
    for y in range(rows):
        for x in range(columns):
            offsets[y, x] = source.offset(*neighbours(offsets, y, x))
    return rate + offsets * unit  # §5.6.6


def neighbours(offsets: NDArray[np.int64], y: int, x: int) -> tuple[int, int, int, int]:
    """§5.6.2: left, above, above left, above right, each with a substitute where it is missing."""
    if y == 0:
        left = int(offsets[0, x - 1]) if x > 0 else 0
        return left, left, left, left
    above = int(offsets[y - 1, x])
    left, above_left = (
        (int(offsets[y, x - 1]), int(offsets[y - 1, x - 1])) if x > 0 else (above, above)
    )
    above_right = int(offsets[y - 1, x + 1]) if x + 1 < offsets.shape[1] else above
    return left, above, above_left, above_right
