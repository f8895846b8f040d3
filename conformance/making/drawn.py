"""Files for small random models that draw pixels: sizes, rates, maps, all that one may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from conformance.making import maps, payloads
from conformance.making.container import MAP, VERSION_1, Chunk, File, Header, alpha_content
from conformance.making.integer_parts import integer_parts
from conformance.making.maps import Offsets
from conformance.making.packages import Parts, model_id, package
from conformance.making.scenes import alpha
from conformance.making.valid import BEST_EFFORT, SEMANTIC
from conformance.making.vector import Vector
from conformance.reference.grids import up
from conformance.reference.model import Model
from conformance.reference.normative import parse
from conformance.reference.status import Status

FAITHFUL = "--noise faithful"
HALF, QUARTER, EIGHTH = (f"--downscale {f}" for f in (2, 4, 8))
THREADS = tuple(f"--threads {n}" for n in (1, 2, 3))


@dataclass(frozen=True)
class Shared:
    """A package that several vectors share, by its seed."""

    seed: int

    @property
    def name(self) -> str:
        """The name of the package's file, without its ending."""
        return f"integer-{self.seed}"

    @cached_property
    def parts(self) -> Parts:
        """What the package is written from."""
        return integer_parts(self.seed)

    @cached_property
    def model(self) -> Model:
        """The package as the reference decoder reads it."""
        return parse(self.parts.normative())

    def write(self) -> bytes:
        """The package."""
        return package(self.parts.normative(), self.parts.members)

    def payload(
        self, width: int, height: int, rate: int, offsets: Offsets | None = None, scale: int = 0
    ) -> bytes:
        """Likely symbols, behind a map."""
        rng = np.random.Generator(np.random.PCG64([self.seed, width, height]))
        recorder = payloads.likely(rng)
        payloads.compose(self.model, width, height, rate, recorder, offsets, scale)
        return recorder.encoded()

    def header(self, width: int, height: int, rate: int, has_map: bool = False) -> Header:
        """The header of a picture of this model."""
        flags = VERSION_1 | MAP if has_map else VERSION_1
        return Header(width, height, model_id(self.parts.normative()), rate, flags=flags)


LARGE_WINDOW, NO_RATES, NOISY = Shared(4), Shared(27), Shared(25)
USUAL, CALM, COARSE_NOISE = Shared(33), Shared(36), Shared(12)
PACKAGES = (LARGE_WINDOW, NO_RATES, NOISY, USUAL, CALM, COARSE_NOISE)
"""Windows of 128, 32, 16; noise at 32, 16, 8, 4, 2 and 1 or none; with and without rate vectors."""


def vectors() -> Iterator[Vector]:
    """All of them."""
    yield from sizes()
    yield from wishes()
    yield from importance()
    yield from descriptions()


def drawn(
    shared: Shared, label: str, description: str, data: bytes, pictures: tuple[str, ...]
) -> Vector:
    """A valid file."""
    return Vector(
        id=f"{shared.name}-{label}",
        description=description,
        data=data,
        model=None,
        pictures=pictures,
    )


