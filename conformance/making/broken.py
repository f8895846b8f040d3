"""Files that break a rule of header, chunks or trailer; each names status and clause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conformance.making.container import (
    CHUNKS,
    Chunk,
    File,
    Header,
    alpha_content,
    deflate,
    varint,
)
from conformance.making.scenes import scene
from conformance.making.valid import XMP, Encode, payload_of
from conformance.making.vector import Vector
from conformance.reference.header import SIGNATURE
from conformance.reference.status import Status

INVALID, UNSUPPORTED = Status.INVALID_FILE, Status.UNSUPPORTED
WIDTH, HEIGHT, RATE = 33, 20, 3
PLANE = [[255] * WIDTH] * HEIGHT


def headers(encode: Encode) -> Iterator[Vector]:
    """§2."""
    payload = payload_of(encode(scene(WIDTH, HEIGHT, seed=80), RATE))
    good = Header(WIDTH, HEIGHT, rate=RATE)
    whole = File(good, payload).write()

    def made(**changes: object) -> bytes:
        return File(replace(good, **changes), payload).write()  # type: ignore[arg-type]

    for place in range(4):
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        yield broken(f"signature-{place}", bytes(damaged), INVALID, "§2.1", f"byte {place}")
    yield broken("other-format", b"\x89PNG\r\n\x1a\n", INVALID, "§2.1", "the signature of PNG")
    yield broken("short-other", SIGNATURE[:2] + b"X", INVALID, "§2.1", "3 bytes that differ")

    for version in (0, 2, 3, 7):
        data = made(flags=version)
        yield broken(f"version-{version}", data, UNSUPPORTED, "§2.2", f"version {version}")
    yield broken(
        "version-alone", SIGNATURE + b"\x02", UNSUPPORTED, "§2.2", "nothing behind version 2"
    )

    varints = {
        "not-shortest": b"\x80\x00",
        "padded": b"\x81\x80\x00",
        "six-bytes": b"\x80\x80\x80\x80\x80\x01",
        "33-bits": b"\x80\x80\x80\x80\x10",
    }
    for label, model_id in varints.items():
        data = made(model_id=model_id)
        yield broken(f"varint-{label}", data, INVALID, "§1.3", "in the model id")
    data = made(payload_length=varint(len(payload))[:-1] + bytes([len(payload) | 0x80, 0]))
    yield broken("varint-payload-length", data, INVALID, "§1.3", "in the payload length")

    for label, bit in {"flags": 38, "width": 48, "rate": 64, "checksum": 80}.items():
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        yield broken(f"flip-{label}", bytes(damaged), INVALID, "§2.4", f"bit {bit} flipped")

    side = 2**24
    yield broken("width", made(width=side + 1), INVALID, "§2.5", "width 2^24 + 1")
    yield broken("height", made(height=2**32), INVALID, "§2.5", "height 2^32")
    data = made(with_description=True)
    yield broken("description-0", data, INVALID, "§2.5", "a picture description of 0")
    for label, description in {"alpha-2": 2 << 4, "alpha-3": 3 << 4, "colour-2": 2 << 6}.items():
        data = made(description=description)
        yield broken(label, data, UNSUPPORTED, "§2.6", f"picture description {description}")
    data = File(replace(good, description=2 << 4, payload_length=0), b"").write()
    yield broken("alpha-before-length", data, UNSUPPORTED, "§2.6", "and a payload of 0 bytes")
    for length in (0, 3):
        data = File(good, payload[:length]).write()
        yield broken(f"payload-{length}", data, INVALID, "§2.5", f"a payload of {length} bytes")


def reductions(encode: Encode) -> Iterator[Vector]:
    """§2.7."""
    payload = payload_of(encode(scene(WIDTH, HEIGHT, seed=80), RATE))
    good = Header(WIDTH, HEIGHT, rate=RATE)

    def made(reduction: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
        header = replace(good, width=width, height=height, reduction=reduction)
        return File(header, payload).write()

    for reduction in (0, 0b111_111_00):
        data = made(reduction)
        yield broken(
            f"reduction-{reduction}", data, UNSUPPORTED, "§2.7", f"reduction {reduction:#04x}"
        )
    beyond = {"columns": 0b000_010_01, "rows": 0b100_000_10, "of-2": 0b111_111_01}
    for label, reduction in beyond.items():
        data = made(reduction)
        yield broken(f"reduction-{label}", data, INVALID, "§2.7.2", f"reduction {reduction:#04x}")
    side = 2**24
    data = made(0b000_000_01, width=side // 2 + 1)
    yield broken("reduction-width", data, INVALID, "§2.7.2", "display width 2^24 + 2")
    data = made(0b000_000_11, height=side)
    yield broken("reduction-height", data, INVALID, "§2.7.2", "display height 2^27")
    data = File(replace(good, reduction=0, payload_length=3), payload[:3]).write()
    yield broken("reduction-after-length", data, INVALID, "§2.5", "and a payload of 3 bytes")
    whole = made(0b001_001_01)
    yield broken(
        "reduction-cut",
        whole[: -len(payload) - 2],
        Status.TRUNCATED_FILE,
        "§2",
        "no reduction behind the payload length",
    )
    damaged = bytearray(whole)
    damaged[-len(payload) - 2] ^= 0x04
    yield broken("reduction-flip", bytes(damaged), INVALID, "§2.4", "a flipped bit in it")


def bodies(encode: Encode) -> Iterator[Vector]:
    """§3 and §4."""
    payload = payload_of(encode(scene(WIDTH, HEIGHT, seed=80), RATE))
    good = Header(WIDTH, HEIGHT, rate=RATE)
    with_alpha = replace(good, description=1 << 4)
    plane = alpha_content(PLANE)
    opaque = Chunk(1, plane, deflated=True, critical=True)

    def made(*chunks: Chunk, header: Header = good, **changes: object) -> bytes:
        return File(header, payload, list(chunks), **changes).write()  # type: ignore[arg-type]

    none = File(replace(good, flags=1 | CHUNKS), payload, chunk_count=b"\x00").write()
    yield broken("no-chunks", none, INVALID, "§3.1", "a count of 0")
    many = made(*[Chunk(16)] * 1025)
    yield broken("1025-chunks", many, Status.LIMIT_EXCEEDED, "§3.1", "more than 1024 chunks")
    longest = made(chunk_count=b"\xff\xff\xff\xff\x0f")
    yield broken("2-32-chunks", longest, Status.LIMIT_EXCEEDED, "§3.1", "a count of 2^32 - 1")

    order = {
        "chunks-descend": [Chunk(4, XMP), Chunk(3, b"exif")],
        "chunk-twice": [Chunk(4, XMP), Chunk(4, XMP)],
        "reserved-chunk-twice": [Chunk(15), Chunk(15)],
    }
    for label, chunks in order.items():
        yield broken(label, made(*chunks), INVALID, "§3.2", "order of chunks")

    for kind in (2, 3, 4):
        data = made(Chunk(kind, XMP, critical=True))
        yield broken(
            f"critical-{kind}", data, INVALID, "§3.3", f"type {kind} with the critical bit"
        )
    data = made(replace(opaque, critical=False), header=with_alpha)
    yield broken("alpha-not-critical", data, INVALID, "§3.3", "alpha without the critical bit")
    for kind in (0, 5, 15, 16, 1000):
        data = made(Chunk(kind, b"?", critical=True))
        yield broken(
            f"unknown-critical-{kind}", data, UNSUPPORTED, "§3.3", f"type {kind}, critical"
        )
    data = made(Chunk(5, stored=b"", deflated=True, critical=True))
    yield broken("unknown-before-content", data, UNSUPPORTED, "§3.3", "and a damaged zlib stream")

    stream = deflate(XMP)
    damaged = bytearray(stream)
    damaged[len(stream) // 2] ^= 0x10
    streams = {
        "no-length": b"",
        "long-varint": b"\xa5\x00" + stream[1:],
        "damaged": bytes(damaged),
        "checksum": stream[:-1] + bytes([stream[-1] ^ 1]),
        "cut": stream[:-3],
        "followed": stream + b"\x00",
        "too-short": deflate(XMP, len(XMP) + 1),
        "too-long": deflate(XMP, len(XMP) - 1),
        "bomb": deflate(bytes(10), 10**6),
        "raw": b"\x03\x01\x03\x00\xfc\xffabc",
    }
    for label, stored in streams.items():
        data = made(Chunk(16, stored=stored, deflated=True))
        clause = "§1.3" if label == "long-varint" else "§3.4"
        yield broken(f"zlib-{label}", data, INVALID, clause, "a deflated chunk")

    yield broken("alpha-missing", made(header=with_alpha), INVALID, "§3.5", "no alpha chunk")
    yield broken("alpha-unexpected", made(opaque), INVALID, "§3.5", "an alpha chunk, but alpha 0")
    lengths = {"short": plane[:-1], "long": plane + b"\x00", "empty": b""}
    for label, content in lengths.items():
        for deflated in (False, True):
            data = made(replace(opaque, content=content, deflated=deflated), header=with_alpha)
            name = f"alpha-{label}" + "-deflated" * deflated
            yield broken(name, data, INVALID, "§3.5", f"{len(content)} bytes of alpha")
    data = made(replace(opaque, content=alpha_content(PLANE, method=1)), header=with_alpha)
    vector = broken("alpha-method", data, UNSUPPORTED, "§3.5.1", "alpha method 1")
    yield replace(vector, by="decode", pictures=("",))

    whole = made(Chunk(4, XMP))
    for label, place in {"header-crc": 5, "payload": 15, "chunk": -20, "itself": -1}.items():
        damaged = bytearray(whole)
        damaged[place] ^= 0x04
        clause = "§2.4" if label == "header-crc" else "§4.2"
        yield broken(f"trailer-{label}", bytes(damaged), INVALID, clause, f"damage at {place}")
    for label, data in {"plain": made(), "chunks": whole, "trailer": made(trailer=True)}.items():
        yield broken(f"behind-{label}", data + b"\x00", INVALID, "§4.3", "a byte behind the end")


def broken(label: str, data: bytes, status: Status, clause: str, detail: str) -> Vector:
    """A file that is refused before a model is asked for."""
    return Vector(
        id=f"bad-{label}",
        description=f"{status.name} by {clause}: {detail}",
        data=data,
        refused=(status, clause),
    )
