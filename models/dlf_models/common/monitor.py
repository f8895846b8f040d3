"""What a run shows of itself: a CSV log, a progress bar on terminals, TensorBoard on request."""

from __future__ import annotations

import csv
import importlib
import logging
import math
import sys
import time
from pathlib import Path
from typing import Any

from dlf.progress import ProgressBar

log = logging.getLogger(__name__)

NOT_ALWAYS = frozenset({"loss_d"})
"""Values that some phases of a run do not have: NaN then, an empty cell, and no word in a line."""


class Means:
    """Running means of named values since they were last taken."""

    def __init__(self) -> None:
        self.sums: dict[str, tuple[float, int]] = {}

    def add(self, **values: float) -> None:
        """Add one observation of each of these values."""
        for key, value in values.items():
            total, count = self.sums.get(key, (0.0, 0))
            self.sums[key] = (total + value, count + 1)

    def take(self) -> dict[str, float]:
        """The means; counting starts afresh."""
        means = {key: total / count for key, (total, count) in self.sums.items()}
        self.sums.clear()
        return means


def tensorboard_writer(folder: Path) -> Any:
    """A writer of TensorBoard's files.

    Raises:
        ValueError: the package is missing.
    """
    try:
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder))
    except ImportError as error:
        raise ValueError(f"--tensorboard needs the package tensorboard ({error})") from error


class Monitor:
    """Writes `log.csv` and `validation.csv` into a run's folder; only the leading rank has one."""

    def __init__(self, out: Path, seen: int, total: int, tensorboard: bool = False) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.total, self.note = total, ""
        self.bar = ProgressBar("training", "images", before=seen) if sys.stderr.isatty() else None
        self.board = tensorboard_writer(out / "tensorboard") if tensorboard else None
        self.since = (time.monotonic(), seen)

    def forget_time(self, seen: int) -> None:
        """Do not count the time until now in the speed (a checkpoint or a validation took it)."""
        self.since = (time.monotonic(), seen)

    def progress(self, seen: int) -> None:
        """Show how many images have been seen."""
        if self.bar is not None:
            self.bar.show(seen, self.total, self.note)

    def row(self, seen: int, labels: dict[str, str], means: dict[str, float]) -> None:
        """One line of the log: `labels` as they are, then the means, then the speed."""
        now = time.monotonic()
        start, before = self.since
        speed = (seen - before) / (now - start) if now > start else math.nan
        self.since = (now, seen)
        absent = {k for k, v in means.items() if k in NOT_ALWAYS and math.isnan(v)}
        numbers = {k: "" if k in absent else f"{v:.4f}" for k, v in means.items()}
        row = {"images": str(seen), **labels, **numbers}
        self._append("log.csv", {**row, "images_per_second": f"{speed:.1f}"})
        row = {k: v for k, v in row.items() if k not in absent}
        measured = {k: v for k, v in means.items() if k not in absent}
        self._board("train", seen, {**measured, "images_per_second": speed})
        if self.bar is not None:
            self.note = ", ".join(f"{k} {row[k]}" for k in ("loss", "bpp") if k in row)
        else:
            log.info(
                "%s  images_per_second %.1f", "  ".join(f"{k} {v}" for k, v in row.items()), speed
            )

    def validation(self, seen: int, labels: dict[str, str], values: dict[str, float]) -> None:
        """Write a row of `validation.csv` and say it in the log."""
        row = {"images": str(seen), **labels, **{k: f"{v:.4f}" for k, v in values.items()}}
        self._append("validation.csv", row)
        self._board("validation", seen, values)
        if self.bar is not None:
            self.bar.hide()
        log.info("validation: %s", "  ".join(f"{k} {v}" for k, v in row.items()))

    def close(self) -> None:
        """Take the bar away and close the board."""
        if self.bar is not None:
            self.bar.hide()
        if self.board is not None:
            self.board.close()

    def _append(self, name: str, row: dict[str, str]) -> None:
        """Add a line; a log with other columns is kept beside as `NAME.1`, `NAME.2` and so on."""
        path = self.out / name
        header = ",".join(row)
        if path.exists():
            with path.open(encoding="utf-8") as file:
                if file.readline().rstrip("\r\n") != header:
                    file.close()
                    number = 1
                    while path.with_name(f"{name}.{number}").exists():
                        number += 1
                    path.rename(path.with_name(f"{name}.{number}"))
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def _board(self, group: str, seen: int, values: dict[str, float]) -> None:
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(f"{group}/{key}", value, seen)
