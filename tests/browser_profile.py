"""The folder that a browser under test keeps its profile in."""

from __future__ import annotations

import tempfile
import time

_LONGEST_SECONDS = 20.0


def discard(folder: tempfile.TemporaryDirectory[str]) -> None:
    """Remove the folder. Children of a browser that has ended may go on writing there for a moment."""
    end = time.monotonic() + _LONGEST_SECONDS
    while True:
        try:
            folder.cleanup()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
