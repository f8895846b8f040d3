"""Reading what `symbols` has written: a NumPy archive, or lines of text with fingerprints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from conformance.fingerprints import TENSORS, sha256

_LINE = re.compile(r"(\w+) (\d+)x(\d+)x(\d+) ([0-9a-f]{16})")
_STATE = re.compile(r"final state (\d+)")
_DIMENSIONS = {"rate_index": 2, "tokens": 2, "bank": 1}


@dataclass
class Symbols:
    """What is known: of each tensor its shape and a hash; the numbers; what is not told."""

    tensors: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


def read(path: Path) -> Symbols:
    """Read `path`; raises what NumPy raises, and ValueError."""
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    return read_archive(path) if is_archive else read_text(path.read_text(encoding="utf-8"))


def read_archive(path: Path) -> Symbols:
    """A NumPy archive with a tensor, or a single number, under each name."""
    found = Symbols()
    with np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            if name in TENSORS:
                found.tensors[name] = {"shape": list(array.shape), "sha256": sha256(name, array)}
            elif array.size == 1 and array.dtype.kind in "biu":
                found.numbers[name] = int(array.item())
    return found


def read_text(text: str) -> Symbols:
    """Lines `name AxBxC fnv1a64`, and `final state N`: what the example program in C prints.

    Raises:
        ValueError: a line is something else.
    """
    found = Symbols(untold=("token_bytes",))
    for line in text.splitlines():
        if tensor := _LINE.fullmatch(line):
            name, *shape, checksum = tensor.groups()
            dimensions = _DIMENSIONS.get(name, len(shape))
            lengths = [int(length) for length in shape[:dimensions]]
            found.tensors[name] = {"shape": lengths, "fnv1a64": checksum}
        elif state := _STATE.fullmatch(line):
            found.numbers["final_state"] = int(state[1])
        else:
            raise ValueError(f"a line that is neither a tensor nor the state: {line[:60]!r}")
    return found
