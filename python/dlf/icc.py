"""What an ICC profile says, as far as a .dlf file needs it: sRGB, Display P3, or something else.

An sRGB profile alone is as large as the whole image at our rates. So the two common colour spaces
are two bits of the header (core/BITSTREAM.md, picture description), and no profile is stored.
"""

from __future__ import annotations

import functools
import struct
from typing import Literal

__all__ = ["ColorSpace", "classify", "describes", "display_p3_profile"]

ColorSpace = Literal["srgb", "display-p3"]

_Matrix = tuple[tuple[float, float, float], ...]

# Red, green and blue in CIE XYZ, adapted to the D50 white of ICC profiles.
_PRIMARIES: dict[ColorSpace, _Matrix] = {
    "srgb": (
        (0.43607, 0.22249, 0.01392),
        (0.38515, 0.71687, 0.09708),
        (0.14307, 0.06061, 0.71410),
    ),
    "display-p3": (
        (0.51512, 0.24120, -0.00105),
        (0.29198, 0.69225, 0.04189),
        (0.15710, 0.06657, 0.78407),
    ),
}
_GRAY, _RGB = b"GRAY", b"RGB "
_D50 = (0.96420, 1.0, 0.82491)

# The curve of both spaces, as the five parameters of ICC's parametric function 3.
_GAMMA, _A, _B, _C, _D = 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045

_PRIMARY_TOLERANCE = 0.003
_CURVE_TOLERANCE = 0.006  # a plain gamma of 2.2 passes; a level of 8 bits is 0.004
_CURVE_SAMPLES = (0.05, 0.2, 0.4, 0.6, 0.8, 1.0)


def describes(profile: bytes, *, gray: bool) -> bool:
    """Return whether `profile` is of the colour space of gray, or else of RGB, samples."""
    return _data_space(profile) == (_GRAY if gray else _RGB)


def classify(profile: bytes) -> ColorSpace | None:
    """Return the colour space that `profile` describes, or None when it is neither of ours.

    Gray profiles with the sRGB curve count as sRGB. A damaged profile gives None.
    """
    try:
        tags = _tags(profile)
        if _data_space(profile) == _GRAY:
            return "srgb" if _is_srgb_curve(tags[b"kTRC"]) else None
        if _data_space(profile) != _RGB:
            return None
        if not all(_is_srgb_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")):
            return None
        colours = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (LookupError, TypeError, ValueError, ArithmeticError, struct.error):
        return None
    for space, primaries in _PRIMARIES.items():
        pairs = zip(colours, primaries, strict=True)
        errors = [abs(x - y) for found, known in pairs for x, y in zip(found, known, strict=True)]
        if max(errors) <= _PRIMARY_TOLERANCE:
            return space
    return None


@functools.cache
def display_p3_profile() -> bytes:
    """Return a small ICC profile of Display P3, for programs that reopen such a picture."""
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(_GAMMA, _A, _B, _C, _D)
    red, green, blue = (b"XYZ " + bytes(4) + _fixed(*xyz) for xyz in _PRIMARIES["display-p3"])
    tags = {
        b"desc": _text("Display P3"),
        b"cprt": _text("CC0"),
        b"wtpt": b"XYZ " + bytes(4) + _fixed(*_D50),
        b"rXYZ": red,
        b"gXYZ": green,
        b"bXYZ": blue,
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, places = b"", b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:  # the three curves share one place
            places[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    head = struct.pack(
        ">I4s4s4s4s4s", start + len(body), b"", b"\4\0\0\0", b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0") + _fixed(*_D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _data_space(profile: bytes) -> bytes:
    """Return the signature of what the profile's samples are (ICC.1:2022 7.2.6)."""
    return profile[16:20]


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(content), 28) + content


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for index in range(min(count, 100)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        tags[name] = profile[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> tuple[float, float, float]:
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _is_srgb_curve(tag: bytes) -> bool:
    def srgb(x: float) -> float:
        return float((_A * x + _B) ** _GAMMA) if x >= _D else _C * x

    return all(abs(_curve(tag, x) - srgb(x)) <= _CURVE_TOLERANCE for x in _CURVE_SAMPLES)


def _curve(tag: bytes, x: float) -> float:
    """Evaluate a `curv` or `para` tag (ICC.1:2022 10.6, 10.18) at `x` in [0, 1]."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        if count == 1:
            return float(x ** (struct.unpack_from(">H", tag, 12)[0] / 256))
        position = x * (count - 1)
        low = min(int(position), count - 2)
        left, right = struct.unpack_from(">2H", tag, 12 + 2 * low)
        return float(left + (right - left) * (position - low)) / 65535
    if tag[:4] != b"para":
        raise ValueError("not a curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    values = [v / 65536 for v in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    gamma, a, b, c, d, e, f = (values + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(values) - 1 :])[:7]
    if kind == 0:
        return float(x**gamma)
    if kind in (1, 2):
        offset = c if kind == 2 else 0.0
        return float((a * x + b) ** gamma + offset) if a * x + b >= 0 else offset
    return float((a * x + b) ** gamma + e) if x >= d else c * x + f
