"""The command line in the process of the test."""

from __future__ import annotations

from typing import Any

import pytest
from dlf.cli import main


def run(*words: Any) -> int:
    """Run `dlf WORDS...` and return its exit status."""
    return main([str(word) for word in words])


def failure(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str]:
    """Run a command that fails; return its status and its one line of error."""
    status = run(*words)
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("dlf: ")
    return status, captured.err
