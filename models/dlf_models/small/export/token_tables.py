"""Frequency tables of the tokens, fitted on training images (architecture.md 4.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...package.tables import FrequencyTable, normalise_frequencies

CONTEXT_WEIGHT = 12.0
"""Pseudo-observations of the table without context in each table with context."""


def token_contexts(digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Left and above neighbours plus one, 0 where there is none, of `[nH, nW, T, D]`."""
    left = np.zeros_like(digits)
    above = np.zeros_like(digits)
    left[:, 1:] = digits[:, :-1] + 1
    above[1:] = digits[:-1] + 1
    return left, above


def token_tables(
    images: list[NDArray[np.int64]], levels: tuple[int, ...]
) -> tuple[list[FrequencyTable], NDArray[np.uint16]]:
    """Tables and their map from the digits `[nH, nW, T, D]` of training images.

    A table per (slot, digit, left, above), shrunk towards the table of its left or above neighbour
    alone, and that towards the table of its (slot, digit). Contexts never seen share their parent's
    table.
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
