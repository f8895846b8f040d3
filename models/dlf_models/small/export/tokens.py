"""Token values as the decoder hands them to programs, and the encoder's thresholds of digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..token_quantiser import FiniteScalarQuantiser

TOKEN_UNIT = 64
"""A digit of L levels becomes `(2 * digit - (L - 1)) * TOKEN_UNIT` (§7.2.2)."""


def token_units(levels: Sequence[int], tokens_per_window: int) -> NDArray[np.float64]:
    """What 1 is, per channel of the token grid: the network sees `(digit - L // 2) / (L // 2)`."""
    return np.array([1 / (2 * TOKEN_UNIT * (level // 2)) for level in levels] * tokens_per_window)


def token_offset(levels: Sequence[int], tokens_per_window: int) -> Tensor:
    """What is missing from `integer * unit` to the value that the network sees, per channel."""
    missing = [((level - 1) / 2 - level // 2) / (level // 2) for level in levels]
    return torch.tensor(missing * tokens_per_window)


def digit_thresholds(
    quantiser: FiniteScalarQuantiser, levels: Sequence[int], unit: float
) -> list[NDArray[np.int16]]:
    """Per digit, ascending: the digit is the number of thresholds of at most `value / unit`."""
    found = []
    for d, level in enumerate(levels):
        half, offset = quantiser.half_width[d], quantiser.offset[d]
        # Digit k begins where tanh(x + shift) * half - offset reaches k - L // 2 - 0.5.
        edges = [(k - level // 2 - 0.5 + offset) / half for k in range(1, level)]
        reals = np.array([math.atanh(e) - quantiser.shift[d] for e in edges])
        found.append(np.ceil(np.clip(reals / unit, -32768, 32767)).astype(np.int16))
    return found
