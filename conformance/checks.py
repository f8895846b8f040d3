"""Judging one answer: each way in which a decoder can be wrong has a reason of its own."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from conformance import symbols
from conformance.decoders import WRONG_USAGE, Answer
from conformance.fingerprints import TENSORS, pixel_hash
from conformance.reference.status import Status
from conformance.specification import PixelBound


class Reason(Enum):
    """Why a check failed."""

    STATUS = "another exit status"
    MODEL = "vectors made with another model package"
    CONTRACT = "an exit status that the contract does not know"
    OUTPUT = "output that cannot be read"
    FACT = "another fact"
    TENSOR = "another tensor"
    STATE = "another final state"
    TOKEN_BYTES = "another number of token bytes"
    SIZE = "a picture of another size or mode"
    PIXELS = "pixels beyond the bound"


@dataclass(frozen=True)
class Failure:
    """One difference between what a decoder did and what it had to do."""

    reason: Reason
    detail: str


NOT_SUPPORTED = "not supported"
Verdict = Failure | str | None
"""A failure, NOT_SUPPORTED with why, or None: passed."""


def judge_status(expected: str, answer: Answer) -> Failure | None:
    """The exit status is that of the status by name."""
    if answer.status == Status[expected].value:
        return None
    known = {status.value for status in Status}
    said = " ".join(answer.errors.split())[-200:]
    reason = Reason.STATUS if answer.status in known else Reason.CONTRACT
    return Failure(
        reason, f"expected {Status[expected].value} ({expected}), got {answer.status}: {said}"
    )


def judge_info(check: dict[str, Any], answer: Answer) -> Failure | None:
    """T1: the facts, as JSON on standard output."""
    try:
        found = json.loads(answer.output)
    except ValueError as error:
        return Failure(Reason.OUTPUT, f"JSON: {error}")
    if not isinstance(found, dict):
        return Failure(Reason.OUTPUT, "JSON that is not an object")
    for name, fact in check["facts"].items():
        if name not in found or found[name] != fact:
            return Failure(Reason.FACT, f"{name}: expected {fact}, got {found.get(name)}")
    return None


def judge_symbols(check: dict[str, Any], output: Path) -> Failure | None:
    """T2: every tensor in the order of decoding, so that the first difference is named."""
    try:
        found = symbols.read(output)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        return Failure(Reason.OUTPUT, f"symbols: {error}")
    for name in (name for name in TENSORS if name in check["tensors"]):
        failure = judge_tensor(name, check["tensors"][name], found.tensors.get(name))
        if failure is not None:
            return failure
    for name, reason in {
        "token_bytes": Reason.TOKEN_BYTES,
        "final_state": Reason.STATE,
    }.items():
        if name in check and name not in found.untold and found.numbers.get(name) != check[name]:
            return Failure(reason, f"expected {check[name]}, got {found.numbers.get(name)}")
    return None


def judge_tensor(
    name: str, expected: dict[str, Any], found: dict[str, Any] | None
) -> Failure | None:
    """One tensor: there, of the right shape, and with the right numbers."""
    if found is None:
        return Failure(Reason.TENSOR, f"{name} is missing")
    if found["shape"] != expected["shape"]:
        return Failure(Reason.TENSOR, f"{name}: shape {found['shape']}, not {expected['shape']}")
    if any(found[key] != expected[key] for key in found):
        return Failure(Reason.TENSOR, f"{name} differs; everything before it agrees")
    return None


def judge_pixels(reference: Path, output: Path, bound: PixelBound) -> Failure | None:
    """T3 of a package with floating point: §9.5, on all channels; alpha has no tolerance."""
    pictures = _same_shape(reference, output)
    if isinstance(pictures, Failure):
        return pictures
    expected, found = pictures
    if expected.shape[-1] in (2, 4) and not np.array_equal(found[..., -1], expected[..., -1]):
        return Failure(Reason.PIXELS, "alpha differs")
    beyond = int((_difference(expected, found) > bound.levels).sum())
    allowed = found.size * bound.outliers // bound.samples
    return None if beyond <= allowed else _too_far(expected, found, bound.levels, allowed)


def judge_exact_pixels(expected_hash: str, reference: Path, output: Path) -> Failure | None:
    """T3 of a package with an integer synthesis: §9.8, the same samples; the picture explains."""
    pictures = _same_shape(reference, output)
    if isinstance(pictures, Failure):
        return pictures
    expected, found = pictures
    if pixel_hash(found) == expected_hash:
        return None
    if np.array_equal(expected, found):
        return Failure(Reason.PIXELS, f"{reference.name} is not the picture of this hash")
    return _too_far(expected, found, 0, 0)


def _same_shape(
    reference: Path, output: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | Failure:
    """Both pictures, when they can be read and are of one size and mode."""
    try:
        found, expected = (load_pixels(path) for path in (output, reference))
    except OSError as error:
        return Failure(Reason.OUTPUT, f"picture: {error}")
    if found.shape != expected.shape:
        return Failure(Reason.SIZE, f"expected {expected.shape}, got {found.shape}")
    return expected, found


def _difference(expected: NDArray[np.uint8], found: NDArray[np.uint8]) -> NDArray[np.int16]:
    difference: NDArray[np.int16] = np.abs(found.astype(np.int16) - expected)
    return difference


def _too_far(
    expected: NDArray[np.uint8], found: NDArray[np.uint8], levels: int, allowed: int
) -> Failure:
    difference = _difference(expected, found)
    beyond = int((difference > levels).sum())
    text = f"{beyond} of {found.size} samples differ by more than {levels}, {allowed} may; "
    return Failure(Reason.PIXELS, text + f"the largest difference is {difference.max()}")


def is_unsupported(answer: Answer) -> bool:
    """A decoder that lacks a sub-command or an option says that its usage is wrong."""
    return answer.status == WRONG_USAGE


def load_pixels(path: Path) -> NDArray[np.uint8]:
    """A picture as u8 [rows][columns][channels]."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)
