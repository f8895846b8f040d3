"""Annex A.2: what a normative part says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .entropy import FrequencyTable, ScaleTable
from .programs import Layer, Program

REDUCED = (2, 4, 8)
"""By what the sides of reduced sizes are divided (§9.11)."""


@dataclass(frozen=True)
class Synthesis:
    """A.2.11: how an integer package draws pixels."""

    latent_shift: int
    latent_bound: int
    sample_bits: int  # F
    noise_cells: list[int]  # coarsest first
    rate_vectors: NDArray[np.int64]  # [R][P']
    programs: dict[
        int, Program
    ]  # by what they divide the sides by: 1, and of 2, 4, 8 what is there


class Model:
    """The fields of the normative part; comments give their names in Annex A."""

    format: int
    network_digest: bytes
    window: int
    tokens_per_window: int  # T
    levels: list[int]
    token_context: bool
    banks: int  # K
    latent_stride: int
    latent_align: int
    channels: int  # C
    rate_points: int  # R
    mean_fraction: int  # Fy
    step_fraction: int  # Fq
    tile_core: int  # this and the next four: 0 with an integer synthesis
    tile_margin: int
    whole_limit: int
    analysis_macs: int
    synthesis_macs: int
    token_tables: list[FrequencyTable]
    token_map: list[list[list[NDArray[np.int64]]]]  # [bank][slot][digit] -> [left][above]
    thresholds: list[int]
    scale_tables: list[ScaleTable]
    rate_vectors: NDArray[np.int64]  # [R][P]
    map_unit: int  # 0: no importance maps
    layers: list[Layer]
    programs: list[Program]  # init, quarter 1, 2 and 3
    synthesis: Synthesis | None
    sha256: str

    @property
    def depth(self) -> int:
        """D, the digits of a token."""
        return len(self.levels)
