"""Valid files: sizes, rate points, modes, orientations, chunks and tiles of one installed model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.making import payloads
from conformance.making.container import Chunk, File, Header, alpha_content
from conformance.making.scenes import alpha, scene
from conformance.making.vector import Vector
from conformance.reference.file import read_file
from conformance.reference.model import Model
from conformance.reference.registry import model_id

Encode = Callable[[NDArray[np.uint8], int], bytes]
"""Our encoder: picture and rate point to a .dlf file."""

SEMANTIC, BEST_EFFORT = "--layers semantic", "--allow-truncated"
PIXELS = ("§9.1", "§9.3", "§9.4", "§9.5", "§2.6.2")
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
EXIF = bytes.fromhex("49492a00 08000000 0100 1201 0300 01000000 06000000 00000000")
ICC_LENGTH = 128


def sizes(name: str, model: Model, encode: Encode) -> Iterator[Vector]:
    """Pictures of all kinds of sizes, at rate points spread over the model's."""
    w = model.window
    shapes = {
        "one-pixel": (1, 1),
        "one-window": (w, w),
        "beyond-one-window": (w + 1, w + 1),
        "odd": (w // 2 + 5, w - 17),
        "wide": (4 * w + 3, 7),
        "tall": (5, 3 * w + 2),
        "many-windows": (3 * w - 9, 2 * w + 11),
    }
    for number, (label, (width, height)) in enumerate(shapes.items()):
        rate = number * (model.rate_points - 1) // (len(shapes) - 1)
        yield Vector(
            id=f"{name}-{label}",
            description=f"{width} x {height} pixels, rate point {rate}",
            data=encode(scene(width, height, seed=number), rate),
            model=name,
            pictures=("", SEMANTIC) if label in ("odd", "many-windows") else ("",),
            clauses=(*PIXELS, "§9.2.1", "§2.6"),
        )


def rates(name: str, model: Model, encode: Encode) -> Iterator[Vector]:
    """One picture at the lowest, a middle and the highest rate point; symbols only."""
    w = model.window
    picture = scene(2 * w - 7, w + 20, seed=20)
    for rate in sorted({0, model.rate_points // 2, model.rate_points - 1}):
        yield Vector(
            id=f"{name}-rate-{rate}",
            description=f"rate point {rate} of {model.rate_points}",
            data=encode(picture, rate),
            model=name,
        )


def tiles(name: str, model: Model, encode: Encode) -> Iterator[Vector]:
    """Pictures of more windows than are processed whole: two strips, one pixel wide or high."""
    length = (model.whole_limit + 1) * model.window
    for label, (width, height) in {"across": (length, 1), "down": (1, length)}.items():
        data = encode(scene(width, height, seed=30), model.rate_points // 2)
        yield Vector(
            id=f"{name}-tiles-{label}",
            description=f"{width} x {height} pixels: tiles of {model.tile_core} windows",
            data=data,
            model=name,
            pictures=("",),
            clauses=(*PIXELS, "§9.2.1", "§9.2.2"),
        )


def descriptions(name: str, model: Model, encode: Encode) -> Iterator[Vector]:
    """Modes, orientations and colour spaces: the bits of the picture description (§2.6)."""
    width, height = 70, 45
    picture = scene(width, height, seed=40)
    payload = payload_of(encode(picture, 6))
    plane = alpha(width, height).tolist()
    alpha_chunk = Chunk(1, alpha_content(plane), deflated=True, critical=True)
    cases: dict[str, tuple[int, list[Chunk]]] = {
        "mode-l": (8, []),
        "mode-rgba": (1 << 4, [alpha_chunk]),
        "mode-la": (8 | 1 << 4, [replace(alpha_chunk, deflated=False, safe_to_copy=True)]),
        "display-p3": (1 << 6, []),
        "everything-described": (7 | 8 | 1 << 4 | 1 << 6, [alpha_chunk]),
    }
    cases |= {f"orientation-{value + 1}": (value, []) for value in range(1, 8)}
    for label, (description, chunks) in cases.items():
        header = Header(width, height, model_id(model.sha256), 6, description)
        gray = ("§2.6.3",) * bool(description & 8)
        pictured = not label.startswith("orientation") or label == "orientation-6"
        yield Vector(
            id=f"{name}-{label}",
            description=f"picture description 0x{description:02X}",
            data=File(header, payload, chunks).write(),
            model=name,
            pictures=("",) if pictured else (),
            clauses=("§2.6", *gray, *(PIXELS if pictured else ())),
        )


def reductions(name: str, model: Model, encode: Encode) -> Iterator[Vector]:
    """Pictures that were reduced, to be shown larger (§2.7): no other samples, one byte more."""
    width, height = 40, 23
    payload = payload_of(encode(scene(width, height, seed=45), 6))
    cases = {
        "2": (0b000_000_01, 0, []),
        "2-odd": (0b001_001_01, 7, []),
        "4": (0b010_011_10, 0, []),
        "8": (0b111_000_11, 0, [Chunk(4, XMP)]),
    }
    for label, (reduction, description, chunks) in cases.items():
        header = Header(width, height, model_id(model.sha256), 6, description, reduction=reduction)
        yield Vector(
            id=f"{name}-reduced-by-{label}",
            description=f"reduction byte 0x{reduction:02X}",
            data=File(header, payload, chunks).write(),
            model=name,
            pictures=("",),
            clauses=("§2.7.3", *PIXELS),
        )


def chunks(encode: Encode) -> Iterator[Vector]:
    """Chunks of every kind, and the trailer."""
    width, height = 33, 20
    payload = payload_of(encode(scene(width, height, seed=50), 3))
    header = Header(width, height, rate=3)
    icc = bytes(range(ICC_LENGTH))
    long = Chunk(4, XMP * 200, deflated=True)
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "no-trailer": ("an ordinary file: no chunks, no trailer", {}),
        "trailer-alone": ("a trailer without chunks", {"trailer": True}),
        "chunks-without-trailer": (
            "readers do not need it",
            {"trailer": False, "chunks": [Chunk(4, XMP)]},
        ),
        "icc": ("an ICC chunk", {"chunks": [Chunk(2, icc)]}),
        "exif": (
            "an EXIF chunk, deflated though that does not pay",
            {"chunks": [Chunk(3, EXIF, deflated=True)]},
        ),
        "xmp": ("a long XMP chunk, deflated", {"chunks": [long]}),
        "empty-chunk": ("chunks of no bytes", {"chunks": [Chunk(4), Chunk(16, deflated=True)]}),
        "unknown-chunks": (
            "unknown ancillary chunks of reserved and private types, the private ones repeated",
            {
                "chunks": [
                    Chunk(0, b"zero"),
                    Chunk(5, b"five"),
                    Chunk(15, b"x", deflated=True),
                    Chunk(16, b"a"),
                    Chunk(16, b"b", safe_to_copy=True),
                    Chunk(2**29 - 1, b"last"),
                ]
            },
        ),
        "all-chunks": (
            "ICC, EXIF, XMP and a private chunk",
            {
                "chunks": [
                    Chunk(2, icc, safe_to_copy=True),
                    Chunk(3, EXIF),
                    long,
                    Chunk(77, b"private"),
                ]
            },
        ),
        "stored-deflate": (
            "a zlib stream of a stored block",
            {"chunks": [Chunk(4, stored=b"\x05" + zlib.compress(b"abcde", 0), deflated=True)]},
        ),
        "1024-chunks": ("as many chunks as must be read", {"chunks": [Chunk(16)] * 1024}),
    }
    for label, (description, changes) in cases.items():
        file = replace(File(header, payload), **changes)
        icc_describes = ("§2.6.1",) * any(chunk.type == 2 for chunk in file.chunks)
        yield Vector(
            id=f"test-{label}",
            description=description,
            data=file.write(),
            pictures=("",) if label in ("trailer-alone", "all-chunks") else (),
            clauses=icc_describes,
        )


def unusual_symbols(name: str, model: Model) -> Iterator[Vector]:
    """Payloads that no encoder would write: every entry, escapes of all lengths, extreme values."""
    w = model.window
    size = (2 * w + 1, w + 3)
    extremes = [-32768, -32767, -1, 0, 1, 32766, 32767]

    def make(label: str, description: str, recorder: payloads.Recorder, rate: int) -> Vector:
        payloads.compose(model, *size, rate, recorder)
        header = Header(*size, rate=rate, model_id=model_id(model.sha256))
        data = File(header, recorder.encoded()).write()
        return Vector(f"{name}-{label}", description, data, model=name)

    rng = np.random.Generator(np.random.PCG64(60))
    last = model.rate_points - 1
    yield make("likely-symbols", "symbols drawn from their tables", payloads.likely(rng), last)
    yield make("any-symbols", "entries and escapes of any size", payloads.even(rng), last)
    yield make("extreme-symbols", "symbols that saturate", payloads.even(rng, extremes), last // 2)


def payload_of(file: bytes) -> bytes:
    """The payload of a file without chunks and trailer."""
    return read_file(file).payload
