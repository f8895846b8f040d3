"""Where the bits of a .dlf file went, as plain values for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from dlf import _core, models
from dlf.header import Info, info
from dlf.symbols import code_lengths, decode_symbols

Bits = npt.NDArray[np.float64]
PARTS = 3  # rows and columns of the summary


@dataclass(frozen=True)
class BitMap:
    """Ideal code lengths of one file, in bits.

    Attributes:
        windows: [nH, nW], the semantic tokens of each window of window_px pixels a side.
        positions: [h, w], the detail symbols at each position of stride_px pixels a side.
        header: of the file.
        rates: [h, w], the rate point of each position, None without an importance map.
        map_bits: of that map.
    """

    windows: Bits
    positions: Bits
    window_px: int
    stride_px: int
    header: Info
    rates: npt.NDArray[np.uint8] | None = None
    map_bits: float = 0.0

    @property
    def semantic_bytes(self) -> float:
        """Bytes of all tokens."""
        return float(self.windows.sum()) / 8

    @property
    def detail_bytes(self) -> float:
        """Bytes of all detail symbols."""
        return float(self.positions.sum()) / 8

    @property
    def other_bytes(self) -> float:
        """Header, chunks, and what the entropy coder itself needs."""
        symbols = self.semantic_bytes + self.detail_bytes + self.map_bits / 8
        return self.header.file_bytes - symbols

    def shares(self) -> Bits:
        """Which share of all symbols' bits each ninth of the picture got: [3, 3], sums to 1.

        A window or position at the edge of two ninths counts for each by its area.
        """
        size = (self.header.height, self.header.width)
        parts = _by_parts(self.windows, self.window_px, size)
        parts += _by_parts(self.positions, self.stride_px, size)
        total = parts.sum()
        return parts / total if total > 0 else parts

    def as_json(self) -> dict[str, object]:
        """What the page's script draws."""
        rates = {} if self.rates is None else {"rates": self.rates.tolist()}
        return {
            "windowPx": self.window_px,
            "stridePx": self.stride_px,
            "windows": _rounded(self.windows),
            "positions": _rounded(self.positions),
            **rates,
        }


def bit_map(data: bytes, model: models.Model) -> BitMap:
    """The bit map of a whole .dlf file, which `model` made."""
    lengths = code_lengths(data, model.path)
    stride = _core.Package(str(model.path)).latent_stride
    header = info(data)
    rates = decode_symbols(data, model.path)["rate_index"] if header.importance_map else None
    return BitMap(
        lengths["windows"],
        lengths["positions"],
        model.window,
        stride,
        header,
        rates,
        lengths["map"],
    )


def _rounded(bits: Bits) -> list[list[float]]:
    return [[round(float(value), 2) for value in row] for row in bits]


def _by_parts(bits: Bits, cell_px: int, size: Sequence[int]) -> Bits:
    down, across = (
        _overlaps(count, cell_px, side) for count, side in zip(bits.shape, size, strict=True)
    )
    return np.asarray(down @ bits @ across.T)


def _overlaps(cells: int, cell_px: int, side: int) -> Bits:
    """[3, cells]: the share of each cell's visible length that lies in each third of the side."""
    edges = np.arange(PARTS + 1) * side / PARTS
    starts = np.arange(cells) * cell_px
    ends = np.minimum(starts + cell_px, side)
    low = np.maximum(edges[:-1, None], starts[None])
    high = np.minimum(edges[1:, None], ends[None])
    return np.asarray(np.clip(high - low, 0, None) / np.maximum(ends - starts, 1))
