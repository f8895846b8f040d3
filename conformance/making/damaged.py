"""Files whose container is right and whose payload, rate point, model or size is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from conformance.making import payloads
from conformance.making.container import MAP, VERSION_1, File, Header, varint
from conformance.making.vector import Vector
from conformance.reference.decoder import decode
from conformance.reference.entropy import ScaleTable
from conformance.reference.file import read_file
from conformance.reference.model import Model
from conformance.reference.registry import model_id
from conformance.reference.status import Refused, Status

WIDTH, HEIGHT, RATE = 150, 90, 60
INVALID, MODEL = Status.INVALID_FILE, Status.MODEL_ERROR


def damaged(model: Model) -> Iterator[Vector]:
    """§5.1.3, §5.2 to §5.4, §10."""
    good = Header(WIDTH, HEIGHT, rate=RATE)
    recorder = payloads.likely(np.random.Generator(np.random.PCG64(90)))
    payloads.compose(model, WIDTH, HEIGHT, RATE, recorder)
    payload = recorder.encoded()

    def refused(label: str, data: bytes, clause: str, detail: str) -> Vector:
        return late(f"payload-{label}", data, INVALID, clause, detail)

    for label, state in {"0": 0, "low": 2**23 - 1, "high": 2**31, "highest": 2**32 - 1}.items():
        data = File(good, state.to_bytes(4, "little") + payload[4:]).write()
        yield refused(f"first-state-{label}", data, "§5.2.1", f"a first state of {state}")

    data = File(good, payload + b"\x00").write()
    yield refused("one-more", data, "§5.4", "one byte more than the symbols take")
    data = File(good, payload[:-1]).write()
    yield refused("one-less", data, "§5.2.5", "one byte less than the symbols take")
    data = File(good, payload[:4]).write()
    yield refused("4-bytes", data, "§5.2.5", "a first state and nothing else")
    for label, offset in {"1": 1, "check": 0xA5A5}.items():
        data = File(good, payloads.encode(recorder.entries, offset)).write()
        yield refused(f"final-state-{label}", data, "§5.4", "another state at the end")

    rng = np.random.Generator(np.random.PCG64(91))
    for place in np.linspace(0, len(payload) - 1, 8).astype(int):
        flipped = bytearray(payload)
        flipped[place] ^= 1 << int(rng.integers(8))
        data = File(good, bytes(flipped)).write()
        detail = f"one bit flipped in byte {place} of {len(payload)}"
        yield refused(f"flip-{place}", data, clause_that_refuses(data, model), detail)

    for label, value in {"high": 32768, "highest": 2**17, "low": -32769}.items():
        data = File(good, composed(model, OneOdd(value=value))).write()
        yield refused(f"symbol-{label}", data, "§5.3.4", f"a symbol of {value}")
    data = File(good, composed(model, OneOdd(zeros=18))).write()
    yield refused("18-zeros", data, "§5.3.2", "an escape of 18 zeros")

    data = File(replace(good, rate=model.rate_points), payload).write()
    yield refused("rate", data, "§5.1.3", f"rate point {model.rate_points} of {model.rate_points}")
    data = File(replace(good, rate=255), payload).write()
    yield refused("rate-255", data, "§5.1.3", "rate point 255")

    ids = {"unregistered": 99, "highest-registered": 2**27 - 1, "derived": 2**27 + 12345}
    ids |= {"unused": 2**28, "highest": 2**32 - 1}
    for label, number in ids.items():
        data = File(replace(good, model_id=varint(number)), payload).write()
        yield late(f"model-{label}", data, MODEL, "§5.1.3", f"model id {number}", model=None)

    side = 2**24
    data = File(replace(good, width=side, height=side), payload).write()
    yield late("pixels", data, Status.LIMIT_EXCEEDED, "§10", "2^48 pixels")


def unexpected_map(name: str, model: Model) -> Vector:
    """§5.6: a map for a model that knows none."""
    rate = 5
    recorder = payloads.likely(np.random.Generator(np.random.PCG64(90)))
    payloads.compose(model, WIDTH, HEIGHT, rate, recorder)
    header = Header(WIDTH, HEIGHT, model_id(model.sha256), rate, flags=VERSION_1 | MAP)
    data = File(header, recorder.encoded()).write()
    return late("map-unexpected", data, INVALID, "§5.6", "a map for a model of format 1", name)


def late(
    label: str, data: bytes, status: Status, clause: str, detail: str, model: str | None = "test"
) -> Vector:
    """A file that `info` describes and `symbols` refuses."""
    description = f"{status.name} by {clause}: {detail}"
    return Vector(f"bad-{label}", description, data, model, (status, clause), by="symbols")


def clause_that_refuses(data: bytes, model: Model) -> str:
    """Where in §5 a damaged payload is noticed depends on the model."""
    try:
        decode(read_file(data), model)
    except Refused as refused:
        assert refused.status is INVALID
        return refused.clause
    raise AssertionError("the damage is not noticed")


class OneOdd(payloads.Recorder):
    """Likely symbols, but for one, that no valid file has."""

    PLACE = 5

    def __init__(self, value: int | None = None, zeros: int = 0) -> None:
        likely = payloads.likely(np.random.Generator(np.random.PCG64(92)))
        super().__init__(likely.pick_entry, likely.pick_value)
        self.odd = value
        self.zeros = zeros
        self.coded = 0

    def value(self, scale: ScaleTable) -> int:
        """Return the next symbol; at one place the one that no valid file has."""
        self.coded += 1
        if self.coded != self.PLACE:
            return super().value(scale)
        if self.odd is not None:
            return self.record(scale, self.odd)
        self.entries.append((scale.table, scale.table.count - 1))
        self.bits([0] * self.zeros + [1] * (self.zeros + 1))
        return 0


def composed(model: Model, recorder: payloads.Recorder) -> bytes:
    """The payload that `recorder` picks."""
    payloads.compose(model, WIDTH, HEIGHT, RATE, recorder)
    return recorder.encoded()
