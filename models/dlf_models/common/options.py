"""What the commands of training are told, whichever architecture they are for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainOptions:
    """What `dlf train` is told; `dlf train --help` says what each means."""

    config: str
    data: str
    lpips: str
    out: str
    validation: str | None = None
    minutes: float = math.inf
    images: int | None = None
    """Length of the schedule; None: the configuration's."""
    device: str = "cpu"
    threads: int | None = None
    precision: str | None = None
    checkpointing: bool = False
    compile: str | None = None
    ddp: bool = False
    init: str | None = None
    fresh_optimiser: bool = False
    wake: bool = False
    pool: Path | None = None
    init_titok: Path | None = None
    init_vqgan: Path | None = None
    checkpoint_seconds: float = 120.0
    tensorboard: bool = False
    restart: bool = False

    def refuse(self, profile: str, *names: str) -> None:
        """Raise `ValueError` where one of these options is given: `profile` has no use for it."""
        for name in names:
            if getattr(self, name):
                flag = "--" + name.replace("_", "-")
                raise ValueError(f"{flag} is not for the profile {profile} of {self.config}")
