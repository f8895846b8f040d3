"""The command-line contract: how a decoder is asked, and what its answer is made of."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

WRONG_USAGE = 2
TIME_LIMIT = 300.0
MODEL_PATH = "DLF_MODEL_PATH"


@dataclass(frozen=True)
class Answer:
    """What a decoder has said: its exit status, and what it wrote to the two streams."""

    status: int
    output: str
    errors: str


class Decoder(Protocol):
    """Anything that runs a sub-command with DLF_MODEL_PATH set to `packages`."""

    def run(self, arguments: Sequence[str], packages: str) -> Answer:
        """Run one sub-command."""


class CommandDecoder:
    """A decoder that is a program: `command` followed by the sub-command and its arguments."""

    def __init__(self, command: str) -> None:
        self.words = shlex.split(command)

    def run(self, arguments: Sequence[str], packages: str) -> Answer:
        """Start the program once."""
        try:
            done = subprocess.run(
                [*self.words, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIME_LIMIT,
                env={**os.environ, MODEL_PATH: packages},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(-1, "", f"not done after {TIME_LIMIT:.0f} s")
        output, errors = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        return Answer(done.returncode, output, errors)


class FunctionDecoder:
    """A decoder in this process, a `main(argv) -> exit status`: many answers in little time."""

    def __init__(self, main: Callable[[Sequence[str]], int]) -> None:
        self.main = main

    def run(self, arguments: Sequence[str], packages: str) -> Answer:
        """Call the function; `SystemExit`, as of argparse, is an exit status."""
        output, errors = io.StringIO(), io.StringIO()
        with environment(packages), redirected(output, errors):
            try:
                status = self.main(list(arguments))
            except SystemExit as leaving:
                status = leaving.code if isinstance(leaving.code, int) else 1
        return Answer(status, output.getvalue(), errors.getvalue())


@contextlib.contextmanager
def redirected(output: io.StringIO, errors: io.StringIO) -> Iterator[None]:
    """Catch what is printed."""
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        yield


@contextlib.contextmanager
def environment(packages: str) -> Iterator[None]:
    """Set DLF_MODEL_PATH."""
    before = os.environ.get(MODEL_PATH)
    os.environ[MODEL_PATH] = packages
    try:
        yield
    finally:
        if before is None:
            del os.environ[MODEL_PATH]
        else:
            os.environ[MODEL_PATH] = before


def search_path(folders: Sequence[Path]) -> str:
    """The folders in which a decoder finds packages, as MODEL_PATH names them."""
    return os.pathsep.join(str(path) for path in folders)
