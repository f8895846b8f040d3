"""Vectors that bring their own model package: any numbers within Annex A, and every rule broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace

import numpy as np

from conformance.making import payloads
from conformance.making.container import File, Header
from conformance.making.packages import Parts, model_id, package
from conformance.making.random_parts import random_parts
from conformance.making.vector import Vector
from conformance.reference.model import Model
from conformance.reference.normative import parse
from conformance.reference.status import Status

SEEDS = (8, 21, 23, 33, 44, 54)
BROKEN_SEED = 21  # it has all that can be broken: banks, context, two inputs, several thresholds
WIDTH, HEIGHT = 50, 37
Change = Callable[[Parts], object]


def random_models() -> Iterator[Vector]:
    """Models with other shapes, tables and programs than the installed ones."""
    for seed in SEEDS:
        parts = random_parts(seed)
        normative = parts.normative()
        data = random_file(parse(normative), model_id(normative), seed)
        described = f"window {parts.window}, {parts.channels} channels, {parts.banks} banks"
        yield Vector(
            id=f"package-{seed}",
            description=f"a model of its own: {described}",
            data=data,
            model=None,
            package=package(normative, parts.members),
            clauses=("A.1.1", "A.1.2"),
        )


def random_file(model: Model, number: int, seed: int) -> bytes:
    """A picture of likely and unlikely symbols, at a random rate point."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rate = int(rng.integers(model.rate_points))
    recorder = payloads.even(rng) if seed % 2 else payloads.likely(rng)
    width, height = (max(1, int(side * rng.uniform(0.2, 1))) for side in (WIDTH, HEIGHT))
    payloads.compose(model, width, height, rate, recorder)
    return File(Header(width, height, number, rate), recorder.encoded()).write()


def broken_models() -> Iterator[Vector]:
    """Packages that are refused: each is like one that is not, but for one rule."""
    good = random_parts(BROKEN_SEED)
    for label, (clause, change) in CHANGES.items():
        parts = deepcopy(good)
        change(parts)
        yield refused(label, clause, parts.normative(), parts.members)
    normative = good.normative()
    for label, (clause, edit) in EDITS.items():
        yield refused(label, clause, edit(normative), good.members)
    altered = {"extra/model.json": b"{ }"}
    yield refused("altered-member", "A.1.3", normative, altered)
    more = {**good.members, "code/added.py": b""}
    yield refused("added-member", "A.1.3", normative, more)
    parts = deepcopy(good)
    parts.members["extra/reduced.bin"] = bytes(11)
    yield refused("length-of-reduced", "A.1.4", parts.normative(), parts.members)
    # What has no normative part has no id, so the package that the file asks for is missing.
    missing = refused("not-an-archive", "§5.1.3", normative, {})
    yield replace(missing, package=b"not a zip archive", clauses=("A.1.1",))
    elsewhere = package(normative, {}).replace(b"normative.bin", b"normative.bak")
    yield replace(
        missing, id="bad-package-without-normative", package=elsewhere, clauses=("A.1.2",)
    )


def refused(label: str, clause: str, normative: bytes, members: dict[str, bytes]) -> Vector:
    """A file that asks for a package which breaks `clause`."""
    return Vector(
        id=f"bad-package-{label}",
        description=f"MODEL_ERROR by {clause}",
        data=File(Header(5, 4, model_id(normative)), bytes(4)).write(),
        model=None,
        refused=(Status.MODEL_ERROR, clause),
        by="symbols",
        package=package(normative, members),
    )


_EMPTY = np.zeros((1, 0), np.int64)


def _first_table_of_scales(parts: Parts, first: int) -> None:
    parts.scale_tables[0] = (first, parts.scale_tables[0][1])


def _overflow(parts: Parts) -> None:
    layer = parts.layers[0]
    weights = int(np.abs(layer.weight[0]).sum())
    layer.bias[0] = 2**31 - 32768 * weights


def _instruction(program: int, index: int, **changes: int | list[int]) -> Change:
    """Replace fields of one instruction."""
    names = ("number", "target", "sources", "first", "second")

    def change(parts: Parts) -> None:
        instructions = parts.programs[program].instructions
        fields = {**dict(zip(names, instructions[index], strict=True)), **changes}
        instructions[index] = tuple(fields.values())  # type: ignore[assignment]

    return change


