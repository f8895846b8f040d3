"""Working through one or many files: progress, reports, and going on after a file that fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from dlf.cli.failures import complain, explain
from dlf.files import STANDARD_OUTPUT, STANDARD_STREAM
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.types import Progress

__all__ = ["Reporter", "work_through"]

T = TypeVar("T")
Facts = dict[str, Any]


class Reporter:
    """Prints a line per file, or JSON at the end: an object for one file, a list for several."""

    def __init__(self, as_json: bool, quiet: bool, stream: TextIO | None = None) -> None:
        self._json, self._quiet = as_json, quiet
        self._stream = stream or sys.stdout
        self._facts: list[Facts] = []

    def add(self, facts: Facts, line: str, bar: ProgressBar) -> None:
        """Report one file: `facts` in JSON, or `line`."""
        self._facts.append(facts)
        if not self._json and not self._quiet:
            bar.hide()
            try:
                print(line, file=self._stream, flush=True)
            except BrokenPipeError:
                raise
            except OSError as error:
                error.filename = STANDARD_OUTPUT
                raise

    def add_failure(self, name: str, message: str) -> None:
        """Note a file that failed; the line about it is on standard error."""
        self._facts.append({"file": name, "error": message})

    def close(self, several: bool) -> None:
        """Print the JSON."""
        if self._json and (several or self._facts):
            print(json.dumps(self._facts if several else self._facts[0]), file=self._stream)


def work_through(
    label: str,
    items: Sequence[T],
    work: Callable[[T, ProgressBar, Progress], None],
    reporter: Reporter,
    name_of: Callable[[T], str] = str,
) -> int:
    """Call `work(item, bar, progress)` for each item and return the exit status.

    For a single item `progress` shows its parts; among several, files are counted. An error becomes
    a line that names the file, and the others are still done. The status is that of the first
    error.
    """
    several = len(items) != 1
    status = 0
    with ProgressBar(label, "files" if several else "parts") as bar:
        for index, item in enumerate(items):
            if several:
                bar.show(index, len(items))
            try:
                work(item, bar, _count_nothing if several else bar.show)
            except BrokenPipeError:  # nobody reads our output any more
                raise
            except (ValueError, OSError, MemoryError) as error:
                if isinstance(error, OSError) and error.filename == STANDARD_OUTPUT:
                    raise  # not about the file, and every other would meet it again
                message, own = explain(error)
                status = status or own
                name = name_of(item)
                shown = "standard input" if name == STANDARD_STREAM else name
                bar.hide()
                named = message.startswith((f"{name}: ", f"{shown}: "))
                complain(message if named else f"{shown}: {message}")
                if several:
                    reporter.add_failure(name, message)
        if several:
            bar.show(len(items), len(items))
    reporter.close(several)
    return status


def _count_nothing(done: int, total: int) -> None:
    """Show no parts where files are counted."""
