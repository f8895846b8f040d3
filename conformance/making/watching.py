"""Which clauses a vector exercises, found by watching the reference decoder at work.

A clause counts when a function runs whose docstring begins with its id, or a line that carries or
follows a comment with its id.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

import conformance.reference

T = TypeVar("T")
ENOUGH_CALLS = 1000
"""Watching is slow: a function that was called so often is watched no longer."""

_FOLDER = str(Path(conformance.reference.__file__).parent)
_ID = r"(?:§\d+(?:\.\d+)*|[AB]\.\d+(?:\.\d+)*)"
_LEADING = re.compile(rf"{_ID}(?:(?:, | and | to ){_ID})*(?=[:.,( ]|$)")


def watch(work: Callable[[], T]) -> tuple[T, set[str]]:
    """Do `work`, and return its result and the clauses that it came by."""
    seen: set[str] = set()
    calls: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_FOLDER):
            return None
        if event == "call":
            calls[frame.f_code] += 1
            if calls[frame.f_code] > ENOUGH_CALLS or frame.f_code.co_name.startswith("crc"):
                return None
            seen.update(_of_function(frame.f_code))
        elif event == "line":
            seen.update(_of_lines(frame.f_code.co_filename).get(frame.f_lineno, ()))
        return trace

    previous = sys.gettrace()
    assert threading.current_thread() is threading.main_thread()
    sys.settrace(trace)
    try:
        return work(), seen
    finally:
        sys.settrace(previous)


@functools.cache
def _of_function(code: CodeType) -> frozenset[str]:
    docstring = code.co_consts[0] if code.co_consts else None
    leading = _LEADING.match(docstring) if isinstance(docstring, str) else None
    return frozenset() if leading is None else frozenset(re.findall(_ID, leading[0]))


@functools.cache
def _of_lines(path: str) -> dict[int, list[str]]:
    """The ids in comments, by the number of the line of code that the comment belongs to."""
    found: dict[int, list[str]] = {}
    waiting: list[str] = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        code, _, comment = line.partition("# ")
        ids = re.findall(_ID, comment)
        if code.strip():
            found[number] = ids + waiting
            waiting = []
        else:
            waiting += ids
    return found
