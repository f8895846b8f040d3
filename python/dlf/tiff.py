"""The first directory of a TIFF structure, which is what EXIF is: read and changed in place.

Nothing but that directory is looked at, no value is copied, and every offset stays true: damaged
or hostile EXIF costs no more than its own length.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["new", "orientation", "with_orientation"]

_ORIENTATION = 0x0112
_BYTE, _SHORT, _LONG = 1, 3, 4
_HEADER_BYTES = 8
_ENTRY_BYTES = 12
_NEXT_BYTES = 4
_MOST_ENTRIES = 0xFFFF


class _Entry(NamedTuple):
    """One field: where its 12 bytes stand, and what is in them."""

    position: int
    tag: int
    kind: int
    length: int


class _Directory(NamedTuple):
    """The first directory: byte order (of `struct`), position, entries."""

    order: str
    position: int
    entries: list[_Entry]

    @property
    def end(self) -> int:
        """After the last entry, where the position of the next directory stands."""
        return self.position + 2 + _ENTRY_BYTES * len(self.entries)


def new(orientation: int) -> bytes:
    """Return the smallest structure that states `orientation` (1..8)."""
    head = struct.pack(">2sHIH", b"MM", 42, _HEADER_BYTES, 1)
    return head + _orientation_entry(">", orientation) + bytes(_NEXT_BYTES)


def orientation(tiff: bytes) -> int | None:
    """Return the orientation 1..8 that the structure states, None where there is none."""
    directory = _directory(tiff)
    if directory is None:
        return None
    for entry in directory.entries:
        if entry.tag == _ORIENTATION and entry.length == 1 and entry.kind in (_BYTE, _SHORT, _LONG):
            form = {_BYTE: "B", _SHORT: "H", _LONG: "I"}[entry.kind]
            (value,) = struct.unpack_from(directory.order + form, tiff, entry.position + 8)
            return value if 1 <= value <= 8 else None
    return None


def with_orientation(tiff: bytes, orientation: int) -> bytes | None:
    """Return the structure with this orientation (1..8), None where it cannot be read."""
    directory = _directory(tiff)
    if directory is None or len(directory.entries) == _MOST_ENTRIES:
        return None
    changed = bytearray(tiff)
    entry = _orientation_entry(directory.order, orientation)
    stated = [found for found in directory.entries if found.tag == _ORIENTATION]
    if stated:
        for found in stated:
            changed[found.position : found.position + _ENTRY_BYTES] = entry
        return bytes(changed)
    # There is no room in place: a longer directory after everything else.
    changed += bytes(len(changed) % 2)
    struct.pack_into(f"{directory.order}I", changed, 4, len(changed))
    place = next((e.position for e in directory.entries if e.tag > _ORIENTATION), directory.end)
    changed += struct.pack(f"{directory.order}H", len(directory.entries) + 1)
    changed += tiff[directory.position + 2 : place] + entry + tiff[place : directory.end]
    changed += _next(tiff, directory).ljust(_NEXT_BYTES, b"\0")
    return bytes(changed)


def _next(tiff: bytes, directory: _Directory) -> bytes:
    """Return the next directory's position, as it stands there; sloppy writers leave it out."""
    return tiff[directory.end : directory.end + _NEXT_BYTES]


def _orientation_entry(order: str, orientation: int) -> bytes:
    return struct.pack(f"{order}HHIHH", _ORIENTATION, _SHORT, 1, orientation, 0)


def _directory(tiff: bytes) -> _Directory | None:
    """Return the first directory, None where it is not whole."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < _HEADER_BYTES:
        return None
    magic, position = struct.unpack_from(f"{order}HI", tiff, 2)
    if magic != 42 or not _HEADER_BYTES <= position <= len(tiff) - 2:
        return None
    (count,) = struct.unpack_from(f"{order}H", tiff, position)
    if position + 2 + _ENTRY_BYTES * count > len(tiff):
        return None
    entries = []
    for index in range(count):
        place = position + 2 + _ENTRY_BYTES * index
        entries.append(_Entry(place, *struct.unpack_from(f"{order}HHI", tiff, place)))
    return _Directory(order, position, entries)
