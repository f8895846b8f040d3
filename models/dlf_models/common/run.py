"""A run: steps, validation, checkpoints and a clean end, the same for every profile."""

from __future__ import annotations

import logging
import math
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, Self

import torch
import torch.distributed as dist

from .checkpoint import save_checkpoint
from .monitor import Means, Monitor
from .ranks import mean_over_ranks, world

log = logging.getLogger(__name__)
LOG_STEPS = 50
ECHO_SECONDS = 3.0
"""A second signal within this time is the first one again: torchrun passes on what the terminal
already sent to all.
"""


class Trainable(Protocol):
    """What a run drives."""

    device: torch.device
    seen: int
    steps: int
    total: int
    means: Means

    def step(self) -> dict[str, str]:
        """Take one optimiser step; returns labels for the log."""

    def validation_due(self) -> bool:
        """Whether the step just taken crossed the interval of validation."""

    def validate(self) -> tuple[str, dict[str, float]]:
        """Measure on held-out images, on all ranks.

        `loss` is what "best" means, comparable under one key.
        """

    def sheet(self, path: Path) -> None:
        """Write a picture to look at."""

    def state(self) -> dict[str, Any]:
        """Everything that a run needs to go on."""


class Stop:
    """Turns Ctrl-C and SIGTERM into a wish to stop after the step under way.

    Another one, later, stops at once.
    """

    def __init__(self) -> None:
        self.wished = False
        self.since = 0.0

    def __enter__(self) -> Self:
        self.before = {s: signal.signal(s, self._take) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        if self.wished and time.monotonic() - self.since >= ECHO_SECONDS:
            raise KeyboardInterrupt
        if not self.wished:
            self.wished, self.since = True, time.monotonic()


class Run:
    """Trains until the images, the time or the patience of the user are used up.

    Leaves `last.ckpt`, `best.ckpt` (lowest validation loss), `sheet.png` and the logs in `out`.
    """

    def __init__(
        self,
        trainer: Trainable,
        out: Path,
        minutes: float = math.inf,
        checkpoint_seconds: float = 120.0,
        tensorboard: bool = False,
        best: tuple[str, float] | None = None,
    ) -> None:
        self.trainer = trainer
        self.out = out
        self.minutes = minutes
        self.checkpoint_seconds = checkpoint_seconds
        self.best = best or ("", math.inf)
        self.rank, self.ranks = world()
        self.monitor = (
            Monitor(out, trainer.seen, trainer.total, tensorboard) if self.rank == 0 else None
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: that of the trainer, and the best loss so far."""
        return {**self.trainer.state(), "best": list(self.best)}

    def __call__(self) -> bool:
        """Whether the run came to its end or its time; `False` when it was interrupted."""
        start = saved = time.monotonic()
        trainer, monitor = self.trainer, self.monitor
        with Stop() as stop:
            interrupted = False
            while trainer.seen < trainer.total:
                labels = trainer.step()
                if trainer.steps % LOG_STEPS == 0:
                    means = mean_over_ranks(trainer.means.take(), trainer.device)
                    if monitor:
                        monitor.row(trainer.seen, labels, means)
                if trainer.validation_due():
                    self._validate(labels)
                now = time.monotonic()
                if monitor:
                    monitor.progress(trainer.seen)
                    if now - saved >= self.checkpoint_seconds:
                        self._try_to_save("last.ckpt")
                        trainer.sheet(self.out / "sheet.png")
                        saved = time.monotonic()
                        monitor.forget_time(trainer.seen)
                late = now - start > self.minutes * 60
                late, interrupted = self._agree(late, stop.wished)
                if late or interrupted:
                    break
            if monitor:
                self._finish(monitor)
        return not interrupted

    def _agree(self, *wishes: bool) -> tuple[bool, ...]:
        """Whether any rank has each wish; disagreeing ranks would wait for each other for ever."""
        if self.ranks == 1:
            return wishes
        votes = torch.tensor(wishes, dtype=torch.float32, device=self.trainer.device)
        dist.all_reduce(votes)
        return tuple(bool(v > 0) for v in votes)

    def _validate(self, labels: dict[str, str]) -> None:
        key, values = self.trainer.validate()
        if self.monitor is None:
            return
        self.monitor.validation(self.trainer.seen, labels, values)
        best_key, best = self.best
        if key != best_key or values["loss"] < best:
            self.best = (key, values["loss"])
            self._try_to_save("best.ckpt")
        self.monitor.forget_time(self.trainer.seen)

    def _try_to_save(self, name: str) -> None:
        """A checkpoint that cannot be written ends no run; the one before it is still there."""
        try:
            save_checkpoint(self.out / name, self.state())
        except OSError as error:
            log.error("checkpoint not saved, the previous one is kept: %s", error)

    def _finish(self, monitor: Monitor) -> None:
        monitor.close()
        save_checkpoint(self.out / "last.ckpt", self.state())
        self.trainer.sheet(self.out / "sheet.png")
        log.info(
            "stopped after %d of %d images; checkpoint %s",
            self.trainer.seen,
            self.trainer.total,
            self.out / "last.ckpt",
        )
