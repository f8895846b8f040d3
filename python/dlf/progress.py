"""The progress bar of all commands: a line of tqdm's on standard error, where a person watches.

tqdm is imported when the first bar is drawn; commands that are done before that never import it.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["ProgressBar"]

_BAR = "{desc} [{bar:30}] "
_TEXT = "{n_fmt}/{total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left{postfix}"
_BETWEEN_UPDATES = 0.1  # seconds


class ProgressBar:
    """Shows `LABEL [#####     ] 12/48 parts, 3.10 parts/s, 00:12 left` and removes it in the end.

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
        self._bar: tqdm | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.hide()

    def hide(self) -> None:
        """Take the bar away, so that a line can be printed; the next `show` brings it back."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def show(self, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` parts are done, and a note; nothing for a single part."""
        is_terminal = sys.stderr.isatty()
        between = _BETWEEN_UPDATES if is_terminal else self._lines_every
        now = time.monotonic()
        if total < 2 or between is None or now - self._shown < between:
            return
        self._shown = now
        if is_terminal:
            self._draw(done, total, note)
        else:
            print(f"dlf: {self._text(done, total, note)}", file=sys.stderr, flush=True)

    def _draw(self, done: int, total: int, note: str) -> None:
        if self._bar is None:
            self._bar = _bar_class()(
                desc=self._label,
                total=total,
                initial=self._before,
                unit=f" {self._unit}",
                bar_format=_BAR + _TEXT,
                ascii=" #",
                file=sys.stderr,
                leave=False,
                delay=1e-9,  # any: then it draws below, not when it is made
            )
            self._bar.start_t = time.time() - (time.monotonic() - self._start)
        self._bar.n, self._bar.total = done, total
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.refresh()

    def _text(self, done: int, total: int, note: str) -> str:
        """Return `12/48 parts, 3.10 parts/s, 00:12 left`."""
        from tqdm import tqdm

        text: str = tqdm.format_meter(
            done,
            total,
            time.monotonic() - self._start,
            bar_format=_TEXT,
            unit=f" {self._unit}",
            initial=self._before,
            postfix=note,
        )
        return text


def _bar_class() -> type[tqdm]:
    """Return tqdm's bar without its thread, which watches bars, and without its semaphore."""
    from tqdm import tqdm

    return type("Bar", (tqdm,), {"monitor_interval": 0, "_lock": threading.RLock()})
