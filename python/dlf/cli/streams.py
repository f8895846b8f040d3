"""The three standard streams of the process, whatever the caller has made of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from dlf.files import STANDARD_OUTPUT

__all__ = ["abandon_output", "flush_output", "prepare"]


def prepare() -> None:
    """Let closed streams and names that a stream cannot show do no harm; for the command itself.

    A file that is opened while descriptor 0, 1 or 2 is closed would take its place, and get what is
    meant for the stream. The stand-in is open in the wrong direction, so that using it fails.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if descriptor == 0 else os.O_RDONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write out what was printed.

    Raises:
        OSError: that is not possible; it names standard output.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone, and knows
        raise
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


def abandon_output() -> None:
    """Give up what cannot be printed: Python would try, and complain, again when it ends."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
