"""Truncated files: they end at every characteristic place."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.making.container import Chunk, File, Header
from conformance.making.scenes import scene
from conformance.making.valid import BEST_EFFORT, PIXELS, XMP, Encode, payload_of
from conformance.making.vector import Vector
from conformance.reference.report import facts
from conformance.reference.status import Status

HEADER_CUTS = {
    "empty": (0, "§2.1"),
    "in-signature": (3, "§2.1"),
    "after-signature": (4, "§2"),
    "in-varint": (7, "§2"),
    "before-checksum": (-1, "§2"),
}
"""Where the header ends (from its end when negative), and the clause that says so."""


def vectors(encode: Encode) -> Iterator[Vector]:
    """One file with chunks and trailer, truncated from front to back."""
    width, height, rate = 150, 90, 60
    payload = payload_of(encode(scene(width, height, seed=70), rate))
    header = Header(width, height, rate=rate)
    whole = File(header, payload, [Chunk(4, XMP), Chunk(16, b"private")]).write()
    known = facts(whole)
    start, semantic = known["header_bytes"], known["semantic_bytes"]
    end = start + len(payload)

    for label, (length, clause) in HEADER_CUTS.items():
        length = start + length if length < 0 else length
        yield truncated(f"header-{label}", whole[:length], clause)

    payload_cuts = {
        "no-payload": (start, False),
        "3-payload-bytes": (start + 3, False),
        "in-tokens": (start + semantic - 2, False),
        "after-tokens": (start + semantic, True),
        "in-detail": (start + semantic + (len(payload) - semantic) // 3, True),
        "late-in-detail": (end - 9, True),
        "last-payload-byte": (end - 1, True),
    }
    for label, (length, usable) in payload_cuts.items():
        pictured = label in ("after-tokens", "in-detail")
        yield truncated(
            label,
            whole[:length],
            "§4.1",
            by="symbols",
            best_effort=usable,
            pictures=(BEST_EFFORT,) if pictured else (),
            clauses=("§5.5", "§4.5", *(PIXELS if pictured else ())),
        )

    first_chunk = 1 + 2 + len(XMP)
    chunk_cuts = {
        "before-chunks": (end, "§3.1"),
        "in-chunk-tag": (end + 1, "§3.1"),
        "in-chunk": (end + first_chunk - 3, "§3.1"),
        "between-chunks": (end + first_chunk, "§3.1"),
        "before-trailer": (len(whole) - 4, "§4.2"),
        "in-trailer": (len(whole) - 1, "§4.2"),
    }
    for label, (length, clause) in chunk_cuts.items():
        yield truncated(label, whole[:length], clause, best_effort=True, clauses=("§4.5",))

    described = Header(width, height, rate=rate, description=1 << 4)
    alpha_lost = File(described, payload, chunk_count=b"", trailer=False)
    yield truncated(
        "alpha-lost",
        alpha_lost.write(),
        "§3.1",
        best_effort=True,
        pictures=(BEST_EFFORT,),
        clauses=("§4.5", *PIXELS),
    )


def truncated(
    label: str,
    data: bytes,
    clause: str,
    by: str = "info",
    best_effort: bool = False,
    pictures: tuple[str, ...] = (),
    clauses: tuple[str, ...] = (),
) -> Vector:
    """A file of which the end is missing."""
    return Vector(
        id=f"cut-{label}",
        description=f"a file cut after {len(data)} bytes",
        data=data,
        refused=(Status.TRUNCATED_FILE, clause),
        by=by,
        best_effort=best_effort,
        pictures=pictures,
        clauses=clauses,
    )
