"""Opens runs of the convolutional profile: recipe, material, and where an earlier run left off."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..common.checkpoint import load_checkpoint
from ..common.configuration import build, read_yaml
from ..common.data import centre_crops, load_images
from ..common.options import TrainOptions
from ..common.ranks import world
from .config import NetworkConfig
from .export.weights import checkpoint_of_package
from .losses import LossWeights
from .pool import Crops, Pool, build_pool, people_and_text
from .trainer import Machine, Recipe, Trainer

log = logging.getLogger(__name__)
PROFILE = "small"
"""What recipes and checkpoints of this profile say."""
PACKAGE_SUFFIX = ".dlfm"
FEWEST_HELD_OUT = 6
"""Photographs kept back of data that held_out.txt does not know."""
SKETCHED = 1024
"""Crops that the sketch of a package's network is fitted to."""
SHOWN = 16
"""Held-out photographs that validation looks at."""
HELD_OUT_SIDE = 256
HELD_OUT = Path(__file__).with_name("held_out.txt")


def load_recipe(path: Path) -> tuple[NetworkConfig, Recipe]:
    """Read a recipe.

    Raises:
        ValueError: it is wrong; the message names file and key.
    """
    raw = read_yaml(path)
    if raw.get("profile") != PROFILE:
        raise ValueError(f"{path}: the profile is {raw.get('profile')!r}, not {PROFILE!r}")
    train: dict[str, Any] = dict(raw.get("train", {}))
    loss = build(LossWeights, train.pop("loss", {}), f"{path}: loss")
    network = build(NetworkConfig, raw.get("network", {}), f"{path}: network")
    return network, build(Recipe, {**train, "loss": loss}, f"{path}: train")


@dataclass(frozen=True)
class Material:
    """What a run learns from, and where its pictures lie."""

    data: Path
    """As `.training.data.load_images` takes it; a folder may hold tags.csv."""
    pool: Path
    """Folder for decoded pictures; made where it is not there."""
    lpips: str
    validation: Path | None = None
    """Held-out pictures; None: those of the data that `held_out.txt` names, else the first."""


def held_out_names(pool: Pool, by_position: bool) -> list[str]:
    """Photographs never to train on: those that `held_out.txt` names.

    `by_position`: where there are none, the first.
    """
    here = {e.name for e in pool.entries}
    names = [n for n in HELD_OUT.read_text().split() if n in here]
    if not names and by_position:
        return [e.name for e in pool.entries[:FEWEST_HELD_OUT]]
    return names


def make_trainer(
    network: NetworkConfig,
    recipe: Recipe,
    material: Material,
    machine: Machine,
) -> Trainer:
    """A trainer at its start, on every rank.

    Raises:
        OSError, ValueError: material that will not do.
    """
    if world()[0] == 0:
        build_pool(material.pool, [material.data])
    if "WORLD_SIZE" in os.environ:
        torch.distributed.barrier()
    pool = Pool(material.pool)
    names = held_out_names(pool, by_position=material.validation is None)
    if len(names) == len(pool.entries):
        raise ValueError(f"{material.data}: {len(names)} images are too few to hold any out")
    if material.validation is not None:
        kept = load_images(material.validation, HELD_OUT_SIDE)
    else:
        by_name = {e.name: e for e in pool.entries}
        kept = [pool.picture(by_name[n]) for n in names]
    tags = material.data / "tags.csv"
    weights = people_and_text(tags) if tags.exists() else {}
    crops = Crops(pool, set(names), weights, recipe.seed, machine.device)
    shown = centre_crops(kept[:SHOWN], HELD_OUT_SIDE)
    return Trainer(network, recipe, crops, shown, material.lpips, machine)


def resume(trainer: Trainer, source: Path, fresh_optimiser: bool) -> dict[str, Any]:
    """Go on from a checkpoint, which is returned.

    Raises:
        ValueError: it is of another profile, or of other sizes.
    """
    state = load_checkpoint(source)
    if state["config"].get("profile") != PROFILE:
        raise ValueError(f"{source}: a checkpoint of another profile")
    load(trainer, state, source, fresh_optimiser or state["optimisers"] is None)
    return state


def load(trainer: Trainer, state: dict[str, Any], source: Path, fresh_optimiser: bool) -> None:
    """Give `trainer` the state that `source` holds.

    Where that has no grain, or fewer blocks in the renderer, these begin anew: as little, and as
    the identity.

    Raises:
        ValueError: it is of a network of other sizes.
    """
    mine, found = trainer.network, build(NetworkConfig, state["config"]["network"], str(source))
    grown = replace(
        found,
        grain=found.grain or mine.config.grain,
        render_blocks=tuple(map(max, found.render_blocks, mine.config.render_blocks)),
    )
    if grown != mine.config:
        raise ValueError(f"{source}: a network of other sizes than the recipe's")
    if grown != found:
        fresh_optimiser = True
        state = {**state, **{k: {**mine.state_dict(), **state[k]} for k in ("network", "ema")}}
    trainer.load(state, fresh_optimiser)


def begin_from(trainer: Trainer, source: Path, fresh_optimiser: bool) -> None:
    """Begin a run with the weights of a checkpoint, or of an integer package of this profile.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is of another profile or of other sizes.
    """
    if source.suffix != PACKAGE_SUFFIX:
        resume(trainer, source, fresh_optimiser)
        return
    images = trainer.crops.batch(SKETCHED, trainer.network.config.window)
    load(trainer, checkpoint_of_package(source, images.cpu()), source, fresh_optimiser=True)


def open_trainer(options: TrainOptions, last: Path) -> tuple[Trainer, dict[str, Any]]:
    """A trainer where it left off, from a checkpoint, or at its start; and `last`, or `{}`.

    Raises:
        ValueError: options or a recipe that do not go together.
        OSError: a file that cannot be read.
    """
    options.refuse(PROFILE, "init_titok", "init_vqgan", "checkpointing", "ddp")
    network, recipe = load_recipe(Path(options.config))
    if options.images:
        recipe = replace(recipe, images=options.images)
    material = Material(
        Path(options.data),
        options.pool or Path(options.out) / "pool",
        options.lpips,
        Path(options.validation) if options.validation else None,
    )
    bfloat16, compiled = options.precision == "bf16", options.compile is not None
    machine = Machine(options.device, bfloat16, compiled)
    trainer = make_trainer(network, recipe, material, machine)
    if last.exists() and not options.restart:
        return trainer, resume(trainer, last, options.fresh_optimiser)
    if options.init:
        begin_from(trainer, Path(options.init), options.fresh_optimiser)
        if options.wake:
            trainer.wake()
    return trainer, {}
