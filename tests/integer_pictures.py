"""What the tests of exact pixels share: toy pictures, and drawing them in strips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.making import payloads
from conformance.making.maps import Offsets
from conformance.reference import network
from conformance.reference.decoder import Decoded
from conformance.reference.grids import Grids, up
from conformance.reference.header import Header
from conformance.reference.model import Model
from conformance.reference.network import Register, Tensor
from conformance.reference.programs import Layer, Program

Run = Callable[[Program, list[Layer], list[Register], Grids], list[Tensor]]


def toy(
    model: Model, width: int, height: int, rate: int = 3, offsets: Offsets | None = None
) -> tuple[Decoded, Header]:
    """Likely symbols for a picture of this size, the same for every rate and map."""
    recorder = payloads.likely(np.random.default_rng(7))
    decoded = payloads.compose(model, width, height, rate, recorder, offsets)
    return decoded, payloads.plain_header(width, height, rate)


def in_strips(window: int, overlap: int) -> Run:
    """A `run` that computes strips of one row of windows, with `overlap` pixels around each."""

    def run(
        program: Program, layers: list[Layer], inputs: list[Register], grids: Grids
    ) -> list[Tensor]:
        strips = []
        for top in range(0, grids.height, window):
            bottom = min(top + window, grids.height)
            first, last = max(top - overlap, 0), min(bottom + overlap, grids.height)
            parts = [
                Register(cell, values[:, first // cell : up(last, cell)]) for cell, values in inputs
            ]
            strip_grids = Grids(last - first, grids.width)
            [values] = network.run(program, layers, parts, strip_grids)
            assert values.shape[1] == last - first, "only for programs whose output has cell 1"
            strips.append(values[:, top - first : bottom - first])
        return [np.concatenate(strips, axis=1)]

    return run
