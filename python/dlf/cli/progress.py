"""A progress bar on standard error, for images of many tiles and only where a person watches."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

__all__ = ["ProgressBar"]

_WIDTH = 30
_BETWEEN_UPDATES = 0.1  # seconds


class ProgressBar:
    """Shows `LABEL [#####     ] 12/48 tiles, 3.1 tiles/s` and removes it in the end."""

    def __init__(self, label: str) -> None:
        self._label = label
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
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, done: int, total: int) -> None:
        """Show that `done` of `total` tiles are done; does nothing for a single tile."""
        now = time.monotonic()
        if total < 2 or now - self._shown < _BETWEEN_UPDATES or not sys.stderr.isatty():
            return
        self._shown = now
        self._visible = True
        bar = ("#" * (_WIDTH * done // total)).ljust(_WIDTH)
        rate = done / (now - self._start)
        sys.stderr.write(f"\r{self._label} [{bar}] {done}/{total} tiles, {rate:.1f} tiles/s")
        sys.stderr.flush()