CHANGES: dict[str, tuple[str, Change]] = {
    "window": ("A.2.2", lambda parts: setattr(parts, "window", parts.window + 1)),
    "no-slots": ("A.2.2", lambda parts: setattr(parts, "tokens_per_window", 0)),
    "one-level": ("A.2.2", lambda parts: parts.levels.__setitem__(0, 1)),
    "context-2": ("A.2.2", lambda parts: setattr(parts, "token_context", 2)),
    "channels": ("A.2.2", lambda parts: setattr(parts, "channels", parts.channels + 2)),
    "mean-bits": ("A.2.2", lambda parts: setattr(parts, "mean_fraction", 15)),
    "tile-core": ("A.2.3", lambda parts: setattr(parts, "tile_core", 0)),
    "sum": ("A.2.4", lambda parts: parts.token_tables.__setitem__(1, [32768, 32767])),
    "table-of-banks": ("A.2.5", lambda parts: parts.token_tables.__setitem__(0, [65530] + [1] * 6)),
    "map-length": ("A.2.6", lambda parts: parts.token_map.append(1)),
    "map-number": ("A.2.6", lambda parts: parts.token_map.__setitem__(0, 999)),
    "map-count": ("A.2.6", lambda parts: parts.token_map.__setitem__(0, 0)),
    "thresholds": ("A.2.7", lambda parts: parts.thresholds.__setitem__(1, parts.thresholds[0])),
    "scale-first": ("A.2.7", lambda parts: _first_table_of_scales(parts, 32767)),
    "no-rate-vector": ("A.2.8", lambda parts: setattr(parts, "rate_vectors", _EMPTY)),
    "shift-0": ("A.2.9", lambda parts: parts.layers[0].shift.__setitem__(0, 0)),
    "shift-47": ("A.2.9", lambda parts: parts.layers[0].shift.__setitem__(0, 47)),
    "multiplier": ("A.2.9", lambda parts: parts.layers[0].multiplier.__setitem__(0, -1)),
    "overflow": ("§8.4.3", _overflow),
    "no-such-instruction": ("§8.2", _instruction(0, -1, number=7)),
    "source-not-written": ("§8.2", _instruction(1, 0, sources=[0, 5])),
    "no-such-register": ("§8.2", _instruction(1, -1, target=1000)),
    "register-twice": ("§8.2", _instruction(1, 1, target=2)),
    "input-overwritten": ("§8.2", _instruction(2, 0, target=0)),
    "two-sources": ("§8.2", _instruction(1, 1, sources=[2, 2])),
    "no-such-layer": ("§8.2", _instruction(3, 1, first=999)),
    "unused-argument": ("§8.2", _instruction(3, 0, second=1)),
    "slice-beyond": ("§8.2", _instruction(3, -1, first=1000)),
    "two-grids": ("§8.2", _instruction(0, 2, sources=[0, 1])),
    "factor": ("§8.2", _instruction(0, 1, first=1)),
    "output-not-written": ("§8.2", lambda parts: parts.programs[1].outputs.__setitem__(0, 900)),
    "output-channels": ("§8.2", lambda parts: parts.programs[1].outputs.__setitem__(0, 1)),
    "outputs": ("§8.2", lambda parts: parts.programs[2].outputs.append(0)),
    "no-registers": ("A.2.10", lambda parts: setattr(parts.programs[2], "registers", 0)),
    "no-sources": ("A.2.10", _instruction(1, 0, sources=[])),
}
"""Changes of the parts of a package, and the clauses that they break."""


def _swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda normative: normative.replace(old, new, 1)


EDITS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "signature": ("A.2.1", _swap(b"DLFN", b"DLFM")),
    "format": ("A.2.1", _swap(b"DLFN\x01", b"DLFN\x03")),
    "flags": ("A.2.1", _swap(b"DLFN\x01\x00\x00", b"DLFN\x01\x00\x01")),
    "cut": ("A.2", lambda normative: normative[:-1]),
    "followed": ("A.2", lambda normative: normative + b"\x00"),
}
"""Changes of the bytes of a normative part."""
