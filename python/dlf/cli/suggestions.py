"""Guessing what was meant: the nearest command, option or file beside one that does not exist."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import NoReturn

__all__ = ["Parser", "did_you_mean"]

_NEAR = 0.7  # of difflib's ratio
_UNKNOWN_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_UNKNOWN_OPTION = re.compile(r"unrecognized arguments: (--?[\w-]+)")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, [k for k in known if k != word], n=1, cutoff=_NEAR)
    return f"; did you mean {near[0]}?" if near else ""


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose complaints say what may have been meant.

    suggestions: options of the command, which the parser above it does not know.
    """

    suggestions: Iterable[str] = ()

    def error(self, message: str) -> NoReturn:
        """Print usage and message, and leave with status 2."""
        choice, option = _UNKNOWN_CHOICE.search(message), _UNKNOWN_OPTION.search(message)
        if choice:
            message += did_you_mean(choice[1], re.findall(r"[\w-]+", choice[2]))
        elif option:
            message += did_you_mean(option[1], self.suggestions)
        super().error(message)
