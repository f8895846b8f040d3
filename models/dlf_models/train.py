"""``dlf train CONFIG``: train a model of any profile, resumable and time-boxed."""

from __future__ import annotations

import argparse
import logging
import os
from dataclasses import replace
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


def _device(name: str) -> str:
    """The device of this process: each rank of a machine has an accelerator of its own."""
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return name


def _images(args: argparse.Namespace, crop: int) -> tuple[list[Pixels], list[Pixels]]:
    """Images to train with and images held out."""
    images = load_images(args.data, crop)
    if args.validation:
        return images, load_images(args.validation, crop)[:MOST_HELD_OUT]
    if len(images) <= HELD_OUT:
        raise ValueError(
            f"training data: {len(images)} images are too few, at least {HELD_OUT + 1} are needed"
        )
    return images[HELD_OUT:], images[:HELD_OUT]


def _sampler(
    args: argparse.Namespace, images: list[Pixels], seed: int, rescale: float = 0.5
) -> CropSampler | DeviceSampler:
    """Where the images lie: in main memory, or as they are on the accelerator."""
    if args.device == "cpu":
        return CropSampler(images, seed, rescale)
    return DeviceSampler(images, seed, rescale, args.device)


def _small(args: argparse.Namespace, last: Path) -> tuple[Trainer, dict[str, Any]]:
    """A trainer of a small profile, where it left off or at its start."""
    if args.init_titok or args.init_vqgan:
        raise ValueError(
            f"--init-titok and --init-vqgan are for the paper's profile, not {args.config}"
        )
    config = load_config(args.config)
    crop = max(phase.crop for phase in config.train.phases)
    images, held_out = _images(args, crop)
    trainer = Trainer(
        config,
        _sampler(args, images, config.train.seed),
        centre_crops(held_out[:HELD_OUT], crop),
        args.lpips,
        args.device,
        args.images,
        args.precision,
        not args.ddp,
    )
    state = load_checkpoint(last) if last.exists() and not args.restart else {}
    if state:
        trainer.load(state)
    elif args.init:
        # Of a sampler of its own: every rank must see the same.
        sampler = _sampler(args, images, config.train.seed)
        load_package(trainer.network, Path(args.init), lambda: sampler.batch(FIRST_CROPS, crop))
        trainer.ema.load_state_dict(trainer.network.state_dict())
    trainer.economise(args.checkpointing, args.compile)
    return trainer, state


def _paper(args: argparse.Namespace, last: Path) -> tuple[PaperTrainer, dict[str, Any]]:
    """A trainer of the paper's profile, where it left off or from two tokenizers."""
    if args.init:
        raise ValueError(
            f"--init is for small profiles; {args.config} takes --init-titok and --init-vqgan"
        )
    run = load_paper_run(args.config)
    if args.images:
        run = replace(run, recipe=shortened(run.recipe, args.images))
    crop = max(stage.crop for stage in run.recipe.stages)
    images, held_out = _images(args, crop)
    options = Options(
        args.device,
        args.precision,
        args.checkpointing,
        args.compile,
        args.ddp or args.device != "cpu",
    )
    sampler = _sampler(args, images, run.recipe.seed, rescale=0.0)
    trainer = PaperTrainer(run, sampler, held_out, args.lpips, options)
    state = load_checkpoint(last, "state_dict") if last.exists() and not args.restart else {}
    if state:
        trainer.load(state)
        return trainer, state
    if args.init_titok:
        log.info("%s", load_titok(trainer.model, args.init_titok))
    if args.init_vqgan:
        log.info("%s", load_vqgan(trainer.model, trainer.discriminator, args.init_vqgan))
    if not (args.init_titok and args.init_vqgan):
        log.warning("without --init-titok and --init-vqgan the parts that stay frozen are random")
    return trainer, state


def _convolutional(
    args: argparse.Namespace, last: Path
) -> tuple[convolutional.Trainer, dict[str, Any]]:
    """A trainer of the convolutional profile, where it left off, from a checkpoint, or at its start."""
    unfit = {
        "--init-titok": args.init_titok,
        "--init-vqgan": args.init_vqgan,
        "--checkpointing": args.checkpointing,
        "--ddp": args.ddp,
    }
    for name, given in unfit.items():
        if given:
            raise ValueError(f"{name} is for other profiles, not {args.config}")
    network, recipe = convolutional.load_recipe(Path(args.config))
    if args.images:
        recipe = replace(recipe, images=args.images)
    material = convolutional.Material(
        Path(args.data),
        args.pool or Path(args.out) / "pool",
        args.lpips,
        Path(args.validation) if args.validation else None,
    )
    trainer = convolutional.make_trainer(
        network, recipe, material, args.device, args.precision == "bf16", args.compile is not None
    )
    if last.exists() and not args.restart:
        return trainer, convolutional.resume(trainer, last, args.fresh_optimiser)
    if args.init:
        convolutional.resume(trainer, Path(args.init), args.fresh_optimiser)
    return trainer, {}


def make_trainer(
    args: argparse.Namespace, last: Path
) -> tuple[Trainer | PaperTrainer | convolutional.Trainer, dict[str, Any]]:
    """The trainer that the configuration asks for, and the checkpoint that it goes on from (or ``{}``)."""
    raw = read_yaml(args.config)
    if raw.get("profile") == convolutional.PROFILE:
        return _convolutional(args, last)
    if args.pool or args.fresh_optimiser:
        raise ValueError(
            f"--pool and --fresh-optimiser are for the convolutional profile, not {args.config}"
        )
    return (_paper if "paper" in raw else _small)(args, last)


def prepare(args: argparse.Namespace) -> None:
    """Set threads and device; join the other processes where ``torchrun`` started several."""
    if args.threads:
        torch.set_num_threads(args.threads)
    args.device = _device(args.device)
    join(args.device)
    args.precision = precision_for(torch.device(args.device), args.precision)


def run(args: argparse.Namespace) -> bool:
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
        prepare(args)
        out = Path(args.out)
        trainer, state = make_trainer(args, out / "last.ckpt")
        if state:
            log.info("resumed at %d images", trainer.seen)
        best = (str(state["best"][0]), float(state["best"][1])) if "best" in state else None
        complete = Run(
            trainer, out, args.minutes, args.checkpoint_seconds, args.tensorboard, best
        )()
        leave()
    except (RuntimeError, MetricUnavailable) as error:  # torch's own, and missing weights
        raise DlfError(str(error)) from error
    return complete
