"""The importance map (§5.6): what is coded is decoded, and is as small as the format promises."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.making import maps, payloads
from conformance.making.maps import Offsets
from conformance.reference.entropy import EntropyDecoder
from conformance.reference.importance import decode_map
from conformance.reference.registry import SPECIFICATION

GRID = (16, 24)  # 768 x 512 pixels in positions of 32
RATES, RATE = 64, 24
MOST_FOR_FACES, MOST_FOR_SMOOTH = 12, 40
FIRST_STATE_BYTES = 4


def coded(offsets: Offsets, scale: int = 0, rate: int = RATE, unit: int = 1) -> bytes:
    """A payload of nothing but a map."""
    recorder = payloads.likely(np.random.default_rng(0))
    recorder.given = maps.entries(offsets, scale)
    decode_map(recorder, offsets.shape, rate, RATES, unit)
    assert recorder.given == []
    return recorder.encoded()


def bytes_of(offsets: Offsets, scale: int) -> int:
    """What a map adds to a payload."""
    return len(coded(offsets, scale)) - FIRST_STATE_BYTES


def promised() -> list[int]:
    """The bytes that §5.6.7 says were measured: for rectangles, for smooth masks."""
    clause = SPECIFICATION.read_text(encoding="utf-8").split("**§5.6.7**", 1)[1].split("```")[0]
    return [int(number) for number in re.findall(r"(\d+)\s+bytes at most", clause)]


def rectangle(rng: np.random.Generator) -> tuple[int, int, int, int, int]:
    """One face somewhere in the picture."""
    width, height = int(rng.integers(2, 6)), int(rng.integers(2, 7))
    x, y = int(rng.integers(GRID[1] - width)), int(rng.integers(GRID[0] - height))
    return x, y, width, height, int(rng.integers(1, 9))


def test_two_faces() -> None:
    sizes = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sizes.append(bytes_of(maps.boxes(GRID, rectangle(rng), rectangle(rng)), scale=2))
    assert max(sizes) == promised()[0] <= MOST_FOR_FACES


def test_smooth_masks() -> None:
    sizes = []
    for seed in range(40):
        mask = 3 * maps.smooth(np.random.default_rng(seed), GRID, spread=3)
        offsets = maps.quantised(mask, tolerance=0.75)
        assert np.abs(offsets - mask).max() <= 0.75
        assert np.ptp(offsets) >= 2
        sizes.append(bytes_of(offsets, scale=2))
    assert max(sizes) == promised()[1] <= MOST_FOR_SMOOTH


def test_a_map_of_zeros_costs_next_to_nothing() -> None:
    assert bytes_of(np.zeros(GRID, np.int64), scale=0) <= 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_map_comes_back(data: st.DataObject) -> None:
    grid = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    unit, scale = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 3))
    rate = data.draw(st.integers(0, RATES - 1))
    step = unit << scale
    lowest, highest = -(rate // step), (RATES - 1 - rate) // step
    offset = st.integers(max(lowest, -5), min(highest, 5)) | st.integers(lowest, highest)
    count = grid[0] * grid[1]
    values = data.draw(st.lists(offset, min_size=count, max_size=count))
    offsets = np.array(values, np.int64).reshape(grid)
    decoder = EntropyDecoder(coded(offsets, scale, rate, unit))
    found = decode_map(decoder, grid, rate, RATES, unit)
    assert np.array_equal(found, rate + offsets * step)
    decoder.finish()


def test_a_hand_made_map() -> None:
    """§5.6.5, entry by entry: two positions, offsets 0 and 2, at scale 0."""
    recorder = payloads.likely(np.random.default_rng(0))
    recorder.given = maps.entries(np.array([[0, 2]]))
    assert recorder.given == [0, 0, 0, 1, 0, 1, 0]
    decode_map(recorder, (1, 2), RATE, RATES, 1)
    first = [table.frequencies[0] for table, _ in recorder.entries]
    # Two raw bits; change[13] at (30, 1) and (32, 1); side[13]; size[0], size[1].
    assert first == [32768, 32768, 65536 * 30 // 31, 65536 * 32 // 33, 32768, 32768, 32768]


@pytest.mark.parametrize(("offset", "fits"), [(39, True), (40, False), (-24, True), (-25, False)])
def test_offsets_end_where_the_rates_end(offset: int, fits: bool) -> None:
    from conformance.reference.status import Refused, Status

    if fits:
        coded(np.array([[offset]]))
        return
    with pytest.raises(Refused) as caught:
        coded(np.array([[offset]]))
    assert (caught.value.status, caught.value.clause) == (Status.INVALID_FILE, "§5.6.4")
