"""RFC 1950 and RFC 1951, as §3.4 asks for them: one zlib stream to its content, slow and strict.

Python's zlib is not used, because it refuses 31 and 32 distance codes, which RFC 1951 allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .status import Refused, Status, require

METHOD = 8
LARGEST_WINDOW = 7
DICTIONARY = 0x20
CHECKSUM_BYTES = 4
ADLER_MODULUS = 65521

# RFC 1951, 3.2.5.
END_OF_BLOCK = 256
LENGTH_BITS = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)]
REACH_BITS = [0, 0] + [bits for bits in range(14) for _ in range(2)]

# RFC 1951, 3.2.6.
FIXED_LITERALS = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
FIXED_DISTANCES = [5] * 32

# RFC 1951, 3.2.7.
MOST_LITERALS = 286
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
COPY, SHORT_ZEROS, LONG_ZEROS = 16, 17, 18

Code = dict[tuple[int, int], int]
"""A prefix code: the symbol by the length and the bits of its code."""


def rule(condition: bool, reason: str) -> None:
    """Refuse the stream for this reason unless the condition holds."""
    require(condition, Status.INVALID_FILE, "§3.4", reason)


def bases(first: int, extra_bits: Sequence[int]) -> list[int]:
    """RFC 1951, 3.2.5: the smallest number of each symbol; each takes up where the last ends."""
    numbers = [first]
    for bits in extra_bits[:-1]:
        numbers.append(numbers[-1] + (1 << bits))
    return numbers


LENGTH_BASES = [*bases(3, LENGTH_BITS), 258]
LENGTH_BITS = [*LENGTH_BITS, 0]
REACH_BASES = bases(1, REACH_BITS)


@dataclass(frozen=True)
class Sizes:
    """How long the content is said to be, and how far back a match may reach, in bytes."""

    content: int
    window: int


class Bits:
    """The bits of a stream, from the lowest of each byte."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0  # in bits

    def take(self, count: int) -> int:
        """Return the next `count` bits, the first one lowest."""
        value = 0
        for place in range(count):
            byte = self.position // 8
            rule(byte < len(self.data), "the zlib stream is cut")
            value |= (self.data[byte] >> self.position % 8 & 1) << place
            self.position += 1
        return value

    def align(self) -> None:
        """Go to the next whole byte."""
        self.position = -(-self.position // 8) * 8

    def symbol(self, code: Code) -> int:
        """RFC 1951, 3.1.1: codes begin with their most significant bit.

        Raises:
            Refused: the stream ends, or no code has these bits.
        """
        bits = 0
        for length in range(1, 16):
            bits = bits << 1 | self.take(1)
            found = code.get((length, bits))
            if found is not None:
                return found
        raise Refused(Status.INVALID_FILE, "§3.4", "a code that stands for nothing")


def prefix_code(lengths: Sequence[int], single: bool = False, empty: bool = False) -> Code:
    """RFC 1951, 3.2.2. A code must be complete, or of a single bit or none where that may be."""
    used = [length for length in lengths if length]
    filled = sum(2**-length for length in used)  # exact: powers of two
    partial = (single and used == [1]) or (empty and not used)
    rule(filled == 1 or partial, "lengths that make no prefix code")
    code: Code = {}
    bits = 0
    for length in range(1, 16):
        for symbol, its_length in enumerate(lengths):
            if its_length == length:
                code[length, bits] = symbol
                bits += 1
        bits <<= 1
    return code


def read_codes(bits: Bits) -> tuple[Code, Code]:
    """RFC 1951, 3.2.7: the codes of literals and lengths, and of distances."""
    literals, distances, given = bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4
    rule(literals <= MOST_LITERALS, f"{literals} literal and length codes")
    own = [0] * len(ORDER)
    for place in ORDER[:given]:
        own[place] = bits.take(3)
    code = prefix_code(own)
    lengths: list[int] = []
    while len(lengths) < literals + distances:
        symbol = bits.symbol(code)
        if symbol == COPY:
            rule(bool(lengths), "no length to copy")
            lengths += lengths[-1:] * (3 + bits.take(2))
        elif symbol == SHORT_ZEROS:
            lengths += [0] * (3 + bits.take(3))
        elif symbol == LONG_ZEROS:
            lengths += [0] * (11 + bits.take(7))
        else:
            lengths.append(symbol)
    rule(len(lengths) == literals + distances, "more lengths than codes")
    return (
        prefix_code(lengths[:literals], single=True),
        prefix_code(lengths[literals:], single=True, empty=True),
    )


def read_stored(bits: Bits, content: bytearray) -> None:
    """RFC 1951, 3.2.4."""
    bits.align()
    length = bits.take(16)
    rule(length ^ bits.take(16) == 0xFFFF, "a stored block of another length")
    start = bits.position // 8
    rule(start + length <= len(bits.data), "the zlib stream is cut")
    content += bits.data[start : start + length]
    bits.position += 8 * length


def read_block(bits: Bits, codes: tuple[Code, Code], content: bytearray, sizes: Sizes) -> None:
    """RFC 1951, 3.2.3: one compressed block."""
    literals, distances = codes
    while (symbol := bits.symbol(literals)) != END_OF_BLOCK:
        if symbol < END_OF_BLOCK:
            content.append(symbol)
        else:
            kind = symbol - END_OF_BLOCK - 1
            rule(kind < len(LENGTH_BASES), f"length symbol {symbol}")
            length = LENGTH_BASES[kind] + bits.take(LENGTH_BITS[kind])
            reach = bits.symbol(distances)
            rule(reach < len(REACH_BASES), f"distance symbol {reach}")
            distance = REACH_BASES[reach] + bits.take(REACH_BITS[reach])
            rule(distance <= min(len(content), sizes.window), f"a distance of {distance}")
            for _ in range(length):
                content.append(content[-distance])
        rule(len(content) <= sizes.content, "more bytes than stated")


def read_blocks(bits: Bits, sizes: Sizes) -> bytes:
    """RFC 1951, 3.2.3: all blocks."""
    content = bytearray()
    last = 0
    while not last:
        last, kind = bits.take(1), bits.take(2)
        rule(kind < 3, "a block of kind 3")
        if kind == 0:
            read_stored(bits, content)
        elif kind == 1:
            fixed = prefix_code(FIXED_LITERALS), prefix_code(FIXED_DISTANCES)
            read_block(bits, fixed, content, sizes)
        else:
            read_block(bits, read_codes(bits), content, sizes)
        rule(len(content) <= sizes.content, "more bytes than stated")
    return bytes(content)


def adler32(data: bytes) -> int:
    """RFC 1950, 8.2."""
    a, b = 1, 0
    for byte in data:
        a += byte
        b += a
    return b % ADLER_MODULUS << 16 | a % ADLER_MODULUS


def inflate(stream: bytes, length: int) -> bytes:
    """§3.4: `stream` is one whole zlib stream, nothing else, of exactly `length` bytes inside."""
    rule(len(stream) >= 2, "the zlib stream is cut")
    method_and_window, flags = stream[:2]
    method, window = method_and_window & 15, method_and_window >> 4  # RFC 1950, 2.2
    rule(method == METHOD, f"compression method {method}")
    rule(window <= LARGEST_WINDOW, f"a window of 2^{window + 8}")
    rule((method_and_window * 256 + flags) % 31 == 0, "the check of the zlib header")
    rule(not flags & DICTIONARY, "a preset dictionary")
    bits = Bits(stream[2:])
    content = read_blocks(bits, Sizes(length, 2 ** (window + 8)))
    rule(len(content) == length, "another length than stated")
    bits.align()
    checksum = bits.data[bits.position // 8 :]
    rule(len(checksum) == CHECKSUM_BYTES, "the zlib stream is cut or followed by bytes")
    rule(int.from_bytes(checksum, "big") == adler32(content), "the zlib stream's checksum")
    return content
