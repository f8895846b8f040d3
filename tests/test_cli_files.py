"""`dlf` on files: folders, patterns, templates, going on after failures; completion; terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import dlf
import numpy as np
import pytest
from command_line import run
from dlf.cli.main import COMMANDS
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture
def photos(pictures: dict[str, Image.Image], tmp_path: Path) -> Path:
    """A folder with three images, a text file, and a folder with one more image."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "deeper/a.png"):
        pictures["RGB"].save(folder / name)
    pictures["L"].save(folder / "c.tiff")
    (folder / "notes.txt").write_text("no image")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_folder_into_a_folder_and_back(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coded, back = tmp_path / "coded", tmp_path / "back"
    assert run("encode", photos, f"{coded}/") == 0
    assert names(coded) == ["a.dlf", "b.dlf", "c.dlf"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(coded / n) for n in names(coded)]
    assert (coded / "b.dlf").read_bytes() == dlf.encode(Image.open(photos / "b.png"))
    assert run("decode", coded, "-o", f"{back}/", "--format", "webp", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [Path(fact["file"]).name for fact in facts] == ["a.webp", "b.webp", "c.webp"]
    assert [fact["mode"] for fact in facts] == ["RGB", "RGB", "L"]
    assert names(back) == ["a.webp", "b.webp", "c.webp"]


def test_patterns_and_templates(photos: Path, tmp_path: Path) -> None:
    template = f"{tmp_path}/out/{{stem}}-{{ext}}.dlf"
    assert run("encode", f"{photos}/*.png", photos / "a.jpg", "-o", template, "--quiet") == 0
    assert names(tmp_path / "out") == ["a-jpg.dlf", "b-png.dlf"]
    beside = "{parent}/{name}.dlf"
    assert run("encode", f"{photos}/**/*.png", "-o", beside, "--quiet", "-q", "0") == 0
    assert (photos / "b.png.dlf").is_file()
    assert (photos / "deeper" / "a.png.dlf").is_file()
    odd = tmp_path / "[x].png"  # a name that only looks like a pattern
    shutil.copy(photos / "b.png", odd)
    assert run("encode", odd, tmp_path / "odd.dlf", "--quiet") == 0


def test_one_bad_file_does_not_stop_the_others(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "b.png").write_bytes(b"not an image")
    out = tmp_path / "out"
    assert run("encode", photos, f"{out}/", "--json") == 10
    captured = capsys.readouterr()
    assert captured.err.startswith(f"dlf: {photos / 'b.png'}: not an image")
    assert names(out) == ["a.dlf", "c.dlf"]
    facts = json.loads(captured.out)
    assert [("error" in fact) for fact in facts] == [False, True, False]


def test_verify_and_info_of_several(
    photo_dlf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.dlf", "b.dlf"):
        (tmp_path / name).write_bytes(photo_dlf)
    (tmp_path / "c.dlf").write_bytes(photo_dlf[:-1])
    (tmp_path / "picture.png").write_bytes(b"not looked at")
    assert run("verify", tmp_path, "--json") == 11
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert [fact.get("ok", False) for fact in facts] == [True, True, False]
    assert "c.dlf" in captured.err
    assert run("info", tmp_path / "a.dlf", tmp_path / "b.dlf", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [Path(fact["file"]).name for fact in facts] == ["a.dlf", "b.dlf"]
    assert run("info", tmp_path / "a.dlf", tmp_path / "b.dlf") == 0
    assert capsys.readouterr().out.count("width ") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encode", "{photos}", "one.dlf"], "3 inputs need a folder or a template"),
        (["encode", "{photos}", "-o", "x/{{size}}.dlf"], "the fields of a template are {stem}"),
        (["encode", "{photos}", "-o", "x/same{{parent"], "the fields of a template are {stem}"),
        (["encode", "{photos}/*.tif", "out/"], "no file matches"),
        (["encode", "{photos}/**/a.*", "-o", "out/{{stem}}.dlf"], "would both become"),
        (["encode", "{photos}/b.png", "-o", "{{parent}}/{{name}}"], "written over by its own"),
        (["decode", "{photos}", "out/"], "no file to read in"),
        (["encode", "{photos}/b.png", "-", "out/"], "cannot be read among other inputs"),
        (["decode", "{photos}/b.png", "-", "--json"], "cannot both go to standard output"),
        (["encode", "{photos}/b.png"], "required: OUT.dlf"),
    ],
)
def test_wrong_usage_is_found_before_any_work(
    words: list[str],
    message: str,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = names(tmp_path)
    assert run(*(word.format(photos=photos) for word in words)) == 2
    assert message in capsys.readouterr().err
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "guess"),
    [
        (["encod"], "encode"),
        (["comparre"], "compare"),
        (["encode", "a", "b", "--byts", "3"], "--bytes"),
        (["info", "a", "--jsn"], "--json"),
        (["decode", "a", "b", "--layers", "semantics"], "semantic"),
        (["info", "{photos}/c.tif"], "c.tiff"),
    ],
)
def test_a_near_word_is_offered(
    words: list[str], guess: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(word.format(photos=photos) for word in words)) in (1, 2)
    assert f"did you mean {guess}?" in capsys.readouterr().err
    assert run("frobnicate") == 2
    assert "did you mean" not in capsys.readouterr().err


# --- completion


def completed(shell: str, script: str, *words: str) -> list[str]:
    """What the shell offers for the last of `words`."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "fish":
        line = f"{script}\ncomplete --do-complete={json.dumps(' '.join(words))}"
        command = [program, "--no-config", "-c", line]
    else:
        array = " ".join(f"'{word}'" for word in words)
        line = (
            f"{script}\nCOMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; "
            "COMPREPLY=(); _shtab_dlf; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        command = [program, "--norc", "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_shells_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert set(COMMANDS) <= set(completed(shell, script, "dlf", ""))
    assert "--bytes" in completed(shell, script, "dlf", "encode", "--by")
    for command, option in (
        ("eval", "--sheet-width"),
        ("train", "--fresh-optimiser"),
        ("export", "--importance-head"),
        ("import-official", "--calibration"),
    ):
        assert option in completed(shell, script, "dlf", command, option[:-3])
    assert "semantic" in completed(shell, script, "dlf", "decode", "--layers", "sem")
    assert "fish" in completed(shell, script, "dlf", "completion", "")


def test_zsh_takes_its_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = shutil.which("zsh")
    if program is None:
        pytest.skip("zsh is not installed")
    assert run("completion", "zsh") == 0
    script = capsys.readouterr().out
    # shtab quotes the whole entry, or its help alone.
    assert set(COMMANDS) == set(re.findall(r"^    '?([a-z-]+):'?[A-Z]", script, re.MULTILINE))
    (tmp_path / "_dlf").write_text(script)
    program_text = (
        f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump; "
        "autoload -Uz +X _dlf && whence -w _dlf; echo ${_comps[dlf]}"
    )
    words = [program, "-f", "-c", program_text]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["_dlf:", "function", "_dlf"]


# --- terminals


def in_terminal(*words: str, interrupt_at: str | None = None) -> tuple[int, str]:
    """Run `dlf` in a terminal of its own; return its status and what the terminal got.

    Ctrl-C is typed when `interrupt_at` matches what has been shown.
    """
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        # A shell's background jobs ignore it, and what they start; programs in a terminal do not.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-m", "dlf", *words])
    shown, end = b"", time.monotonic() + 300
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other side has closed
            break
        if not part:
            break
        shown += part
        if interrupt_at and re.search(interrupt_at, shown.decode(errors="replace")):
            interrupt_at = None
            os.write(terminal, b"\x03")
    else:
        os.kill(process, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    return status, shown.decode(errors="replace")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of very many tiles of the test model."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    gradient = np.add.outer(np.arange(5000), np.arange(5000)) % 256
    Image.fromarray(gradient.astype(np.uint8)).convert("RGB").save(path)
    return path


def test_a_terminal_gets_a_bar_that_goes_away(photos: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for index in range(240):
        shutil.copy(photos / "b.png", many / f"{index:03}.png")
    status, shown = in_terminal("encode", str(many), f"{tmp_path}/out/")
    assert status == 0
    assert re.search(r"encoding \[#+ *\] \d+/240 files, +[\d.]+ files/s", shown)
    lines = [line.rpartition("\r")[2] for line in shown.split("\r\n")]
    assert sum("bytes" in line for line in lines) == 240  # each report is alone in its line
    assert not any("[#" in line for line in lines)
    assert len(names(tmp_path / "out")) == 240


def test_ctrl_c_in_a_terminal_leaves_nothing(large: Path, tmp_path: Path) -> None:
    target = tmp_path / "large.dlf"
    status, shown = in_terminal("encode", str(large), str(target), interrupt_at=r"\d+/\d+ parts")
    assert status == 130
    assert "dlf: interrupted" in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_no_bar_where_nobody_watches(photos: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dlf", "encode", str(photos), f"{tmp_path}/out/"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 3
