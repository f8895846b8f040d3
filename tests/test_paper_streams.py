"""The published byte streams from the recorded symbols: what the paper's tokens and tables amount
to.

Our files use another entropy coder format; these tests show that the recorded symbols, indexes and
integer tables are understood to the last bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

PARITY = Path(__file__).resolve().parents[2] / "shared" / "parity"
pytestmark = pytest.mark.skipif(
    not (PARITY / "seed1").is_dir(), reason="no ../shared/parity (recorded outputs)"
)
PICTURES = ("256x256", "300x200", "512x768")
HALF, QUARTER, MASK = 1 << 31, 1 << 30, (1 << 32) - 1


class BitWriter:
    """Bits, most significant first, each followed by the opposite bits that were held back."""

    def __init__(self) -> None:
        self.bits: list[int] = []
        self.pending = 0

    def put(self, bit: int) -> None:
        self.bits += [bit] + [1 - bit] * self.pending
        self.pending = 0

    def to_bytes(self) -> np.ndarray:
        return np.packbits(np.array(self.bits, np.uint8))


def token_stream(symbols: np.ndarray, alphabet: int) -> np.ndarray:
    """Arithmetic coder with 32-bit bounds and a uniform distribution of 16 bits."""
    share = np.arange(alphabet + 1, dtype=np.float32) / np.float32(alphabet)
    cumulative = np.round(share * np.float32(65536 - alphabet)).astype(int) + np.arange(
        alphabet + 1
    )
    low, high, out = 0, MASK, BitWriter()
    for symbol in symbols.astype(int):
        span = high - low + 1
        upper = 65536 if symbol == alphabet - 1 else int(cumulative[symbol + 1])
        high = low + (span * upper >> 16) - 1
        low = low + (span * int(cumulative[symbol]) >> 16)
        while True:
            if high < HALF:
                out.put(0)
            elif low >= HALF:
                out.put(1)
            elif low >= QUARTER and high < HALF + QUARTER:
                out.pending += 1
                low, high = low - QUARTER, high - QUARTER
            else:
                break
            low, high = low << 1 & MASK, (high << 1 | 1) & MASK
    out.pending += 1
    out.put(0 if low < QUARTER else 1)
    return out.to_bytes()


def intervals(symbols: np.ndarray, indexes: np.ndarray, tables: dict[str, np.ndarray]) -> list:
    """Every coder step of the symbols in decoding order: (start, frequency, bits of precision)."""
    steps: list[tuple[int, int, int]] = []
    for symbol, index in zip(symbols.astype(int), indexes.astype(int), strict=True):
        if index < 0:
            continue
        cumulative = tables["quantized_cdf"][index].astype(int)
        sentinel = int(tables["cdf_length"][index]) - 2
        value, raw = symbol - int(tables["offset"][index]), None
        if value < 0:
            value, raw = sentinel, -2 * value - 1
        elif value >= sentinel:
            value, raw = sentinel, 2 * (value - sentinel)
        steps.append((cumulative[value], cumulative[value + 1] - cumulative[value], 16))
        if raw is None:
            continue
        digits = 0
        while raw >> 2 * digits:
            digits += 1
        count = digits
        while count >= 3:
            steps.append((3, 1, 2))
            count -= 3
        steps.append((count, 1, 2))
        steps += [(raw >> 2 * d & 3, 1, 2) for d in range(digits)]
    return steps


def detail_stream(steps: list[tuple[int, int, int]]) -> np.ndarray:
    """Byte-wise rANS behind the flag byte that announces a single stream."""
    state, out = 1 << 23, []
    for start, frequency, bits in reversed(steps):
        while state >= (frequency << 23 - bits) << 8:
            out.append(state & 255)
            state >>= 8
        state = (state // frequency << bits) + state % frequency + start
    head = [1, *(state >> shift & 255 for shift in (0, 8, 16, 24))]
    return np.array(head + out[::-1], np.uint8)


@pytest.fixture(scope="module")
def vectors() -> dict[str, np.ndarray]:
    with np.load(PARITY / "entropy_vectors.npz") as file:
        return dict(file)


def test_token_streams_of_every_alphabet(vectors: dict[str, np.ndarray]) -> None:
    names = [n.removesuffix("_stream") for n in vectors if n.startswith("tok_") and "_stream" in n]
    assert len(names) >= 8
    for name in names:
        alphabet = int(name.split("_")[1][1:])
        assert np.array_equal(
            token_stream(vectors[f"{name}_symbols"], alphabet), vectors[f"{name}_stream"]
        ), name


def test_detail_streams_of_every_case(vectors: dict[str, np.ndarray]) -> None:
    names = [n.removesuffix("_stream") for n in vectors if n.startswith("rans_") and "_stream" in n]
    assert len(names) >= 7
    for name in names:
        parts = sum(n.startswith(name) and n.endswith("_symbols") for n in vectors)
        steps = []
        for k in range(parts):
            symbols, indexes = (
                vectors[f"{name}_part{k}_{what}"] for what in ("symbols", "indexes")
            )
            steps += intervals(symbols, indexes, vectors)
        assert np.array_equal(detail_stream(steps), vectors[f"{name}_stream"]), name


@pytest.mark.parametrize("picture", PICTURES)
def test_streams_of_recorded_pictures(picture: str) -> None:
    recorded = np.load(PARITY / "seed1" / f"img_{picture}.npz")
    tables = dict(np.load(PARITY / "seed1" / "gaussian_tables.npz"))
    steps = []
    for k in range(4):
        symbols, indexes = (recorded[f"part{k}_{what}"].ravel() for what in ("symbols", "indexes"))
        steps += intervals(symbols, indexes, tables)
    assert np.array_equal(detail_stream(steps), recorded["h_bit_stream"])
    assert np.array_equal(token_stream(recorded["tokens"].ravel(), 256), recorded["z_bit_stream"])
