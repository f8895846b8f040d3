"""Runs a small program in a process of its own."""

from __future__ import annotations

import subprocess
import sys

TIMEOUT = 120  # seconds; far more than any of them takes on a busy machine


def run_python(program: str, *arguments: object) -> str:
    """Return what the program prints, without the line end; it must end with status 0.

    Raises:
        subprocess.TimeoutExpired: it hangs.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout.strip()
