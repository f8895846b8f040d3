"""Frequency tables of the entropy coder (A.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from dlf.specification import FREQUENCY_TOTAL


@dataclass
class FrequencyTable:
    """Frequencies of the symbols `first, first + 1, ...`: integers from 1, summing to 65536.

    In a scale table the last entry is the escape; token tables always have `first == 0`.
    """

    frequencies: npt.NDArray[np.int64]
    first: int = 0

    def __post_init__(self) -> None:
        self.frequencies = np.asarray(self.frequencies, dtype=np.int64)
        if self.frequencies.ndim != 1 or not 1 <= self.frequencies.size <= 65535:
            raise ValueError("a frequency table has 1 to 65535 entries")
        if self.frequencies.min() < 1 or int(self.frequencies.sum()) != FREQUENCY_TOTAL:
            raise ValueError("frequencies are at least 1 and sum to 65536")


def normalise_frequencies(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Turns non-negative counts into frequencies of at least 1 that sum to 65536.

    Starts from the floor of the exact share. The remainder is handed out, or the excess taken back,
    where it changes the code length least. Equal counts always give the same table.

    Raises:
        ValueError: there are none, too many, or negative ones.
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


def frequency_bytes(table: FrequencyTable) -> bytes:
    """Frequencies of a table (A.2.4)."""
    return (table.frequencies - 1).astype("<u2").tobytes()
