"""What the browsers under test have in common: a process, and a folder with their profile."""

from __future__ import annotations

import subprocess
import tempfile
import time
from typing import Self

_LONGEST_SECONDS = 20.0


def discard(folder: tempfile.TemporaryDirectory[str]) -> None:
    """Remove the folder. Children of an ended browser may go on writing there for a moment."""
    end = time.monotonic() + _LONGEST_SECONDS
    while True:
        try:
            folder.cleanup()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Browser:
    """A running browser, which is closed at the end of a `with`."""

    _process: subprocess.Popen[bytes]

    @property
    def process_id(self) -> int:
        """Of the browser, which has children."""
        return self._process.pid

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
