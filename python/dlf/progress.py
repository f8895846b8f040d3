"""The progress bar of all commands: a line on standard error, rewritten where a person watches.

It is our own because a default installation has no library for it, and shows progress all the same.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

__all__ = ["ProgressBar"]

_WIDTH = 30
_BETWEEN_UPDATES = 0.1  # seconds


class ProgressBar:
    """Shows `LABEL [#####     ] 12/48 parts, 3.1 parts/s, 0:12 left` and removes it in the end.

    Args:
        label: what is going on, such as "encoding".
        unit: what is counted, in the plural.
        lines_every: seconds between two lines where standard error is a file or a pipe; None prints
            nothing there.
        before: how many had been done before this began; they do not count in the speed.
    """

    def __init__(
        self,
        label: str,
        unit: str = "parts",
        lines_every: float | None = None,
        before: int = 0,
    ) -> None:
        self._label = label
        self._unit = unit
        self._lines_every = lines_every
        self._before = before
        self._start = self._shown = time.monotonic()
        self._visible = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hide()

    def hide(self) -> None:
        """Take the bar away, so that a line can be printed; the next `show` brings it back."""
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._visible = False

    def show(self, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` parts are done, and a note; nothing for a single part."""
        is_terminal = sys.stderr.isatty()
        between = _BETWEEN_UPDATES if is_terminal else self._lines_every
        now = time.monotonic()
        if total < 2 or between is None or now - self._shown < between:
            return
        self._shown = now
        text = self._text(done, total, now - self._start) + (f", {note}" if note else "")
        if is_terminal:
            self._visible = True
            bar = ("#" * (_WIDTH * done // total)).ljust(_WIDTH)
            sys.stderr.write(f"\r\x1b[K{self._label} [{bar}] {text}")
        else:
            sys.stderr.write(f"dlf: {text}\n")
        sys.stderr.flush()

    def _text(self, done: int, total: int, seconds: float) -> str:
        """Return `12/48 parts, 3.1 parts/s, 0:12 left`."""
        text = f"{done}/{total} {self._unit}"
        ours = done - self._before
        if ours > 0 and seconds > 0:
            left = round(seconds / ours * (total - done))
            text += f", {ours / seconds:.1f} {self._unit}/s, {_clock(left)} left"
        return text


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
