"""What both package formats' normative parts say alike of tokens and latents (A.2.2 to A.2.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .programs import Int16Array, exact
from .tables import FrequencyTable, frequency_bytes


@dataclass(kw_only=True)
class EntropyModel:
    """Shapes, and all frequency tables."""

    window: int
    tokens_per_window: int
    levels: tuple[int, ...]
    token_context: bool
    banks: int = 1
    latent_stride: int = 32
    latent_align: int = 32
    latent_channels: int
    mean_fraction: int
    step_fraction: int
    token_tables: list[FrequencyTable]
    token_map: npt.NDArray[np.uint16]
    thresholds: Int16Array
    scale_tables: list[FrequencyTable]

    def map_size(self) -> int:
        """Entries of `token_map`: `[bank][slot][digit][left][above]`, ragged over the digit."""
        if self.token_context:
            per_slot = sum((level + 1) ** 2 for level in self.levels)
        else:
            per_slot = len(self.levels)
        return self.banks * self.tokens_per_window * per_slot

    def shape_bytes(self, rate_points: int) -> bytes:
        """All numbers before the tables (A.2.2)."""
        out = struct.pack("<HHB", self.window, self.tokens_per_window, len(self.levels))
        out += struct.pack(f"<{len(self.levels)}H", *self.levels)
        shape = (self.latent_stride, self.latent_align, self.latent_channels)
        out += struct.pack("<BBHHH", int(self.token_context), self.banks, *shape)
        return out + struct.pack("<BBB", rate_points, self.mean_fraction, self.step_fraction)

    def token_bytes(self) -> bytes:
        """Token tables and token map (A.2.5, A.2.6).

        Raises:
            ValueError: what does not fit together.
        """
        out = bytearray(struct.pack("<I", len(self.token_tables)))
        for table in self.token_tables:
            if table.first != 0:
                raise ValueError("token tables start at symbol 0")
            out += struct.pack("<H", table.frequencies.size) + frequency_bytes(table)
        token_map = exact(self.token_map, np.uint16, "token_map").reshape(-1)
        if token_map.size != self.map_size():
            raise ValueError(f"the token map has {token_map.size} entries, not {self.map_size()}")
        return bytes(out + struct.pack("<I", token_map.size) + token_map.astype("<u2").tobytes())

    def scale_bytes(self) -> bytes:
        """Thresholds and scale tables (A.2.7).

        Raises:
            ValueError: what does not fit together.
        """
        thresholds = exact(self.thresholds, np.int16, "thresholds")
        if thresholds.shape != (len(self.scale_tables),):
            raise ValueError("there is one threshold per scale table")
        out = bytearray(struct.pack("<H", thresholds.size) + thresholds.astype("<i2").tobytes())
        for table in self.scale_tables:
            out += struct.pack("<hH", table.first, table.frequencies.size) + frequency_bytes(table)
        return bytes(out)
