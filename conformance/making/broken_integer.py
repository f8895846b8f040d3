"""Packages and files that break one rule of an integer synthesis or of the importance map each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np

from conformance.making import maps, payloads
from conformance.making.container import File
from conformance.making.damaged import late
from conformance.making.drawn import LARGE_WINDOW, USUAL
from conformance.making.integer_parts import integer_parts
from conformance.making.models import Change, refused
from conformance.making.packages import Parts, ProgramPart, SynthesisPart
from conformance.making.vector import Vector
from conformance.reference.entropy import FrequencyTable
from conformance.reference.programs import CONV, DEPTH_TO_SPACE, PRODUCT, SPACE_TO_DEPTH
from conformance.reference.status import Refused, Status

BROKEN_SEED = 11  # noise at 16, 2 and 1, a window of 16, latent_align 4, rate vectors, half size
WIDTH = 2


def packages() -> Iterator[Vector]:
    """Packages that are refused: each is like one that is not, but for one rule."""
    good = integer_parts(BROKEN_SEED, WIDTH)
    for label, (clause, change) in CHANGES.items():
        parts = deepcopy(good)
        change(parts)
        yield refused(f"integer-{label}", clause, parts.normative(), parts.members)
    normative = good.normative()
    for label, (clause, edit) in EDITS.items():
        yield refused(f"integer-{label}", clause, edit(normative), good.members)


def synthesis_of(parts: Parts) -> SynthesisPart:
    """Return the synthesis, which is there."""
    assert parts.synthesis is not None
    return parts.synthesis


def _set(name: str, value: object) -> Change:
    """Give a field of the synthesis another value."""
    return lambda parts: setattr(synthesis_of(parts), name, value)


def _in_program(change: Callable[[ProgramPart], object]) -> Change:
    """Change the program of the whole size."""
    return lambda parts: change(synthesis_of(parts).programs[1])


def _first(wanted: int, **changes: int | list[int]) -> Change:
    """Replace fields of the first instruction with the number `wanted`."""
    names = ("number", "target", "sources", "first", "second")

    def change(program: ProgramPart) -> None:
        place = [each[0] for each in program.instructions].index(wanted)
        fields = {**dict(zip(names, program.instructions[place], strict=True)), **changes}
        program.instructions[place] = tuple(fields.values())  # type: ignore[assignment]

    return _in_program(change)


def _swap_programs(parts: Parts) -> None:
    programs = synthesis_of(parts).programs
    programs[1], programs[2] = programs[2], programs[1]


def _overflow(parts: Parts) -> None:
    """One more than the largest bias that the range of latents allows."""
    place = synthesis_of(parts).programs[1].instructions[0]
    assert place[0] == CONV and place[2] == [0]
    layer = parts.layers[place[3]]
    weights = int(np.abs(layer.weight[0]).sum())
    layer.bias[0] = 2**31 - synthesis_of(parts).latent_bound * weights


def _other_reach(by: int) -> Change:
    def change(parts: Parts) -> None:
        synthesis_of(parts).reaches[2] += by

    return change


def _empty_range(parts: Parts) -> None:
    parts.layers[-1].low = parts.layers[-1].high + 1


CHANGES: dict[str, tuple[str, Change]] = {
    "flags": ("A.2.1", lambda parts: setattr(parts, "flags", 1 | 2 | 4)),
    "maps-alone": ("A.2.1", lambda parts: setattr(parts, "flags", 2)),
    "format-3": ("A.2.1", lambda parts: setattr(parts, "format", 3)),
    "format-1": ("A.2.1", lambda parts: setattr(parts, "format", 1)),
    "stride-3": ("A.2.2", lambda parts: parts.__dict__.update(latent_stride=3, latent_align=12)),
    "empty-range": ("A.2.9", _empty_range),
    "overflow": ("§8.4.3", _overflow),
    "latent-shift": ("A.2.11", _set("latent_shift", 31)),
    "latent-bound-0": ("A.2.11", _set("latent_bound", 0)),
    "latent-bound-negative": ("A.2.11", _set("latent_bound", -1)),
    "sample-bits": ("A.2.11", _set("sample_bits", 8)),
    "noise-cell-64": ("A.2.11", _set("noise_mask", 64)),
    "noise-beyond-window": ("A.2.11", _set("noise_mask", 32)),
    "noise-missing": ("§8.2", _set("noise_mask", 1)),
    "reduced-16": ("A.2.11", _set("reduced_mask", 8)),
    "reduced-beyond-align": ("A.2.11", _set("reduced_mask", 1 | 4)),
    "no-such-instruction": ("§8.2", _first(CONV, number=10)),
    "lacks-a-register": ("§8.2", _first(PRODUCT, sources=[0, 1000])),
    "product-of-one": ("§8.2", _first(PRODUCT, sources=[0])),
    "product-shift-0": ("§8.2", _first(PRODUCT, first=0)),
    "product-shift-31": ("§8.2", _first(PRODUCT, first=31)),
    "product-channels": ("§8.2", _first(PRODUCT, sources=[0, 5])),
    "factor-1": ("§8.2", _first(DEPTH_TO_SPACE, first=1)),
    "factor-3": ("§8.2", _first(DEPTH_TO_SPACE, first=3)),
    "factor-beyond-cell": ("§8.2", _first(DEPTH_TO_SPACE, first=32)),
    "factor-128": ("§8.2", _first(SPACE_TO_DEPTH, first=128)),
    "beyond-window": ("§8.2", _first(SPACE_TO_DEPTH, first=16)),
    "two-grids": ("§8.2", _first(PRODUCT, sources=[0, 1])),
    "inputs": ("§8.2", _in_program(lambda program: setattr(program, "inputs", 3))),
    "two-outputs": ("A.2.11", _in_program(lambda program: program.outputs.append(0))),
    "output-channels": ("A.2.11", _in_program(lambda program: program.outputs.__setitem__(0, 0))),
    "output-grid": ("A.2.11", _swap_programs),
    "reach-more": ("§8.5", _other_reach(1)),
    "reach-less": ("§8.5", _other_reach(-1)),
}
"""Changes of the parts of a package, and the clauses that they break."""

EDITS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut": ("A.2", lambda normative: normative[:-1]),
    "followed": ("A.2", lambda normative: normative + b"\x00"),
}
"""Changes of the bytes of a normative part."""


class Undisturbed(payloads.Recorder):
    """Records entries until the reference decoder refuses them."""

    def compose(self, offsets: maps.Offsets, scale: int, width: int, height: int) -> bytes:
        """Return the payload up to where the decoder refuses a map of these offsets."""
        try:
            payloads.compose(USUAL.model, width, height, RATE, self, offsets, scale)
        except Refused:
            return self.encoded()
        raise AssertionError("nothing is wrong with this map")


RATE = 4


def files() -> Iterator[Vector]:
    """§5.6: maps that no decoder may follow."""
    width, height = 100, 60
    grid = (4, 7)
    unit, rates = USUAL.model.map_unit, USUAL.model.rate_points
    too_high, too_low = (rates - 1 - RATE) // unit + 1, -(RATE // unit) - 1
    odd = {
        "high": (maps.boxes(grid, (2, 1, 3, 2, too_high)), 0),
        "low": (maps.boxes(grid, (2, 1, 3, 2, too_low)), 0),
        "highest": (maps.boxes(grid, (6, 3, 1, 1, 60)), 0),
        "scaled": (maps.boxes(grid, (0, 0, 1, 1, 1)), 3),
    }

    def one(table: FrequencyTable) -> int:
        return 1

    for label, (offsets, scale) in odd.items():
        recorder = Undisturbed(one, lambda scale_table: 0)
        payload = recorder.compose(offsets, scale, width, height)
        data = File(USUAL.header(width, height, RATE, has_map=True), payload).write()
        detail = f"an offset of {offsets.flat[np.abs(offsets).argmax()]}, scale {scale}"
        yield late(f"map-{label}", data, Status.INVALID_FILE, "§5.6.4", detail, model=None)

    offsets = maps.boxes(grid, (1, 1, 3, 2, 2))
    payload = USUAL.payload(width, height, RATE, offsets)
    header = USUAL.header(width, height, RATE, has_map=True)
    data = File(header, payload[:6]).write()
    yield late("map-used-up", data, Status.INVALID_FILE, "§5.2.5", "a payload of 6 bytes", None)
    whole = File(header, payload).write()
    start = len(whole) - len(payload)
    yield Vector(
        id="cut-in-map",
        description="a file cut in its importance map: nothing can be shown",
        data=whole[: start + 6],
        model=None,
        refused=(Status.TRUNCATED_FILE, "§4.1"),
        by="symbols",
    )
    plain = File(
        LARGE_WINDOW.header(5, 4, RATE, has_map=True), LARGE_WINDOW.payload(5, 4, RATE)
    ).write()
    detail = "a map for a model without maps"
    yield late("map-of-none", plain, Status.INVALID_FILE, "§5.6", detail, model=None)
