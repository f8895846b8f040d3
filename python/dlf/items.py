"""Errors that say which of several pictures or files they are about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dlf.errors import DlfError

__all__ = ["naming_item"]


@contextlib.contextmanager
def naming_item(what: str, index: int, count: int) -> Iterator[None]:
    """Put `what` and `index` before the message of what goes wrong inside, if `count` is above 1.

    The core does so for what it refuses itself, in the same words.
    """
    try:
        yield
    except (DlfError, ValueError) as error:
        if count == 1:
            raise
        raise type(error)(f"{what} {index}: {error}") from error
