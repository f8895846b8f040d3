"""Writes zlib streams bit by bit (RFC 1950, RFC 1951), broken ones too."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from conformance.reference.deflate import DICTIONARY, METHOD, ORDER, Code, prefix_code

STORED, FIXED, DYNAMIC = 0, 1, 2


class BitWriter:
    """Bits from the lowest of each byte; every method returns the writer."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def number(self, value: int, count: int) -> BitWriter:
        """A number, from its lowest bit."""
        self.bits += [value >> place & 1 for place in range(count)]
        return self

    def code(self, bits: int, length: int) -> BitWriter:
        """A code, from its highest bit."""
        self.bits += [bits >> place & 1 for place in reversed(range(length))]
        return self

    def symbols(self, code: Code, symbols: Iterable[int]) -> BitWriter:
        """The codes of symbols."""
        places = {symbol: place for place, symbol in code.items()}
        for symbol in symbols:
            length, bits = places[symbol]
            self.code(bits, length)
        return self

    def block(self, kind: int, last: bool = True) -> BitWriter:
        """The three bits before a block."""
        return self.number(last, 1).number(kind, 2)

    def append(self, other: BitWriter) -> BitWriter:
        """What another writer has."""
        self.bits += other.bits
        return self

    def align(self, padding: int = 0) -> BitWriter:
        """Fill the byte with `padding`."""
        while len(self.bits) % 8:
            self.bits.append(padding)
        return self

    def bytes(self) -> bytes:
        """Everything so far; what is missing of the last byte is 0."""
        filled = self.bits + [0] * (-len(self.bits) % 8)
        groups = (filled[start : start + 8] for start in range(0, len(filled), 8))
        return bytes(sum(bit << place for place, bit in enumerate(group)) for group in groups)


def wrapped(
    deflated: BitWriter, content: bytes, window: int = 7, method: int = METHOD, dictionary: int = 0
) -> bytes:
    """RFC 1950: the zlib stream around a deflate stream."""
    first, flags = window << 4 | method, dictionary * DICTIONARY
    flags += -(first * 256 + flags) % 31
    checksum = zlib.adler32(content).to_bytes(4, "big")
    return bytes([first, flags]) + deflated.bytes() + checksum


def dynamic_head(literals: int, distances: int, own: Sequence[int]) -> BitWriter:
    """RFC 1951, 3.2.7: a last block up to the lengths of its codes, of which these many follow.

    `own` are the lengths of the code length code, in the order of its symbols.
    """
    writer = BitWriter().block(DYNAMIC)
    writer.number(literals - 257, 5).number(distances - 1, 5).number(len(ORDER) - 4, 4)
    for symbol in ORDER:
        writer.number(own[symbol], 3)
    return writer


def dynamic(literals: Sequence[int], distances: Sequence[int]) -> BitWriter:
    """RFC 1951, 3.2.7: a last block up to its codes, whose lengths are given; any lengths."""
    own = [4] * 16 + [0] * 3  # four bits for each length, and no repetitions
    head = dynamic_head(len(literals), len(distances), own)
    return head.symbols(prefix_code(own), [*literals, *distances])


def lengths_of(used: dict[int, int], count: int) -> list[int]:
    """Lengths of `count` codes: those that are given, 0 for the others."""
    return [used.get(symbol, 0) for symbol in range(count)]
