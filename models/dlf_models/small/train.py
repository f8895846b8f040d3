"""Trains the convolutional profile: ``python -m dlf_models.small.train RECIPE.yaml --data TRAIN --out RUN``.

Under ``torchrun`` all processes train one network. Everything is resumed from ``RUN/last.ckpt``.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
from pathlib import Path
from typing import Any

import torch

from ..config import build, read_yaml
from ..training.checkpoint import load_checkpoint
from ..training.data import centre_crops
from ..training.ranks import join, leave, world
from ..training.run import Run
from .config import NetworkConfig
from .losses import LossWeights
from .pool import Crops, Pool, build_pool, people_and_text
from .trainer import Recipe, Trainer

log = logging.getLogger(__name__)
SHOWN = 16
"""Held-out photographs that validation looks at."""
HELD_OUT_SIDE = 256
HELD_OUT = Path(__file__).with_name("held_out.txt")


def load_recipe(path: Path) -> tuple[NetworkConfig, Recipe]:
    """Read a recipe. Raises ``ValueError`` with file and key where it is wrong."""
    raw = read_yaml(path)
    train: dict[str, Any] = dict(raw.get("train", {}))
    loss = build(LossWeights, train.pop("loss", {}), f"{path}: loss")
    network = build(NetworkConfig, raw.get("network", {}), f"{path}: network")
    return network, build(Recipe, {**train, "loss": loss}, f"{path}: train")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dlf_models.small.train", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of tar shards")
    parser.add_argument("--pool", type=Path, required=True, help="folder for decoded pictures")
    parser.add_argument("--lpips", required=True, help="weights of LPIPS, SqueezeNet")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--init", type=Path, help="checkpoint to begin from")
    parser.add_argument("--fresh-optimiser", action="store_true", help="with --init or a resume")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    join(args.device)
    network, recipe = load_recipe(args.recipe)
    if world()[0] == 0:
        build_pool(args.pool, sorted(args.data.glob("*.tar")))
    if "WORLD_SIZE" in os.environ:
        torch.distributed.barrier()
    pool = Pool(args.pool)
    names = HELD_OUT.read_text().split()
    by_name = {e.name: e for e in pool.entries}
    kept = [pool.picture(by_name[n]) for n in names if n in by_name]
    shown = centre_crops(kept[:SHOWN], HELD_OUT_SIDE)
    tags = args.data / "tags.csv"
    weights = people_and_text(tags) if tags.exists() else {}
    crops = Crops(pool, set(names), weights, recipe.seed, args.device)
    trainer = Trainer(
        network,
        recipe,
        crops,
        shown,
        args.lpips,
        args.device,
        bfloat16=not args.float32,
        compiled=not args.eager,
    )
    last = args.out / "last.ckpt"
    source = last if last.exists() else args.init
    if source is not None:
        trainer.load(load_checkpoint(source), args.fresh_optimiser)
        log.info("goes on from %s after %d images", source, trainer.seen)
    finished = Run(trainer, args.out, minutes=args.minutes)()
    leave()
    raise SystemExit(0 if finished else 130)


if __name__ == "__main__":
    main()
