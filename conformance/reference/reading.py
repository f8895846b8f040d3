"""§1: reading integers from bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .status import Refused, Status, require


class Reader:
    """Reads `data` front to back; reading past the end is refused with `at_end`, by `clause`."""

    def __init__(self, data: bytes, at_end: Status, clause: str, position: int = 0) -> None:
        self.data = data
        self.at_end = at_end
        self.clause = clause
        self.position = position

    @property
    def remaining(self) -> int:
        """How many bytes have not been read."""
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            Refused: so many are not there.
        """
        if count > self.remaining:
            missing = count - self.remaining
            raise Refused(self.at_end, self.clause, f"{missing} bytes missing at the end")
        self.position += count
        return self.data[self.position - count : self.position]

    def unsigned(self, size: int) -> int:
        """§1.1: an unsigned little-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """§1.1: a two's complement little-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def array(self, kind: str, *shape: int) -> NDArray[np.int64]:
        """§1.1: a row-major integer array of NumPy type `kind` (such as "<i2"), widened to i64."""
        dtype = np.dtype(kind)
        count = int(np.prod(shape, dtype=np.int64))
        values = np.frombuffer(self.take(count * dtype.itemsize), dtype)
        return values.astype(np.int64).reshape(shape)

    def varint(self) -> int:
        """§1.3: an unsigned LEB128 integer below 2^32 in its shortest form.

        Raises:
            Refused: it ends early, is too long, or is not in its shortest form.
        """
        value = 0
        for index in range(5):
            byte = self.unsigned(1)
            if index == 4:
                require(byte <= 0x0F, Status.INVALID_FILE, "§1.3", "varint of more than 32 bits")
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                shortest = byte != 0 or index == 0
                require(shortest, Status.INVALID_FILE, "§1.3", "varint not in its shortest form")
                return value
        raise AssertionError("the fifth byte ends the loop")


def number(reader: Reader, size: int, least: int, most: int, clause: str) -> int:
    """An unsigned integer of `size` bytes that must be from `least` to `most`."""
    value = reader.unsigned(size)
    rule(least <= value <= most, clause, f"value {value}, allowed {least} to {most}")
    return value


def rule(condition: bool, clause: str, reason: str) -> None:
    """A.2: a broken rule refuses the package."""
    require(condition, Status.MODEL_ERROR, clause, reason)
