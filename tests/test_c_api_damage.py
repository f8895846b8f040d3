"""The C interface on hostile input: limits, files that end early, and every flipped bit."""

from __future__ import annotations

import ctypes
from ctypes import c_void_p

import pytest
from c_fixtures import HEIGHT, WIDTH
from c_library import Library, Limits, Status

pytest_plugins = ["c_fixtures"]
REFUSALS = {Status.INVALID_FILE, Status.TRUNCATED_FILE, Status.UNSUPPORTED, Status.LIMIT_EXCEEDED}


def varint(value: int) -> bytes:
    """LEB128."""
    more = value >> 7
    return bytes([value & 0x7F | 0x80]) + varint(more) if more else bytes([value])


def header_claiming(model_id: int, width: int, height: int) -> bytes:
    """A valid header of a picture of this size, with a payload of 4 bytes."""
    data = b"\xc4LF\n\x01" + varint(model_id) + varint(width - 1) + varint(height - 1)
    data += b"\x00" + varint(4)
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return data + bytes([crc])


def test_small_file_that_claims_a_huge_picture(
    library: Library, codec: c_void_p, plain: bytes
) -> None:
    data = header_claiming(library.probe(plain)[1].model_id, 65535, 65535)
    assert len(data) < 20
    assert library.probe(data)[0] == Status.OK
    status, picture, samples, error = library.decode(codec, data + b"1234")
    assert (status, samples, picture.width) == (Status.LIMIT_EXCEEDED, b"", 0)
    assert b"pixels" in error.message


@pytest.mark.parametrize(
    "limits", [{"max_pixels": 1000}, {"max_side": 149}, {"max_memory": 100000}]
)
def test_limits(
    library: Library, codec: c_void_p, plain: bytes, pixels: bytes, limits: dict[str, int]
) -> None:
    pointer = ctypes.pointer(Limits(**limits))
    assert library.decode(codec, plain, limits=pointer)[0] == Status.LIMIT_EXCEEDED
    status = library.encode(codec, pixels, WIDTH, HEIGHT, 3, limits=pointer)[0]
    assert status == Status.LIMIT_EXCEEDED


def test_every_truncation_has_a_name(library: Library, codec: c_void_p, chunky: bytes) -> None:
    for length in range(len(chunky)):
        status, picture, samples, error = library.decode(codec, chunky[:length])
        assert status in (Status.TRUNCATED_FILE, Status.INVALID_FILE), length
        assert status == Status.TRUNCATED_FILE or length < 4, length
        assert (samples, picture.width) == (b"", 0)
        assert error.status == status
        assert error.message


def test_every_bit_flip_of_the_header_is_noticed(
    library: Library, codec: c_void_p, chunky: bytes
) -> None:
    header = library.probe(chunky)[1].header_bytes
    unused = 8 * 4 + 4  # flags bit 4, which readers ignore; the CRC-8 still covers it
    for bit in range(8 * header):
        damaged = bytearray(chunky)
        damaged[bit // 8] ^= 1 << bit % 8
        status, picture, samples, error = library.decode(codec, bytes(damaged))
        assert status in REFUSALS, (bit, bit == unused)
        assert (samples, picture.width) == (b"", 0)
        assert error.message


def test_every_bit_flip_behind_the_header_is_noticed(
    library: Library, codec: c_void_p, chunky: bytes
) -> None:
    header = library.probe(chunky)[1].header_bytes
    for position in range(header, len(chunky)):
        damaged = bytearray(chunky)
        damaged[position] ^= 1 << position % 8
        assert library.decode(codec, bytes(damaged))[0] in REFUSALS, position


def test_error_tells_the_offset(library: Library, codec: c_void_p, plain: bytes) -> None:
    error = library.decode(codec, plain + b"x")[3]
    assert (error.status, error.offset) == (Status.INVALID_FILE, len(plain))
    no_offset = library.decode(codec, plain, region_x=9, region_width=999, region_height=1)[3]
    assert no_offset.offset == 2**64 - 1
