"""§2: the header."""

from __future__ import annotations

from dataclasses import dataclass

from .checksum import crc8
from .reading import Reader
from .status import Refused, Status, require

SIGNATURE = bytes((0xC4, 0x4C, 0x46, 0x0A))
MAXIMUM_SIDE = 2**24


@dataclass(frozen=True)
class Header:
    """The fields of §2, and `size`: the number of bytes that they take."""

    version: int
    model_id: int
    width: int
    height: int
    rate: int
    orientation: int
    grayscale: bool
    alpha: int
    color_space: int
    payload_length: int
    display_width: int
    display_height: int
    has_map: bool
    has_chunks: bool
    has_trailer: bool
    size: int


def read_header(data: bytes) -> Header:
    """Read and check the header at the start of `data`."""
    reader = Reader(data, Status.TRUNCATED_FILE, "§2")
    read_signature(reader)

    # §2.2 Flags. The version is judged before anything else is read.
    flags = reader.unsigned(1)
    version = flags & 0x07
    require(version == 1, Status.UNSUPPORTED, "§2.2", f"version {version}")
    has_map, has_chunks, has_trailer = (bool(flags & bit) for bit in (0x10, 0x20, 0x40))
    has_reduction, has_description = bool(flags & 0x08), bool(flags & 0x80)

    # §2.3 Fields.
    model_id = reader.varint()  # §2.3.1
    width = reader.varint() + 1  # §2.3.2
    height = reader.varint() + 1  # §2.3.3
    rate = reader.unsigned(1)  # §2.3.4
    description = reader.unsigned(1) if has_description else 0  # §2.3.5
    payload_length = reader.varint()  # §2.3.6
    reduction = reader.unsigned(1) if has_reduction else None  # §2.3.7

    # §2.4 Checksum.
    computed = crc8(data[: reader.position])
    stored = reader.unsigned(1)
    require(stored == computed, Status.INVALID_FILE, "§2.4", "header checksum")

    # §2.5 Values, in the order of that clause.
    sides_fit = width <= MAXIMUM_SIDE and height <= MAXIMUM_SIDE
    require(sides_fit, Status.INVALID_FILE, "§2.5", f"picture of {width} x {height} pixels")
    if has_description:
        require(description != 0, Status.INVALID_FILE, "§2.5", "picture description byte of 0")
    alpha, color_space = description >> 4 & 3, description >> 6  # §2.6
    require(alpha <= 1, Status.UNSUPPORTED, "§2.6", f"alpha mode {alpha}")
    require(color_space <= 1, Status.UNSUPPORTED, "§2.6", f"colour space {color_space}")
    require(payload_length >= 4, Status.INVALID_FILE, "§2.5", "payload of fewer than 4 bytes")
    display_width, display_height = width, height
    if reduction is not None:
        display_width, display_height = display_size(width, height, reduction)

    return Header(
        version=version,
        model_id=model_id,
        width=width,
        height=height,
        rate=rate,
        orientation=(description & 7) + 1,
        grayscale=bool(description & 8),
        alpha=alpha,
        color_space=color_space,
        payload_length=payload_length,
        display_width=display_width,
        display_height=display_height,
        has_map=has_map,
        has_chunks=has_chunks,
        has_trailer=has_trailer,
        size=reader.position,
    )


def display_size(width: int, height: int, reduction: int) -> tuple[int, int]:
    """§2.7: how large a reduced picture is to be shown, as the reduction byte says."""
    n, columns, rows = reduction & 3, reduction >> 2 & 7, reduction >> 5
    require(n != 0, Status.UNSUPPORTED, "§2.7", "reserved reduction")
    factor = 2**n
    shown = width * factor - columns, height * factor - rows  # §2.7.1
    valid = columns < factor and rows < factor and max(shown) <= MAXIMUM_SIDE  # §2.7.2
    require(valid, Status.INVALID_FILE, "§2.7.2", f"reduction {reduction:#04x}")
    return shown


def read_signature(reader: Reader) -> None:
    """§2.1: a byte that is there and differs is invalid; agreeing bytes that end early, truncated.

    Raises:
        Refused: it is wrong or incomplete (§2.1).
    """
    present = reader.data[: len(SIGNATURE)]
    if present != SIGNATURE[: len(present)]:
        raise Refused(Status.INVALID_FILE, "§2.1", "another signature")
    reader.clause = "§2.1"
    reader.take(len(SIGNATURE))
    reader.clause = "§2"
