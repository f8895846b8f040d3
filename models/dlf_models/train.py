"""``dlf train CONFIG``: train a small profile, resumable and time-boxed."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import torch
import torch.distributed

from .config import load_config
from .evaluation.squeezenet import MetricUnavailable
from .training.checkpoint import load_checkpoint
from .training.data import CropSampler, load_images
from .training.initialise import load_package
from .training.loop import Trainer

log = logging.getLogger(__name__)
HELD_OUT = 6
"""Images kept back for the sample sheets."""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="dlf train", description="Train a DLF model.")
    p.add_argument("config", help="YAML configuration, e.g. models/configs/dlf-s.yaml")
    p.add_argument(
        "--data", required=True, help="tar shard, folder of shards or images, or list file"
    )
    p.add_argument("--lpips", required=True, help="LPIPS weights (.npz) for the perceptual loss")
    p.add_argument(
        "--out", default="runs/train", help="folder for checkpoint, log and sample sheets"
    )
    p.add_argument(
        "--minutes", type=float, default=1e9, help="stop after this many minutes, with a checkpoint"
    )
    p.add_argument(
        "--images",
        type=int,
        help="length of the schedule in images seen (default: from the config)",
    )
    p.add_argument("--device", default="cpu", help="cpu or cuda")
    p.add_argument("--threads", type=int, help="CPU threads")
    p.add_argument("--init", help="package (.dlfm) whose weights a new run starts from")
    p.add_argument("--restart", action="store_true", help="ignore an existing checkpoint in --out")
    return p


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """SIGTERM ends the run as Ctrl-C does: with a checkpoint."""
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if args.threads:
        torch.set_num_threads(args.threads)
    if "WORLD_SIZE" in os.environ:
        torch.distributed.init_process_group("nccl" if args.device == "cuda" else "gloo")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        config = load_config(args.config)
        largest = max(phase.crop for phase in config.train.phases)
        images = load_images(args.data, largest)
        if len(images) <= HELD_OUT:
            raise ValueError(
                f"training data: {len(images)} images are too few, at least {HELD_OUT + 1} are needed"
            )
        held_out = CropSampler(images[:HELD_OUT], seed=0).batch(HELD_OUT, largest)
        sampler = CropSampler(images[HELD_OUT:], seed=config.train.seed)
        out = Path(args.out)
        trainer = Trainer(config, sampler, args.lpips, out, args.device, args.images)
        if (out / "last.ckpt").exists() and not args.restart:
            trainer.load(load_checkpoint(out / "last.ckpt"))
            log.info("resumed at %d images", trainer.seen)
        elif args.init:
            load_package(trainer.network, Path(args.init))
            trainer.ema.load_state_dict(trainer.network.state_dict())
        trainer.run(args.minutes, held_out.to(args.device))
    except (OSError, ValueError, RuntimeError, MetricUnavailable) as error:
        print(f"dlf train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
