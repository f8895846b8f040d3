"""Standard streams are files: judged as such, written where they stand, named where they fail."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import dlf
import pytest
from command_line import run
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


def test_standard_streams_are_judged(
    working_folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = os.dup(0)
    source = os.open(working_folder / "a.png", os.O_RDONLY)
    try:
        os.dup2(source, 0)
        assert run("encode", "-", "a.png", "--force") == 2
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(source)
    assert "standard input would be written over by its own output" in capfd.readouterr().err


def shell(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell in which `dlf` is the command."""
    line = command.replace("dlf ", f"{shlex.quote(sys.executable)} -m dlf ", 1)
    return subprocess.run(["sh", "-c", line], capture_output=True, check=False)


def test_standard_output_by_name_is_written_where_it_stands(working_folder: Path) -> None:
    (working_folder / "out").write_bytes(b"before\n")
    done = shell("dlf encode a.png /dev/stdout >> out; echo after >> out")
    coded = dlf.encode(Image.open("a.png"))
    assert (working_folder / "out").read_bytes() == b"before\n" + coded + b"after\n"
    assert b"bytes" in done.stderr  # the report does not go into the file


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("dlf encode a.png - >&-", "dlf: standard output: is closed\n"),
        ("dlf symbols a.dlf /dev/stdout >&-", "dlf: a.dlf: /dev/stdout: Bad file descriptor\n"),
        ("dlf info - <&-", "dlf: standard input: is closed\n"),
        ("dlf info a.dlf >/dev/full", "dlf: standard output: No space left on device\n"),
    ],
)
def test_streams_that_are_closed_or_full_are_named(
    command: str, message: str, working_folder: Path
) -> None:
    done = shell(command)
    assert (done.returncode, done.stderr.decode()) == (1, message)
