"""From an error to the one line that a person reads, and the exit status."""

from __future__ import annotations

import contextlib
import os
import sys

from dlf.cli.suggestions import did_you_mean
from dlf.errors import DlfError

__all__ = [
    "EXIT_FAILURE",
    "EXIT_INTERRUPTED",
    "EXIT_SOME_FAILED",
    "EXIT_USAGE",
    "complain",
    "explain",
]

# docs/command-line.md has the table of all statuses. Those of a DlfError stand in its class.
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line that tells a person about an error, and the exit status."""
    if isinstance(error, DlfError):
        return str(error), error.exit_status
    if isinstance(error, ValueError):
        return str(error), EXIT_USAGE
    if isinstance(error, OSError):
        return _describe(error), EXIT_FAILURE
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        from dlf.torchscript import TORCH

        return f"this command needs PyTorch: pip install '{TORCH}'", EXIT_FAILURE
    if isinstance(error, ImportError):
        return f"a part of the installation is missing: {error}", EXIT_FAILURE
    return "not enough memory", EXIT_FAILURE


def complain(message: str) -> None:
    """Print one line on standard error."""
    line = " ".join(message.split())
    print(f"dlf: {line}", file=sys.stderr)


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is None:
        return reason
    text = f"{os.fsdecode(error.filename)}: {reason}"
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
        folder, name = os.path.split(error.filename)
        with contextlib.suppress(OSError):
            text += did_you_mean(name, os.listdir(folder or "."))
    return text
