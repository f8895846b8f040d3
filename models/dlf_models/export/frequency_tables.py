"""Frequency tables of tokens and of detail symbols, fitted on training images (architecture.md 3.1 and 4.3)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..networks.prior import LOG2_SCALE_MAX, SKIP_SCALE
from ..package.tables import FrequencyTable, normalise_frequencies
from .integer_prior import SCALE_FRACTION

SCALE_TABLES = 64
GAUSSIAN_WEIGHT = 2000.0
"""Pseudo-observations of the ideal Gaussian in each scale table."""
CONTEXT_WEIGHT = 12.0
"""Pseudo-observations of the table without context in each table with context."""
TAIL = 2.0**-15
"""Probability left to the escape symbol when a table is cut."""


def scale_thresholds() -> NDArray[np.int16]:
    """Lower bounds of the scale indexes, in log2 with ``SCALE_FRACTION`` fraction bits."""
    low = math.log2(SKIP_SCALE)
    steps = low + (LOG2_SCALE_MAX - low) * np.arange(SCALE_TABLES) / SCALE_TABLES
    return np.ceil(steps * 2**SCALE_FRACTION).astype(np.int16)


def _gaussian(scale: float, tail: float) -> tuple[int, NDArray[np.float64]]:
    """Half width and probabilities of ``-half .. half`` and of everything outside, at least ``tail``."""

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
    """One table per scale index: the Gaussian of its scale, corrected by the symbols seen with that index.

    A table is cut where less than ``tail`` remains outside.
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


def token_contexts(digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Left and above neighbours plus one, 0 where there is none, of ``[nH, nW, T, D]``."""
    left = np.zeros_like(digits)
    above = np.zeros_like(digits)
    left[:, 1:] = digits[:, :-1] + 1
    above[1:] = digits[:-1] + 1
    return left, above


def token_tables(
    images: list[NDArray[np.int64]], levels: tuple[int, ...]
) -> tuple[list[FrequencyTable], NDArray[np.uint16]]:
    """Tables and their map from the digits ``[nH, nW, T, D]`` of training images.

    A table per (slot, digit, left, above), shrunk towards the table of its left or above neighbour alone, and that
    towards the table of its (slot, digit). Contexts never seen share their parent's table.
    """
    tokens = images[0].shape[2]
    tables: list[FrequencyTable] = []
    rows: list[int] = []

    def emit(weights: NDArray[np.float64]) -> int:
        tables.append(FrequencyTable(normalise_frequencies(weights)))
        return len(tables) - 1

    for slot in range(tokens):
        for digit, level in enumerate(levels):
            joint = np.zeros((level + 1, level + 1, level))
            for image in images:
                left, above = token_contexts(image)
                part = (slice(None), slice(None), slot, digit)
                np.add.at(joint, (left[part].ravel(), above[part].ravel(), image[part].ravel()), 1)
            plain = joint.sum(axis=(0, 1)) + 1
            plain_row = emit(plain)
            for a in range(level + 1):
                by_left = joint[a].sum(axis=0) + CONTEXT_WEIGHT * plain / plain.sum()
                for b in range(level + 1):
                    seen = joint[a, b]
                    if seen.sum() == 0:
                        rows.append(plain_row)
                        continue
                    by_above = joint[:, b].sum(axis=0) + CONTEXT_WEIGHT * plain / plain.sum()
                    parent = by_left * by_above / plain
                    rows.append(emit(seen + CONTEXT_WEIGHT * parent / parent.sum()))
    return tables, np.array(rows, dtype=np.uint16)


def token_bits(
    images: list[NDArray[np.int64]],
    tables: list[FrequencyTable],
    rows: NDArray[np.uint16],
    levels: tuple[int, ...],
) -> float:
    """Ideal code length in bits of all digits under the tables."""
    tokens = images[0].shape[2]
    starts = np.cumsum([0] + [(level + 1) ** 2 for level in levels])
    total = 0.0
    for image in images:
        left, above = token_contexts(image)
        for slot in range(tokens):
            for digit, level in enumerate(levels):
                part = (slice(None), slice(None), slot, digit)
                position = (
                    slot * starts[-1] + starts[digit] + left[part] * (level + 1) + above[part]
                )
                for row, value in zip(rows[position].ravel(), image[part].ravel(), strict=True):
                    total -= math.log2(tables[row].frequencies[value] / 65536)
    return total
