"""Files with two things wrong at once: the check that §4.4 puts first gives the status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.making import payloads
from conformance.making.container import Chunk, File, Header, alpha_content, varint
from conformance.making.valid import XMP
from conformance.making.vector import Vector
from conformance.reference.model import Model
from conformance.reference.status import Status

WIDTH, HEIGHT, RATE = 33, 20, 3
ABSENT = varint(99)
"""The id of a model that nobody has."""
ALPHA = 1 << 4
INVALID, TRUNCATED = Status.INVALID_FILE, Status.TRUNCATED_FILE
UNSUPPORTED, MODEL = Status.UNSUPPORTED, Status.MODEL_ERROR


def orders(model: Model) -> Iterator[Vector]:
    """§4.4: container before model, model before rate point and payload, payload before alpha."""
    recorder = payloads.likely(np.random.Generator(np.random.PCG64(93)))
    payloads.compose(model, WIDTH, HEIGHT, RATE, recorder)
    payload = recorder.encoded()
    yield from containers(payload)
    yield from models(model, payload)


def containers(payload: bytes) -> Iterator[Vector]:
    """A broken container, and a model that is not there."""
    header = Header(WIDTH, HEIGHT, ABSENT, RATE)
    alpha = replace(header, description=ALPHA)
    whole = File(header, payload, [Chunk(4, XMP)]).write()
    cut = whole[: whole.index(payload) + len(payload) // 2]
    damaged = bytearray(whole)
    damaged[-1] ^= 4

    def made(*chunks: Chunk, header: Header = header) -> bytes:
        return File(header, payload, list(chunks)).write()

    broken = {
        "chunk-cut": (whole[: -len(XMP) // 2], TRUNCATED, "§3.1"),
        "trailer-cut": (whole[:-1], TRUNCATED, "§4.2"),
        "trailer": (bytes(damaged), INVALID, "§4.2"),
        "behind": (whole + b"\x00", INVALID, "§4.3"),
        "chunk-order": (made(Chunk(4, XMP), Chunk(3, b"exif")), INVALID, "§3.2"),
        "critical": (made(Chunk(16, critical=True)), UNSUPPORTED, "§3.3"),
        "zlib": (made(Chunk(16, stored=b"\x01?", deflated=True)), INVALID, "§3.4"),
        "alpha-length": (made(Chunk(1, b"\x00", critical=True), header=alpha), INVALID, "§3.5"),
        "alpha-missing": (made(header=alpha), INVALID, "§3.5"),
    }
    for label, (data, status, clause) in broken.items():
        yield Vector(
            id=f"bad-order-{label}",
            description=f"{status.name} by {clause}, before the model, which is absent too",
            data=data,
            model=None,
            refused=(status, clause),
            pictures=("",),
            clauses=("§4.4",),
        )
    yield late("cut", cut, TRUNCATED, "§4.1", "a cut payload and no model", model=None)


def models(model: Model, payload: bytes) -> Iterator[Vector]:
    """What comes behind a sound container."""
    header = Header(WIDTH, HEIGHT, rate=RATE)
    absent = replace(header, model_id=ABSENT)
    no_rate = replace(header, rate=model.rate_points)
    damaged = bytes(4) + payload[4:]
    plane = alpha_content([[255] * WIDTH] * HEIGHT, method=1)
    alpha = [Chunk(1, plane, deflated=True, critical=True)]

    def with_alpha(header: Header, payload: bytes) -> bytes:
        return File(replace(header, description=ALPHA), payload, alpha).write()

    data = File(replace(no_rate, model_id=ABSENT), payload).write()
    yield late("model-rate", data, MODEL, "§5.1.3", "no model and no such rate", model=None)
    data = File(absent, damaged).write()
    yield late("model-payload", data, MODEL, "§5.1.3", "no model and a damaged payload", model=None)
    data = with_alpha(absent, payload)
    yield late("model-alpha", data, MODEL, "§5.1.3", "no model and alpha method 1", model=None)
    data = File(no_rate, damaged).write()
    yield late("rate-payload", data, INVALID, "§5.1.3", "no such rate and a damaged payload")
    data = with_alpha(no_rate, payload)
    yield late("rate-alpha", data, INVALID, "§5.1.3", "no such rate and alpha method 1")
    data = with_alpha(header, damaged)
    yield late("payload-alpha", data, INVALID, "§5.2.1", "a damaged payload and alpha method 1")
    data = with_alpha(header, payload + b"\x00")
    yield late(
        "end-alpha", data, INVALID, "§5.4", "a byte behind the last symbol and alpha method 1"
    )


def late(
    label: str, data: bytes, status: Status, clause: str, detail: str, model: str | None = "test"
) -> Vector:
    """A file that `info` describes, and `symbols` and `decode` refuse."""
    return Vector(
        id=f"bad-order-{label}",
        description=f"{status.name} by {clause}: {detail}",
        data=data,
        model=model,
        refused=(status, clause),
        by="symbols",
        pictures=("",),
        clauses=("§4.4",),
    )
