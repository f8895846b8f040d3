"""A training run of any architecture: signals, checkpoints, logs, a disk that is full."""

from __future__ import annotations

import csv
import logging
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from dlf_models.common.checkpoint import load_checkpoint, save_checkpoint
from dlf_models.common.monitor import Means, Monitor
from dlf_models.common.run import Run, Stop


def environment() -> dict[str, str]:
    paths = [str(ROOT / "models"), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}


class Counting:
    """A run's trainer that does nothing but count, and writes checkpoints of a few bytes."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.seen = self.steps = 0
        self.total = 100
        self.means = Means()
        self.losses = [3.0, 1.0, 2.0, 0.5, 0.7]

    def step(self) -> dict[str, str]:
        self.seen += 1
        self.steps += 1
        self.means.add(loss=1.0)
        if self.seen == 70:
            os.kill(os.getpid(), signal.SIGINT)
        return {"phase": "only"}

    def validation_due(self) -> bool:
        return self.seen % 20 == 0

    def validate(self) -> tuple[str, dict[str, float]]:
        return "loss", {"loss": self.losses[self.seen // 20 - 1]}

    def sheet(self, path: Path) -> None:
        path.write_bytes(b"")

    def state(self) -> dict[str, object]:
        return {"ema": {}, "config": {}, "seen": self.seen}


def test_ctrl_c_ends_a_run_after_its_step_and_best_is_by_validation(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer = Counting()
    assert not Run(trainer, tmp_path)()
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "last.ckpt")["seen"] == 70
    best = load_checkpoint(tmp_path / "best.ckpt")
    assert best["seen"] == 40 and best["best"] == ["loss", 1.0]
    # Resumed, it still knows what was best; what comes later must beat it.
    assert Run(trainer, tmp_path, best=("loss", 1.0))()
    assert load_checkpoint(tmp_path / "best.ckpt")["best"] == ["loss", 0.5]
    with (tmp_path / "validation.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [3.0, 1.0, 2.0, 0.5, 0.7]


def test_a_signal_that_comes_twice_at_once_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches each process of torchrun from the terminal and again from torchrun: the
    checkpoint was lost.
    """
    with Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stop.wished
        monkeypatch.setattr("dlf_models.common.run.ECHO_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_run_survives_a_disk_that_is_full_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Counting()
    trainer.seen = trainer.steps = 71
    save, failures = torch.save, iter([True, True])

    def full(*args: object, **options: object) -> None:
        if next(failures, False):
            raise OSError(28, "No space left on device")
        save(*args, **options)

    monkeypatch.setattr(torch, "save", full)
    assert Run(trainer, tmp_path, checkpoint_seconds=0)()
    assert "the previous one is kept" in caplog.text
    assert load_checkpoint(tmp_path / "last.ckpt")["seen"] == 100


def test_a_failed_save_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"ema": {}, "config": {}})
    before = path.read_bytes()

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"ema": {}, "config": {}, "more": 1})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    """The kernel refuses to write more than a megabyte to a file, as a full disk would."""
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"ema": {"a": torch.zeros(10)}, "config": {}})
    before = path.read_bytes()
    program = f"""
import resource, sys, torch
from pathlib import Path
from dlf_models.common.checkpoint import save_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    save_checkpoint(Path({str(path)!r}), {{"ema": {{"a": torch.zeros(1 << 20)}}, "config": {{}}}})
except OSError as error:
    sys.exit(f"OSError {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith("OSError"), done.stderr
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    for name, data in {"text": b"hello", "empty": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name):
            load_checkpoint(tmp_path / name)
    torch.save({"weights": 1}, tmp_path / "foreign")
    with pytest.raises(ValueError, match="not a DLF training checkpoint"):
        load_checkpoint(tmp_path / "foreign")


def test_logs_change_their_columns_and_reach_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    monitor = Monitor(tmp_path, 0, 10, tensorboard=True)
    monitor.row(1, {"phase": "a"}, {"loss": 2.0})
    monitor.row(2, {"phase": "a"}, {"loss": 1.0, "loss_d": 3.0})
    monitor.close()
    assert "loss_d" not in (tmp_path / "log.csv.1").read_text()
    assert "loss_d" in (tmp_path / "log.csv").read_text()
    assert any(p.stat().st_size > 0 for p in (tmp_path / "tensorboard").iterdir())


def test_a_terminal_shows_the_bar_of_all_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monitor = Monitor(tmp_path, 400, 1000)  # goes on from a checkpoint
    monitor.row(500, {"phase": "a"}, {"loss": 2.0, "bpp": 0.1, "rate": 3.0})
    monitor.progress(500)
    monitor.close()
    shown = capsys.readouterr().err
    speed = re.search(
        r"training \[#+ +\] 500/1000 images, +([\d.]+) images/s, .* left, loss 2", shown
    )
    assert speed is not None and 0 < float(speed[1]) <= 100  # what was there before does not count
    assert "bpp 0.1" in shown and "rate" not in shown
    assert re.search(r"\r +\r$", shown)


def test_a_loss_that_a_phase_has_not_is_no_nan(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(tmp_path, 0, 10)
    with caplog.at_level(logging.INFO):
        monitor.row(1, {"phase": "a"}, {"loss": 2.0, "loss_d": math.nan})
        monitor.row(2, {"phase": "b"}, {"loss": math.nan, "loss_d": 3.0})
    monitor.close()
    first, second = caplog.messages
    assert "loss_d" not in first and "loss 2.0000" in first
    assert "loss nan" in second and "loss_d 3.0000" in second
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["loss_d"] for row in rows] == ["", "3.0000"]
