"""Where people look: from what a caller says to a mask that is laid over the picture.

Importance goes from -1 (least) over 0 (as the rest) to 1 (most). It moves the rate point up or down
by as much as half of the model's rate points. It is said in one of four ways:

- an array, H x W of any size, laid over the whole picture: bool, numbers from -1 to 1, or uint8
  where 255 is 1;
- a Pillow image: gray or colour, of which white is 1 and black and transparent 0;
- boxes `(x, y, width, height)` or `(x, y, width, height, gain)` in pixels of the picture as it is
  stored, a single one or a list. The gain is from -1 to 1; without it it is 1. A later box lies
  over an earlier one, and what is outside the picture does not count;
- "auto": what the model itself finds, where it has learned to.
"""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["AUTO", "Importance", "box_of", "check_importance", "label", "mask_of"]

AUTO = "auto"

Importance = Any
"""An array, a Pillow image, boxes or "auto", as the module says."""

Mask = npt.NDArray[np.int8]

_MOST = 127  # of int8: 1.0


def check_importance(importance: object) -> None:
    """Judge all that can be judged without the picture.

    Raises:
        ValueError: `importance` is nothing of what it may be; the message says what is wrong.
    """
    if importance is None or _is_auto(importance):
        return
    if _is_mask(importance):
        mask_of(importance, 1, 1)
    else:
        _boxes(importance)


def mask_of(importance: object, width: int, height: int) -> Mask | Literal["auto"] | None:
    """Return the mask for a picture of this size, as the codec takes it: int8, 127 is 1.

    Raises:
        ValueError: as `check_importance`; a box outside the picture.
    """
    if importance is None:
        return None
    if _is_auto(importance):
        return "auto"
    if not _is_mask(importance):
        return _painted(_boxes(importance), width, height)
    return _levels(importance if isinstance(importance, np.ndarray) else _gray(importance))


def label(importance: Importance) -> str:
    """Return words without spaces that tell one importance from every other."""
    if _is_auto(importance):
        return AUTO
    if not _is_mask(importance):
        return "+".join(
            f"{x:g},{y:g},{width:g},{height:g}:{gain:g}"
            for x, y, width, height, gain in _boxes(importance)
        )
    mask = mask_of(importance, 1, 1)
    assert isinstance(mask, np.ndarray)
    shape = f"{mask.shape[1]}x{mask.shape[0]}"
    return f"{shape}:{hashlib.sha256(mask.tobytes()).hexdigest()[:12]}"


def _is_auto(importance: object) -> bool:
    if isinstance(importance, str) and importance != AUTO:
        raise ValueError(f"importance must be a mask, boxes or 'auto', not {importance!r}")
    return isinstance(importance, str)


def _is_mask(importance: object) -> bool:
    return isinstance(importance, np.ndarray) or hasattr(importance, "getbands")


def _gray(image: Any) -> npt.NDArray[Any]:
    """Return a Pillow image as an array: what is transparent is black."""
    if image.mode == "1":
        return np.asarray(image)
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        raise ValueError(f"importance: a mask of mode {image.mode} is not understood; give 1 or L")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        black = colour.copy()
        black.paste((0, 0, 0, 255), (0, 0, *colour.size))
        black.alpha_composite(colour)
        image = black
    return np.asarray(image.convert("L"))


def _levels(array: npt.NDArray[Any]) -> Mask:
    """Return the values of a mask as int8."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"importance: a mask has rows and columns, not the shape {array.shape}")
    if array.dtype == np.bool_:
        return array.astype(np.int8) * np.int8(_MOST)
    if array.dtype == np.uint8:
        if array.max() == 1:
            raise ValueError("importance: of a uint8 mask 255 is 1; give 0 and 1 as bool")
        table = np.rint(np.arange(256) * (_MOST / 255)).astype(np.int8)
        levels: Mask = table[array]
        return levels
    if array.dtype.kind not in "iuf":
        raise ValueError(f"importance: a mask holds bools or numbers, not {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= -1 and high <= 1):  # NaN is neither
        raise ValueError(f"importance: values of a mask are from -1 to 1, not {low:g} to {high:g}")
    return np.rint(array * np.float32(_MOST)).astype(np.int8)


def _boxes(importance: object) -> list[tuple[float, ...]]:
    """Return boxes as five numbers each."""
    if not isinstance(importance, Sequence) or isinstance(importance, bytes | bytearray):
        raise ValueError(  # noqa: TRY004 - as every wrong option
            f"importance must be a mask, boxes or 'auto', not {importance!r}"
        )
    if not importance:
        raise ValueError("importance: an empty list of boxes; None is no importance")
    given = [importance] if isinstance(importance[0], numbers.Real) else importance
    return [box_of(box) for box in given]


def box_of(box: object) -> tuple[float, ...]:
    """Return a box as five numbers: x, y, width, height in pixels, and the gain.

    Raises:
        ValueError: it is none.
    """
    parts = list(box) if isinstance(box, Sequence | np.ndarray) else []
    real = all(isinstance(part, numbers.Real) and not isinstance(part, bool) for part in parts)
    values = [float(part) for part in parts] if real else []
    if len(values) not in (4, 5) or not all(math.isfinite(value) for value in values):
        raise ValueError(
            f"importance: a box is x, y, width, height and perhaps a gain, not {box!r}"
        )
    x, y, width, height, gain = values if len(values) == 5 else [*values, 1.0]
    if width <= 0 or height <= 0:
        raise ValueError(f"importance: a box of {width:g} x {height:g} pixels is empty")
    if not -1 <= gain <= 1:
        raise ValueError(f"importance: the gain of a box is from -1 to 1, not {gain:g}")
    return x, y, width, height, gain


def _painted(boxes: list[tuple[float, ...]], width: int, height: int) -> Mask:
    mask = np.zeros((height, width), np.int8)
    for x, y, box_width, box_height, gain in boxes:
        left, top = max(math.floor(x), 0), max(math.floor(y), 0)
        right, bottom = min(math.ceil(x + box_width), width), min(math.ceil(y + box_height), height)
        if left >= right or top >= bottom:
            raise ValueError(
                f"importance: the box {x:g},{y:g},{box_width:g},{box_height:g} is outside the "
                f"picture of {width} x {height} pixels"
            )
        mask[top:bottom, left:right] = round(gain * _MOST)
    return mask
