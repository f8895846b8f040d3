"""Files whose package is its decoding half alone (A.1.2): they decode as with the whole one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.making import maps
from conformance.making.container import File
from conformance.making.drawn import FAITHFUL, HALF, Shared, drawn
from conformance.making.models import refused
from conformance.making.vector import Vector
from conformance.reference.grids import up

ONLY_HALF = Shared(49)
"""Window 16, importance maps, noise at two cells, half size. Its whole package is in no folder."""


def halves() -> Iterator[Vector]:
    """One file without and one with an importance map, and halves that are damaged."""
    width, height, rate = 39, 27, 5
    normative, model = ONLY_HALF.parts.normative(), ONLY_HALF.model
    grid = up(height, model.latent_stride), up(width, model.latent_stride)
    plain = File(
        ONLY_HALF.header(width, height, rate), ONLY_HALF.payload(width, height, rate)
    ).write()
    payload = ONLY_HALF.payload(width, height, rate, maps.boxes(grid, (1, 1, 2, 2, 1)))
    mapped = File(ONLY_HALF.header(width, height, rate, has_map=True), payload).write()
    asked = ("", FAITHFUL, HALF, "--region 7,3,20,11")
    for label, data, pictures in (("plain", plain, asked), ("map", mapped, ("", HALF))):
        vector = drawn(ONLY_HALF, label, "the package is a decoding half", data, pictures)
        yield replace(vector, id=f"half-{label}", package=normative, clauses=("A.1.2",))

    damaged = {"cut": normative[:-1], "followed": normative + b"\x00"}
    for label, half in damaged.items():
        vector = refused(f"half-{label}", "A.2", half, {})
        yield replace(vector, package=half, clauses=("A.1.2",))
