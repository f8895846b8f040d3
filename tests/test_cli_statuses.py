"""Exit statuses are one contract for all commands: 2 for what was asked wrongly, 1 for failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dlf.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: it holds a text that is neither a configuration nor a checkpoint."""
    (tmp_path / "text").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("train text --data x --lpips y", 2, "dlf: text: not a mapping"),
        ("train none.yaml --data x --lpips y", 1, "dlf: none.yaml: No such file or directory"),
        ("train", 2, "the following arguments are required"),
        ("export text out.dlfm --data x", 2, "dlf: text: not a readable checkpoint"),
        ("export none out.dlfm --data x", 1, "dlf: none: No such file or directory"),
        ("export text text --data x", 2, "dlf: text would be written over by its own output"),
        ("import-official text text", 2, "dlf: text would be written over by its own output"),
        ("import-official none out.dlfm", 1, "dlf: none: No such file or directory"),
        ("eval none", 2, "dlf: no such file or folder: none"),
        ("batch text out --megapixels 0", 2, "must be a number of million pixels above 0, not 0"),
        ("batch none out", 1, "dlf: none: no such file or folder"),
    ],
)
def test_statuses(
    words: str, status: int, message: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == status
    assert message in capfd.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["text"]
    assert (folder / "text").read_text() == "hello"


@pytest.mark.parametrize("command", ["train", "export", "import-official", "eval"])
def test_ctrl_c_is_130(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    module = f"dlf.cli.{command.replace('-', '_')}"
    monkeypatch.setattr(f"{module}.run", interrupted)
    words = {
        "train": "text --data x --lpips y",
        "export": "text out.dlfm --data x",
        "import-official": "text out.dlfm",
        "eval": "text",
    }
    assert main([command, *words[command].split()]) == 130
    assert capsys.readouterr().err == "dlf: interrupted\n"


def test_help_of_training_commands_needs_no_torch() -> None:
    code = (
        "import sys\nfrom dlf.cli import main\n"
        "for command in ('train', 'export', 'import-official', 'eval', 'compare'):\n"
        "    assert main([command, '--help']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
