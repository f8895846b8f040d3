"""What the words after --importance say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dlf.files import read_bytes
from dlf.images.reading import read_image
from dlf.importance import AUTO, Importance, box_of, check_importance

__all__ = ["files_of", "from_words"]

_BOX = re.compile(r"([^,:]*),([^,:]*),([^,:]*),([^,:]*)(?::(.*))?", re.DOTALL)


def from_words(words: Sequence[str]) -> Importance | None:
    """Return what the words of a command line say: "auto", a picture, or boxes X,Y,W,H[:GAIN].

    Raises:
        ValueError: words that do not go together, a box that is none.
        OSError: the picture cannot be read.
    """
    if not words:
        return None
    boxes = [match for word in words if (match := _BOX.fullmatch(word))]
    if len(boxes) == len(words):
        return [box_of(_numbers(match)) for match in boxes]
    if len(words) > 1:
        raise ValueError("importance: give 'auto', one mask, or boxes")
    if words[0] == AUTO:
        return AUTO
    mask = read_image(read_bytes(words[0]), words[0])
    check_importance(mask)
    return mask


def files_of(words: Sequence[str]) -> list[str]:
    """Return the files that `from_words` reads."""
    return [word for word in words if word != AUTO and not _BOX.fullmatch(word)]


def _numbers(match: re.Match[str]) -> list[float]:
    try:
        return [float(part) for part in match.groups() if part is not None]
    except ValueError as error:
        raise ValueError(
            f"importance: a box is X,Y,W,H or X,Y,W,H:GAIN, not {match[0]!r}"
        ) from error
