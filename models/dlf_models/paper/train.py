"""The part of `dlf train` for the paper's architecture: a trainer from the options."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.checkpoint import load_checkpoint
from ..common.data import CropSampler, load_images
from ..common.device_sampler import DeviceSampler
from ..common.options import TrainOptions
from .training.pretrained import load_titok, load_vqgan
from .training.recipe import load_paper_run, shortened
from .training.trainer import Options, PaperTrainer

log = logging.getLogger(__name__)
SECTION = "paper"
"""What a configuration of this architecture has, and no other."""
HELD_OUT = 6
"""Images kept back for validation and sample sheets where --validation names none."""
MOST_HELD_OUT = 256
Pixels = NDArray[np.uint8]


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


def _sampler(options: TrainOptions, images: list[Pixels], seed: int) -> CropSampler | DeviceSampler:
    """Where the images lie: in main memory, or as they are on the accelerator."""
    if options.device == "cpu":
        return CropSampler(images, seed, rescale=0.0)
    return DeviceSampler(images, seed, rescale=0.0, device=options.device)


def open_trainer(options: TrainOptions, last: Path) -> tuple[PaperTrainer, dict[str, Any]]:
    """A trainer where it left off, or from two tokenizers; and the checkpoint `last` (or `{}`).

    Raises:
        ValueError: options or a configuration that do not go together.
        OSError: a file that cannot be read.
    """
    options.refuse("dlf-l", "init", "pool", "fresh_optimiser", "wake")
    run = load_paper_run(options.config)
    if options.images:
        run = replace(run, recipe=shortened(run.recipe, options.images))
    crop = max(stage.crop for stage in run.recipe.stages)
    images, held_out = _images(options, crop)
    machine = Options(
        options.device,
        options.precision or "fp32",
        options.checkpointing,
        options.compile,
        options.ddp or options.device != "cpu",
    )
    sampler = _sampler(options, images, run.recipe.seed)
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
