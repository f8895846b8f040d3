"""Zlib streams at the edges of what §3.4 allows, and just beyond; each in a chunk of its own."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.making.bits import (
    FIXED,
    STORED,
    BitWriter,
    dynamic,
    dynamic_head,
    lengths_of,
    wrapped,
)
from conformance.making.container import Chunk, File, Header, varint
from conformance.making.scenes import scene
from conformance.making.valid import Encode, payload_of
from conformance.making.vector import Vector
from conformance.reference.deflate import (
    END_OF_BLOCK,
    FIXED_DISTANCES,
    FIXED_LITERALS,
    ORDER,
    prefix_code,
)
from conformance.reference.status import Status

WIDTH, HEIGHT, RATE = 33, 20, 3
PRIVATE = 16
A, LENGTH_3, LENGTH_227, LENGTH_258 = ord("a"), 257, 284, 285
FIXED_LITERAL_CODE = prefix_code(FIXED_LITERALS)
FIXED_DISTANCE_CODE = prefix_code(FIXED_DISTANCES)
# Literal a, end of block, length 3 and length 258: a complete code of two bits each.
FOUR = {A: 2, END_OF_BLOCK: 2, LENGTH_3: 2, LENGTH_258: 2}
Stream = tuple[str, bytes, int]
"""What it is about, the zlib stream, the length of the content as the chunk states it."""


def streams(encode: Encode) -> Iterator[Vector]:
    """§3.4."""
    payload = payload_of(encode(scene(WIDTH, HEIGHT, seed=50), RATE))
    header = Header(WIDTH, HEIGHT, rate=RATE)

    def file(stream: bytes, length: int) -> bytes:
        chunk = Chunk(PRIVATE, stored=varint(length) + stream, deflated=True)
        return File(header, payload, [chunk]).write()

    for label, (description, stream, length) in allowed().items():
        yield Vector(f"test-zlib-{label}", f"a zlib stream: {description}", file(stream, length))
    for label, (description, stream, length) in forbidden().items():
        yield Vector(
            id=f"bad-zlib-{label}",
            description=f"INVALID_FILE by §3.4: {description}",
            data=file(stream, length),
            refused=(Status.INVALID_FILE, "§3.4"),
        )


def allowed() -> dict[str, Stream]:
    """Streams that other decoders may refuse, and that RFC 1950 and 1951 allow."""
    made = {}
    for count in (31, 32):
        # The codes of the distances 30 and 31 are there; nobody uses them.
        distances = lengths_of({0: 1, count - 1: 1}, count)
        made[f"{count}-distances"] = (
            f"{count} distance codes",
            wrapped(run(lengths_of(FOUR, 286), distances), b"a" * 4),
            4,
        )
    lone = lengths_of({0: 1}, 1)
    made["lone-distance"] = (
        "one distance code, of one bit",
        wrapped(run(lengths_of(FOUR, 286), lone), b"a" * 4),
        4,
    )
    only_literals = lengths_of({A: 1, END_OF_BLOCK: 1}, 257)
    code = prefix_code(only_literals)
    made["no-distance"] = (
        "no distance code, and literals alone",
        wrapped(dynamic(only_literals, [0]).symbols(code, [A, A, END_OF_BLOCK]), b"aa"),
        2,
    )
    only_end = lengths_of({END_OF_BLOCK: 1}, 257)
    ended = dynamic(only_end, [0]).code(0, 1)
    made["only-end"] = ("one code of one bit, the end of the block", wrapped(ended, b""), 0)
    made["lengths-across"] = (
        "a repeated length that goes on from the last literal code to the distance codes",
        wrapped(across(), b"\xff\xff"),
        2,
    )
    made["284-and-31"] = (
        "a match of 258 bytes by length symbol 284 and its extra bits",
        wrapped(
            fixed([A, LENGTH_227]).number(31, 5).symbols(FIXED_DISTANCE_CODE, [0]).code(0, 7),
            b"a" * 259,
        ),
        259,
    )
    far = b"b" + b"a" * 255
    made["small-window"] = (
        "a window of 256 bytes, and a match that reaches back as far",
        wrapped(fixed([*far, LENGTH_3]).symbols(FIXED_DISTANCE_CODE, [15]).number(63, 6).code(0, 7),
                far + b"baa", window=0),
        259,
    )  # fmt: skip
    made["padding"] = (
        "bits of 1 where the rest of a byte has no meaning",
        wrapped(stored(b"abc", padding=1, last=False).block(FIXED).code(0, 7).align(1), b"abc"),
        3,
    )
    made["empty-blocks"] = (
        "blocks of no bytes, of every kind",
        wrapped(
            stored(b"", last=False)
            .block(FIXED, last=False)
            .code(0, 7)
            .append(dynamic(only_end, [0]).code(0, 1)),
            b"",
        ),
        0,
    )
    return made


def forbidden() -> dict[str, Stream]:
    """Streams that other decoders may take, and that RFC 1950 and 1951 do not allow."""
    plain = fixed([A, END_OF_BLOCK])
    made = {
        f"window-{window + 8}": (
            f"a window of 2^{window + 8} bytes",
            wrapped(plain, b"a", window),
            1,
        )
        for window in (8, 14, 15)
    }
    made["method"] = ("compression method 7", wrapped(plain, b"a", method=7), 1)
    made["dictionary"] = ("a preset dictionary", wrapped(plain, b"a", dictionary=1), 1)
    good = wrapped(plain, b"a")
    made["header-check"] = ("the check of its header", good[:1] + b"\x9d" + good[2:], 1)
    far = b"b" + b"a" * 256
    beyond = fixed([*far, LENGTH_3]).symbols(FIXED_DISTANCE_CODE, [16]).number(0, 7).code(0, 7)
    made["beyond-window"] = (
        "a match that reaches back further than its window of 256 bytes",
        wrapped(beyond, far + b"baa", window=0),
        260,
    )
    early = fixed([A, LENGTH_3]).symbols(FIXED_DISTANCE_CODE, [1, ]).code(0, 7)  # fmt: skip
    made["before-start"] = ("a match that begins before the content", wrapped(early, b"a" * 4), 4)
    made["block-3"] = ("a block of kind 3", wrapped(BitWriter().block(3), b""), 0)
    made["complement"] = (
        "a stored block whose length and complement differ",
        wrapped(stored(b"abc", complement=0xFFFD), b"abc"),
        3,
    )
    made |= forbidden_symbols() | forbidden_codes()
    return made


def forbidden_symbols() -> dict[str, Stream]:
    """Symbols that have a code and no meaning, and codes that have no symbol."""
    made = {}
    for symbol in (286, 287):
        stream = fixed([A, symbol]).symbols(FIXED_DISTANCE_CODE, [0]).code(0, 7)
        made[f"length-{symbol}"] = (f"length symbol {symbol}", wrapped(stream, b"a"), 1)
    for symbol in (30, 31):
        stream = fixed([A, LENGTH_3]).symbols(FIXED_DISTANCE_CODE, [symbol]).code(0, 7)
        made[f"distance-{symbol}"] = (f"distance symbol {symbol}", wrapped(stream, b"a" * 4), 4)
        # The same in a code of its own.
        literals, distances = lengths_of(FOUR, 286), lengths_of({0: 1, symbol: 1}, symbol + 1)
        own = run(literals, distances, distance=symbol)
        made[f"own-distance-{symbol}"] = (
            f"distance symbol {symbol} in a dynamic block",
            wrapped(own, b"a" * 4),
            4,
        )
    literals = lengths_of(FOUR, 286)
    code = prefix_code(literals)
    unused = dynamic(literals, [1]).symbols(code, [A, LENGTH_3]).code(1, 1)
    made["no-such-distance"] = (
        "the bit that no distance has",
        wrapped(unused.symbols(code, [END_OF_BLOCK]), b"a" * 4),
        4,
    )
    none = dynamic(literals, [0]).symbols(code, [A, LENGTH_3, END_OF_BLOCK])
    made["match-without-distances"] = (
        "a match though there is no distance code",
        wrapped(none, b"a" * 4),
        4,
    )
    only_end = dynamic(lengths_of({END_OF_BLOCK: 1}, 257), [0]).code(1, 1).code(0, 1)
    made["no-such-literal"] = ("the bit that no literal has", wrapped(only_end, b""), 0)
    return made


def forbidden_codes() -> dict[str, Stream]:
    """Lengths of codes that make no code, or are too many or too few."""
    made = {}
    for count in (287, 288):
        stream = run(lengths_of(FOUR, count), lengths_of({0: 1}, 1))
        made[f"{count}-literals"] = (
            f"{count} literal and length codes",
            wrapped(stream, b"a" * 4),
            4,
        )
    literals, one = lengths_of(FOUR, 286), lengths_of({0: 1}, 1)
    for label, distances in {
        "lone-distance-of-2-bits": [2],
        "lone-distance-of-15-bits": [15],
        "two-distances-of-2-bits": [2, 2],
        "three-distances-of-1-bit": [1, 1, 1],
    }.items():
        stream = dynamic(literals, distances).symbols(prefix_code(literals), [A]).code(1, 2)
        made[label] = (label.replace("-", " "), wrapped(stream, b"a"), 1)
    for label, used in {
        "lone-literal-of-2-bits": {END_OF_BLOCK: 2},
        "two-literals-of-2-bits": {A: 2, END_OF_BLOCK: 2},
        "three-literals-of-1-bit": {A: 1, END_OF_BLOCK: 1, LENGTH_3: 1},
        "no-literals": {},
        "no-end-of-block": {A: 1, LENGTH_3: 1},
    }.items():
        stream = dynamic(lengths_of(used, 286), one).code(0, 16)
        made[label] = (label.replace("-", " "), wrapped(stream, b""), 0)
    for label, own in {
        "code-lengths-incomplete": lengths_of({0: 2, 1: 2}, len(ORDER)),
        "code-lengths-too-many": lengths_of({0: 1, 1: 1, 2: 1}, len(ORDER)),
        "code-lengths-lone": lengths_of({1: 1}, len(ORDER)),
        "code-lengths-none": [0] * len(ORDER),
    }.items():
        stream = dynamic_head(286, 1, own).code(0, 32)
        made[label] = ("the code of the code lengths: " + label[13:], wrapped(stream, b""), 0)
    made["copies-nothing"] = (
        "a length that repeats the one before the first",
        wrapped(repeated([16], [(3, 2)]), b""),
        0,
    )
    made["lengths-too-many"] = (
        "zeros that go on behind the last distance code",
        wrapped(repeated([18, 18], [(127, 7), (127, 7)]), b""),
        0,
    )
    return made


def fixed(symbols: list[int]) -> BitWriter:
    """A last block with the fixed codes up to these literals and lengths."""
    return BitWriter().block(FIXED).symbols(FIXED_LITERAL_CODE, symbols)


def run(literals: list[int], distances: list[int], distance: int = 0) -> BitWriter:
    """A dynamic block: `a` and a match of three bytes at the distance with this symbol."""
    literal_code = prefix_code(literals)
    writer = dynamic(literals, distances).symbols(literal_code, [A, LENGTH_3])
    writer.symbols(prefix_code(distances, single=True), [distance])
    if distance >= 30:
        writer.number(0, 13)
    return writer.symbols(literal_code, [END_OF_BLOCK])


def stored(
    content: bytes, padding: int = 0, last: bool = True, complement: int | None = None
) -> BitWriter:
    """A stored block."""
    writer = BitWriter().block(STORED, last).align(padding).number(len(content), 16)
    writer.number(0xFFFF ^ len(content) if complement is None else complement, 16)
    for byte in content:
        writer.number(byte, 8)
    return writer


def repeated(symbols: list[int], extra: list[tuple[int, int]]) -> BitWriter:
    """A dynamic block of 257 literals and one distance, whose lengths begin with repetitions."""
    own = lengths_of({0: 2, 16: 2, 17: 2, 18: 2}, len(ORDER))
    writer = dynamic_head(257, 1, own)
    for symbol, (value, bits) in zip(symbols, extra, strict=True):
        writer.symbols(prefix_code(own), [symbol]).number(value, bits)
    return writer.code(0, 32)


def across() -> BitWriter:
    """A dynamic block of two bytes 255; one repetition gives lengths to both of its codes."""
    own = lengths_of({1: 1, 16: 2, 18: 2}, len(ORDER))
    code = prefix_code(own)
    writer = dynamic_head(257, 2, own)
    for zeros in (138, 255 - 138):
        writer.symbols(code, [18]).number(zeros - 11, 7)
    writer.symbols(code, [1, 16]).number(0, 2)  # literal 255, then the end and two distances
    literals = prefix_code(lengths_of({255: 1, END_OF_BLOCK: 1}, 257))
    return writer.symbols(literals, [255, 255, END_OF_BLOCK])
