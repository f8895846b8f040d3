"""Frequency tables of the detail symbols, fitted on training images (architecture.md 3.1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..package.tables import FrequencyTable, normalise_frequencies
from .prior import LOG2_SCALE_MAX, SKIP_SCALE

SCALE_FRACTION = 8
"""Fraction bits of a predicted log2 scale."""
SCALE_TABLES = 64
GAUSSIAN_WEIGHT = 2000.0
"""Pseudo-observations of the ideal Gaussian in each scale table."""
TAIL = 2.0**-15
"""Probability left to the escape symbol when a table is cut."""


def scale_thresholds() -> NDArray[np.int16]:
    """Lower bounds of the scale indexes, in log2 with `SCALE_FRACTION` fraction bits."""
    low = math.log2(SKIP_SCALE)
    steps = low + (LOG2_SCALE_MAX - low) * np.arange(SCALE_TABLES) / SCALE_TABLES
    return np.ceil(steps * 2**SCALE_FRACTION).astype(np.int16)


def _gaussian(scale: float, tail: float) -> tuple[int, NDArray[np.float64]]:
    """Half width and probabilities of `-half .. half` and of all outside, at least `tail`."""

    def cdf(x: float) -> float:
        return 0.5 * math.erfc(-x / scale / math.sqrt(2))

    half = 1
    while 2 * cdf(-half - 0.5) > tail:
        half += 1
    inner = [cdf(q + 0.5) - cdf(q - 0.5) for q in range(-half, half + 1)]
    return half, np.array([*inner, max(2 * cdf(-half - 0.5), tail)])


def scale_tables(
    symbols: NDArray[np.int64], indexes: NDArray[np.int64], tail: float = TAIL
) -> list[FrequencyTable]:
    """One table per scale index: the Gaussian of its scale, corrected by the symbols seen with it.

    A table is cut where less than `tail` remains outside.
    """
    low = math.log2(SKIP_SCALE)
    width = (LOG2_SCALE_MAX - low) / SCALE_TABLES
    tables = []
    for index in range(SCALE_TABLES):
        half, probabilities = _gaussian(2.0 ** (low + (index + 0.5) * width), tail)
        seen = symbols[indexes == index]
        inside = np.abs(seen) <= half
        counts = np.bincount(seen[inside] + half, minlength=2 * half + 1).astype(np.float64)
        # The residual's sign carries nothing: pooling both signs halves the noise of the counts.
        counts = (counts + counts[::-1]) / 2
        counts = np.append(counts, float((~inside).sum()))
        tables.append(
            FrequencyTable(
                normalise_frequencies(counts + GAUSSIAN_WEIGHT * probabilities), first=-half
            )
        )
    return tables
