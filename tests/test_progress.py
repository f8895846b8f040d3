"""The progress bar: what a terminal, a file and a pipe get, and what is left of it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from command_line import failure, run
from dlf.progress import ProgressBar
from PIL import Image

ERASED = re.compile(r"\r +\r$")


@pytest.fixture(autouse=True)
def every_change_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlf.progress._BETWEEN_UPDATES", 0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_counts_and_goes_away() -> None:
    with redirect_stderr(Terminal()) as terminal, ProgressBar("encoding", "files", before=2) as bar:
        bar.show(2, 12)
        bar.show(6, 12, "9 pictures")
    _, first, second, erased, end = terminal.getvalue().split("\r")
    assert first == "encoding [#####                         ] 2/12 files, ? files/s, ? left"
    text = r"encoding \[#{15} {15}\] 6/12 files, +[\d.]+ files/s, \d\d:\d\d left, 9 pictures"
    assert re.fullmatch(text, second.rstrip())
    assert (erased.strip(), len(erased), end) == ("", len(second), "")


def test_a_bar_makes_room_for_a_line() -> None:
    with redirect_stderr(Terminal()) as terminal, ProgressBar("encoding") as bar:
        bar.show(1, 3)
        bar.hide()
        assert ERASED.search(terminal.getvalue())
        print("a line", file=sys.stderr)
        bar.show(2, 3)
    line, again = terminal.getvalue().split("\n")
    assert line.endswith("\ra line")
    assert "2/3 parts" in again
    assert ERASED.search(again)


def test_a_bar_goes_away_when_it_is_interrupted() -> None:
    with (
        redirect_stderr(Terminal()) as terminal,
        pytest.raises(KeyboardInterrupt),
        ProgressBar("encoding") as bar,
    ):
        bar.show(1, 3)
        raise KeyboardInterrupt
    assert ERASED.search(terminal.getvalue())


def test_a_single_part_has_no_bar() -> None:
    with redirect_stderr(Terminal()) as terminal, ProgressBar("encoding") as bar:
        bar.show(0, 1)
        bar.show(1, 1)
    assert terminal.getvalue() == ""


def test_a_file_gets_lines_where_they_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    for every, expected in ((None, ""), (3600.0, ""), (0.0, "dlf: 3/6 parts, ")):
        with ProgressBar("encoding", lines_every=every) as bar:
            bar.show(3, 6, "a note")
        shown = capsys.readouterr().err
        assert shown.startswith(expected)
        assert shown.count("\n") == bool(expected) == shown.endswith("left, a note\n")


def test_a_bar_brings_tqdm_when_it_is_drawn_but_no_thread_and_no_process() -> None:
    program = (
        "import io, sys, threading\n"
        "from dlf import progress\n"
        "progress._BETWEEN_UPDATES = 0\n"
        "sys.stderr = io.StringIO()\n"
        "sys.stderr.isatty = lambda: True\n"
        "with progress.ProgressBar('encoding') as bar:\n"
        "    print('tqdm' in sys.modules)\n"
        "    bar.show(1, 3)\n"
        "    print('tqdm' in sys.modules, threading.active_count())\n"
        "print('multiprocessing.synchronize' in sys.modules)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert told.stdout.split() == ["False", "True", "1", "False"]


# --- commands


def large_png(folder: Path) -> Path:
    """A picture of several tiles of the test model."""
    path = folder / "large.png"
    Image.linear_gradient("L").resize((2100, 1600)).convert("RGB").save(path)
    return path


@pytest.mark.usefixtures("model_environment")
def test_progress_is_shown_to_people_only(tmp_path: Path) -> None:
    source, target = large_png(tmp_path), tmp_path / "large.dlf"
    for stream in (Terminal(), io.StringIO()):
        with redirect_stderr(stream):
            assert run("encode", source, target, "--quiet", "--force") == 0
            assert run("decode", target, tmp_path / "o.png", "--quiet", "--force") == 0
        shown = stream.getvalue()
        if stream.isatty():
            text = r"encoding \[#+ *\] \d+/\d+ parts, +[\d.]+ parts/s, \d\d:\d\d left"
            assert re.search(text, shown)
            assert "decoding [" in shown
            assert ERASED.search(shown)
        else:
            assert shown == ""


@pytest.mark.usefixtures("model_environment")
def test_ctrl_c_reaches_a_long_encode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(self: object, done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dlf.progress.ProgressBar.show", interrupt)
    status, line = failure(capsys, "encode", large_png(tmp_path), tmp_path / "o.dlf")
    assert (status, line) == (130, "dlf: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["large.png"]
