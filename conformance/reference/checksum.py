"""§2.4 and §4.2: the two checksums, bit by bit."""

from __future__ import annotations


def crc8(data: bytes) -> int:
    """§2.4: polynomial 0x07, initial value 0xFF, most significant bit first, no final XOR."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x07 if crc & 0x80 else crc << 1
            crc &= 0xFF
    return crc


def _reflected(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
    return byte


_TABLE = [_reflected(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """§4.2: Castagnoli, reflected, initial value and final XOR 0xFFFFFFFF."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
