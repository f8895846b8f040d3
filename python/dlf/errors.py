"""The errors that DLF raises, and the exit status that the command line gives for each.

All of them derive from `OSError`, because that is what Pillow, imageio and most programs that open
files catch. Wrong *arguments* are not file errors: they are `ValueError` and `TypeError`, as
everywhere in Python. One of them has a name of its own, because callers can act on it.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "DlfError",
    "InvalidFile",
    "LimitExceeded",
    "ModelError",
    "TooFewBytes",
    "TruncatedFile",
    "Unsupported",
]


class DlfError(OSError):
    """Something is wrong with a .dlf file, a model package, or the coding of an image.

    The message is one line that says what, and where that helps how to go on.
    """

    exit_status: ClassVar[int] = 1


class InvalidFile(DlfError):
    """The data is not a .dlf file, or is a damaged one."""

    exit_status: ClassVar[int] = 10


class TruncatedFile(DlfError):
    """The data ends too early; the message names the missing bytes."""

    exit_status: ClassVar[int] = 11


class Unsupported(DlfError):
    """A valid request or file that this version cannot serve: a newer format, an unknown mode."""

    exit_status: ClassVar[int] = 12


class LimitExceeded(DlfError):
    """The image is larger than the limits in force; nothing has been allocated for it."""

    exit_status: ClassVar[int] = 13


class ModelError(DlfError):
    """The model package that is needed is missing, altered, or not a model package."""

    exit_status: ClassVar[int] = 14


class TooFewBytes(ValueError):
    """`bpp` or `max_bytes` is below the smallest file of this picture; the message names that size.

    A smaller picture may fit: `dlf.encode(..., reduce=True)`.
    """
