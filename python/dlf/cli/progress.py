"""A progress bar on standard error, for what has many parts and only where a person watches."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

__all__ = ["ProgressBar", "progress_text"]

_WIDTH = 30
_BETWEEN_UPDATES = 0.1  # seconds


class ProgressBar:
    """Shows `LABEL [#####     ] 12/48 tiles, 3.1 tiles/s, 0:12 left` and removes it in the end."""

    def __init__(self, label: str, unit: str = "tiles") -> None:
        self._label = label
        self._unit = unit
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
        now = time.monotonic()
        if total < 2 or now - self._shown < _BETWEEN_UPDATES or not sys.stderr.isatty():
            return
        self._shown = now
        self._visible = True
        bar = ("#" * (_WIDTH * done // total)).ljust(_WIDTH)
        text = progress_text(done, total, self._unit, now - self._start, note)
        sys.stderr.write(f"\r\x1b[K{self._label} [{bar}] {text}")
        sys.stderr.flush()


def progress_text(done: int, total: int, unit: str, seconds: float, note: str = "") -> str:
    """Return `12/48 tiles, 3.1 tiles/s, 0:12 left` for `done` parts in so many seconds."""
    text = f"{done}/{total} {unit}"
    if done > 0 and seconds > 0:
        left = round(seconds / done * (total - done))
        text += f", {done / seconds:.1f} {unit}/s, {_clock(left)} left"
    return f"{text}, {note}" if note else text


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
