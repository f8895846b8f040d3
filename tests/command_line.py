"""The command line in the process of the test."""

from __future__ import annotations

from typing import Any

from dlf.cli import main


def run(*words: Any) -> int:
    """Run `dlf WORDS...` and return its exit status."""
    return main([str(word) for word in words])
