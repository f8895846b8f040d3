"""``dlf train CONFIG``: train a model of any profile, resumable and time-boxed."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dlf.errors import DlfError
from numpy.typing import NDArray

from .config import load_config, read_yaml
from .evaluation.weights import MetricUnavailable
from .small import train as convolutional
from .training.checkpoint import load_checkpoint
from .training.data import CropSampler, centre_crops, load_images
from .training.device_sampler import DeviceSampler
from .training.devices import precision_for
from .training.initialise import load_package
from .training.loop import Trainer
from .training.paper.pretrained import load_titok, load_vqgan
from .training.paper.recipe import load_paper_run, shortened
from .training.paper.trainer import Options, PaperTrainer
from .training.ranks import join, leave
from .training.run import Run

log = logging.getLogger(__name__)
HELD_OUT = 6
"""Images kept back for validation and sample sheets where --validation names none."""
MOST_HELD_OUT = 256
FIRST_CROPS = 384
"""Crops on which --init fits what its package lacks."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class TrainOptions:
    """What ``dlf train`` is told; ``dlf train --help`` says what each means."""

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
    pool: Path | None = None
    init_titok: Path | None = None
    init_vqgan: Path | None = None
    checkpoint_seconds: float = 120.0
    tensorboard: bool = False
    restart: bool = False


def _device(name: str) -> str:
    """The device of this process: each rank of a machine has an accelerator of its own."""
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return name


def _images(options: TrainOptions, crop: int) -> tuple[list[Pixels], list[Pixels]]:
    """Images to train with and images held out."""
    images = load_images(options.data, crop)
    if options.validation:
        return images, load_images(options.validation, crop)[:MOST_HELD_OUT]
    if len(images) <= HELD_OUT:
        raise ValueError(
            f"training data: {len(images)} images are too few, at least {HELD_OUT + 1} are needed"
        )
    return images[HELD_OUT:], images[:HELD_OUT]


def _sampler(
    options: TrainOptions, images: list[Pixels], seed: int, rescale: float = 0.5
) -> CropSampler | DeviceSampler:
    """Where the images lie: in main memory, or as they are on the accelerator."""
    if options.device == "cpu":
        return CropSampler(images, seed, rescale)
    return DeviceSampler(images, seed, rescale, options.device)


def _small(options: TrainOptions, last: Path) -> tuple[Trainer, dict[str, Any]]:
    """A trainer of a small profile, where it left off or at its start."""
    if options.init_titok or options.init_vqgan:
        raise ValueError(
            f"--init-titok and --init-vqgan are for the paper's profile, not {options.config}"
        )
    config = load_config(options.config)
    crop = max(phase.crop for phase in config.train.phases)
    images, held_out = _images(options, crop)
    trainer = Trainer(
        config,
        _sampler(options, images, config.train.seed),
        centre_crops(held_out[:HELD_OUT], crop),
        options.lpips,
        options.device,
        options.images,
        options.precision,
        not options.ddp,
    )
    state = load_checkpoint(last) if last.exists() and not options.restart else {}
    if state:
        trainer.load(state)
    elif options.init:
        # Of a sampler of its own: every rank must see the same.
        sampler = _sampler(options, images, config.train.seed)
        load_package(trainer.network, Path(options.init), lambda: sampler.batch(FIRST_CROPS, crop))
        trainer.ema.load_state_dict(trainer.network.state_dict())
    trainer.economise(options.checkpointing, options.compile)
    return trainer, state


def _paper(options: TrainOptions, last: Path) -> tuple[PaperTrainer, dict[str, Any]]:
    """A trainer of the paper's profile, where it left off or from two tokenizers."""
    if options.init:
        raise ValueError(
            f"--init is for small profiles; {options.config} takes --init-titok and --init-vqgan"
        )
    run = load_paper_run(options.config)
    if options.images:
        run = replace(run, recipe=shortened(run.recipe, options.images))
    crop = max(stage.crop for stage in run.recipe.stages)
    images, held_out = _images(options, crop)
    machine = Options(
        options.device,
        options.precision,
        options.checkpointing,
        options.compile,
        options.ddp or options.device != "cpu",
    )
    sampler = _sampler(options, images, run.recipe.seed, rescale=0.0)
    trainer = PaperTrainer(run, sampler, held_out, options.lpips, machine)
    state = load_checkpoint(last, "state_dict") if last.exists() and not options.restart else {}
    if state:
        trainer.load(state)
        return trainer, state
    if options.init_titok:
        log.info("%s", load_titok(trainer.model, options.init_titok))
    if options.init_vqgan:
        log.info("%s", load_vqgan(trainer.model, trainer.discriminator, options.init_vqgan))
    if not (options.init_titok and options.init_vqgan):
        log.warning("without --init-titok and --init-vqgan the parts that stay frozen are random")
    return trainer, state


def _convolutional(
    options: TrainOptions, last: Path
) -> tuple[convolutional.Trainer, dict[str, Any]]:
    """A trainer of the convolutional profile, where it left off, from a checkpoint, or at its start."""
    unfit = {
        "--init-titok": options.init_titok,
        "--init-vqgan": options.init_vqgan,
        "--checkpointing": options.checkpointing,
        "--ddp": options.ddp,
    }
    for name, given in unfit.items():
        if given:
            raise ValueError(f"{name} is for other profiles, not {options.config}")
    network, recipe = convolutional.load_recipe(Path(options.config))
    if options.images:
        recipe = replace(recipe, images=options.images)
    material = convolutional.Material(
        Path(options.data),
        options.pool or Path(options.out) / "pool",
        options.lpips,
        Path(options.validation) if options.validation else None,
    )
    trainer = convolutional.make_trainer(
        network,
        recipe,
        material,
        options.device,
        options.precision == "bf16",
        options.compile is not None,
    )
    if last.exists() and not options.restart:
        return trainer, convolutional.resume(trainer, last, options.fresh_optimiser)
    if options.init:
        convolutional.resume(trainer, Path(options.init), options.fresh_optimiser)
    return trainer, {}


def make_trainer(
    options: TrainOptions, last: Path
) -> tuple[Trainer | PaperTrainer | convolutional.Trainer, dict[str, Any]]:
    """The trainer that the configuration asks for, and the checkpoint that it goes on from (or ``{}``)."""
    raw = read_yaml(options.config)
    if raw.get("profile") == convolutional.PROFILE:
        return _convolutional(options, last)
    if options.pool or options.fresh_optimiser:
        raise ValueError(
            f"--pool and --fresh-optimiser are for the convolutional profile, not {options.config}"
        )
    return (_paper if "paper" in raw else _small)(options, last)


def prepare(options: TrainOptions) -> TrainOptions:
    """Set threads; join the other processes where ``torchrun`` started several.

    Returns the options with the device of this process and a precision that it has.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = _device(options.device)
    join(device)
    precision = precision_for(torch.device(device), options.precision)
    return replace(options, device=device, precision=precision)


def run(options: TrainOptions) -> bool:
    """Train as the options of ``dlf train`` say.

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
