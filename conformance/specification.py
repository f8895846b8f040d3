"""What the runner needs of core/BITSTREAM.md: ids of its clauses, and the pixel bounds of §9.5."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conformance.reference.registry import SPECIFICATION

_CLAUSE = re.compile(r"^(#+ |(?:- )?\*\*)((?:§\d+|[AB](?=\.))(?:\.\d+)*)", re.MULTILINE)
_BOUND = re.compile(r"within (\d+)/255 on at least ([\d,]+) of ([\d,]+)\s+samples")
_REDUCED = re.compile(r"reduced precision within (\d+)/255")
_INFORMATIVE = "(informative)"


@dataclass(frozen=True)
class PixelBound:
    """§9.5: all samples but `outliers` of every `samples` differ by at most `levels` of 255."""

    levels: int
    outliers: int
    samples: int


def text() -> str:
    """The specification."""
    return SPECIFICATION.read_text(encoding="utf-8")


def clauses() -> list[str]:
    """The ids of all clauses that bind files or decoders, in order; Annexes C and D repeat them.

    A heading counts only when it has no clauses of its own; informative clauses do not count.
    """
    lines = text().splitlines()
    found = [(match, line) for line in lines if (match := _CLAUSE.match(line)) is not None]
    ids = [match[2] for match, _ in found]
    return [
        match[2]
        for match, line in found
        if _INFORMATIVE not in line
        and not (
            match[1].startswith("#") and any(other.startswith(match[2] + ".") for other in ids)
        )
    ]


def uncovered(named: set[str]) -> list[str]:
    """The clauses of which neither the id nor that of a clause below them is in `named`."""
    return [
        clause
        for clause in clauses()
        if not any(one == clause or one.startswith(clause + ".") for one in named)
    ]


def pixel_bound(reduced_precision: bool = False) -> PixelBound:
    """The bound of §9.5 for f32, or for reduced precision.

    Raises:
        ValueError: §9.5 does not state it in the expected words.
    """
    paragraph = next(part for part in text().split("\n\n") if part.startswith("**§9.5"))
    found = _BOUND.search(paragraph)
    reduced = _REDUCED.search(paragraph)
    if found is None or reduced is None:
        raise ValueError("§9.5 does not state its bounds in the expected words")
    good, samples = (int(number.replace(",", "")) for number in found.groups()[1:])
    levels = int(reduced[1] if reduced_precision else found[1])
    return PixelBound(levels, samples - good, samples)
