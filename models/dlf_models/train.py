"""`dlf train CONFIG`: train a model of either architecture, resumable and time-boxed."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from dlf.errors import DlfError

from .common.configuration import read_yaml
from .common.devices import precision_for
from .common.options import TrainOptions
from .common.ranks import join, leave
from .common.run import Run, Trainable
from .evaluation.weights import MetricUnavailable
from .paper import train as paper
from .small import train as small

__all__ = ["TrainOptions", "make_trainer", "run"]

log = logging.getLogger(__name__)


def _device(name: str) -> str:
    """The device of this process: each rank of a machine has an accelerator of its own."""
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return name


def make_trainer(options: TrainOptions, last: Path) -> tuple[Trainable, dict[str, Any]]:
    """The trainer that the configuration asks for, and the checkpoint it goes on from (or `{}`).

    Raises:
        ValueError: the configuration is of no profile, or wrong.
        OSError: a file cannot be read or written.
    """
    raw = read_yaml(options.config)
    if raw.get("profile") == small.PROFILE:
        return small.open_trainer(options, last)
    if paper.SECTION in raw:
        return paper.open_trainer(options, last)
    raise ValueError(
        f"{options.config}: neither of the profile {small.PROFILE} nor with a {paper.SECTION!r}"
        " mapping"
    )


def prepare(options: TrainOptions) -> TrainOptions:
    """Set threads; join the other processes where `torchrun` started several.

    Returns the options with the device of this process and a precision that it has.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = _device(options.device)
    join(device)
    precision = precision_for(torch.device(device), options.precision)
    return replace(options, device=device, precision=precision)


def run(options: TrainOptions) -> bool:
    """Train as the options of `dlf train` say.

    Returns:
        Whether it came to the end of the schedule or of the time. When it was told to stop before,
        its checkpoint is written all the same.

    Raises:
        ValueError: options or a configuration that do not go together.
        OSError: a file that cannot be read or written; DlfError, where networks cannot run.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        options = prepare(options)
        out = Path(options.out)
        trainer, state = make_trainer(options, out / "last.ckpt")
        if state:
            log.info("resumed at %d images", trainer.seen)
        best = (str(state["best"][0]), float(state["best"][1])) if "best" in state else None
        complete = Run(
            trainer, out, options.minutes, options.checkpoint_seconds, options.tensorboard, best
        )()
        leave()
    except (RuntimeError, MetricUnavailable) as error:  # torch's own, and missing weights
        raise DlfError(str(error)) from error
    return complete