def sizes() -> Iterator[Vector]:
    """Pictures of all kinds of sizes, at rate points spread over the model's."""
    for number, (shared, label) in enumerate(
        [
            (USUAL, "one-pixel"),
            (LARGE_WINDOW, "beyond-one-window"),
            (CALM, "beyond-one-window"),
            (NOISY, "odd"),
            (USUAL, "tall"),
            (COARSE_NOISE, "tall"),
            (NO_RATES, "wide"),
            (CALM, "wide"),
            (NO_RATES, "many-windows"),
            (COARSE_NOISE, "one-window"),
        ]
    ):
        w = shared.parts.window
        width, height = {
            "one-pixel": (1, 1),
            "one-window": (w, w),
            "beyond-one-window": (w + 1, w + 1),
            "odd": (w // 2 + 5, w + 11),
            "tall": (5, 7 * w + 2),
            "wide": (9 * w + 3, 7),
            "many-windows": (5 * w - 3, 4 * w + 1),
        }[label]
        rate = number * (shared.model.rate_points - 1) // 9
        data = File(shared.header(width, height, rate), shared.payload(width, height, rate)).write()
        described = f"{width} x {height} pixels, rate point {rate}"
        yield drawn(shared, label, described, data, ("", HALF))


def wishes() -> Iterator[Vector]:
    """Everything that one may ask a decoder for: no wish but noise and size changes a sample."""
    for shared in (USUAL, NOISY):
        width, height, rate = 83, 61, 4
        regions = ("0,0,1,1", "82,60,1,1", "17,9,40,23", "0,31,83,2")
        asked = ["", FAITHFUL, SEMANTIC, HALF, QUARTER, EIGHTH, *THREADS]
        asked += [f"--region {region}" for region in regions]
        asked += [f"{QUARTER} --region 18,9,41,23", f"{FAITHFUL} --region 17,9,40,23"]
        data = File(shared.header(width, height, rate), shared.payload(width, height, rate)).write()
        yield drawn(shared, "wishes", "regions, sizes, noise, threads", data, tuple(asked))


def importance() -> Iterator[Vector]:
    """Importance maps: faces, smooth, negative, and any offsets at all."""
    shared, width, height, rate = CALM, 117, 83, 4
    model = shared.model
    grid = up(height, model.latent_stride), up(width, model.latent_stride)
    rng = np.random.Generator(np.random.PCG64(1))
    lowest, highest = rate // model.map_unit, (model.rate_points - 1 - rate) // model.map_unit
    cases = {
        "map-two-faces": (maps.boxes(grid, (2, 3, 4, 5, highest), (11, 2, 3, 4, highest)), 0),
        "map-faces-scaled": (maps.boxes(grid, (2, 3, 4, 5, 1), (11, 2, 3, 4, 1)), 2),
        "map-smooth": (maps.quantised(3 * maps.smooth(rng, grid, 4), 0.75), 0),
        "map-negative": (maps.boxes(grid, (0, 0, 30, 4, -1), (3, 6, 5, 30, -lowest)), 0),
        "map-any-offsets": (rng.integers(-lowest, highest + 1, grid), 0),
        "map-of-zeros": (np.zeros(grid, np.int64), 3),
    }
    for label, (offsets, scale) in cases.items():
        payload = shared.payload(width, height, rate, offsets, scale)
        data = File(shared.header(width, height, rate, has_map=True), payload).write()
        described = f"offsets from {offsets.min()} to {offsets.max()}, scale {scale}"
        yield drawn(shared, label, described, data, ("",))
    offsets = maps.boxes((1, 1), (0, 0, 1, 1, 1))
    data = File(CALM.header(3, 2, 0, has_map=True), CALM.payload(3, 2, 0, offsets)).write()
    yield drawn(CALM, "map-of-one", "a map of a single position", data, ("",))


def descriptions() -> Iterator[Vector]:
    """Gray, alpha, both; a file that is truncated after its tokens."""
    width, height, rate = 45, 37, 3
    payload = USUAL.payload(width, height, rate)
    header = USUAL.header(width, height, rate)
    plane = alpha_content(alpha(width, height).tolist())
    chunk = Chunk(1, plane, deflated=True, critical=True)
    region = "--region 11,3,20,33"
    for label, description, chunks in (
        ("gray", 8, []),
        ("alpha", 1 << 4, [chunk]),
        ("gray-alpha", 8 | 1 << 4, [chunk]),
    ):
        data = File(replace(header, description=description), payload, chunks).write()
        asked = ("", HALF, EIGHTH, region, f"{HALF} {region}")
        described = f"picture description 0x{description:02X}"
        yield drawn(USUAL, label, described, data, asked)
    whole = File(header, payload).write()
    cut = drawn(USUAL, "cut", "a file cut in its detail layer", whole[:-5], (BEST_EFFORT,))
    yield replace(cut, refused=(Status.TRUNCATED_FILE, "§4.1"), by="symbols", best_effort=True)
