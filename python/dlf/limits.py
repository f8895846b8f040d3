"""What one call may cost at most: judged from the header and the sizes that a file states."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, fields
from typing import Any

from dlf import _core

__all__ = ["Limits", "check_limits", "check_size"]

_DEFAULTS = _core.default_limits()
_LARGEST = {"max_side": 2**32 - 1}
_LARGEST_OF_OTHERS = 2**64 - 1


@dataclass(frozen=True)
class Limits:
    """The most that one call may take; what needs more is refused with `dlf.LimitExceeded`.

    Each is a whole number of at least 1; `math.inf` lifts it. The defaults let a photograph of 100
    megapixels through. Encoding obeys them too, so that no file is written that a reader with the
    same limits refuses.

    Attributes:
        max_pixels: width x height, padded to whole windows of the model.
        max_side: width and height, in pixels.
        max_memory: estimated peak of the call, in bytes.
        max_chunk_bytes: contents of all chunks but alpha, inflated.
        max_file_bytes: the file, as its header and its chunks frame it.

    Raises:
        ValueError: a limit that makes no sense; the message names it.
    """

    max_pixels: int = _DEFAULTS["max_pixels"]
    max_side: int = _DEFAULTS["max_side"]
    max_memory: int = _DEFAULTS["max_memory"]
    max_chunk_bytes: int = _DEFAULTS["max_chunk_bytes"]
    max_file_bytes: int = _DEFAULTS["max_file_bytes"]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = _checked(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


def check_limits(limits: object) -> Limits:
    """Return `limits`; None is the defaults.

    Raises:
        ValueError: something else than a `dlf.Limits`.
    """
    if limits is None:
        return Limits()
    if isinstance(limits, Limits):
        return limits
    raise ValueError(f"limits must be a dlf.Limits, not {limits!r}")


def check_size(width: int, height: int, limits: Limits) -> None:
    """Judge the size of a picture, in pixels, before anything else about it is known.

    Raises:
        LimitExceeded: too large for `limits`.
    """
    _core.check_size(width, height, limits)


def _checked(name: str, value: object) -> int:
    largest = _LARGEST.get(name, _LARGEST_OF_OTHERS)
    if value == math.inf:
        return largest
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    number: Any = value if is_number else 0
    if not number >= 1 or number != int(number):  # a NaN is not
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return min(int(number), largest)
