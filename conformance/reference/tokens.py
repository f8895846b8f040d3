"""§6: the tokens of all windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .entropy import EntropyDecoder
from .model import Model


def decode_tokens(
    decoder: EntropyDecoder, model: Model, rows: int, columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The banks [rows * columns] and digits [rows * columns][T][D] of all windows (§6.1)."""
    banks = np.zeros((rows, columns), np.int64)
    digits = np.zeros((rows, columns, model.tokens_per_window, model.depth), np.int64)
    for row in range(rows):  # §6.1
        for column in range(columns):
            bank = 0
            if model.banks > 1:
                bank = decoder.entry(model.token_tables[0])  # §6.2.1
            banks[row, column] = bank
            for t in range(model.tokens_per_window):
                for d in range(model.depth):
                    left, above = 0, 0
                    if model.token_context:  # §6.3
                        left = 1 + digits[row, column - 1, t, d] if column > 0 else 0
                        above = 1 + digits[row - 1, column, t, d] if row > 0 else 0
                    number = model.token_map[bank][t][d][left, above]
                    digits[row, column, t, d] = decoder.entry(model.token_tables[number])  # §6.2.2
    windows = rows * columns
    return banks.reshape(windows), digits.reshape(windows, model.tokens_per_window, model.depth)
