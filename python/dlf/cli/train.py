"""Train a model from a YAML configuration; resumable and time-boxed.

For several processes: torchrun --nproc-per-node N -m dlf train CONFIG ...
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dlf.cli.arguments import as_options
from dlf.cli.failures import EXIT_INTERRUPTED

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "train a model from a YAML configuration"

_PRECISIONS = ("fp32", "bf16")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", help="YAML configuration, e.g. models/configs/small/trunk.yaml")
    parser.add_argument(
        "--data", required=True, help="tar shard, folder of shards or images, or list file"
    )
    parser.add_argument("--validation", help="held-out images, in any form that --data takes")
    parser.add_argument(
        "--lpips", required=True, help="LPIPS weights (.npz) for the perceptual loss"
    )
    parser.add_argument(
        "--out", default="runs/train", help="folder for checkpoints, logs and sheets"
    )
    parser.add_argument(
        "--minutes", type=float, default=1e9, help="stop after this many minutes, with a checkpoint"
    )
    parser.add_argument(
        "--images",
        type=int,
        help="length of the schedule in images seen (default: from the config)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument(
        "--precision",
        choices=_PRECISIONS,
        help="of the forward pass (default: bf16 where the device has instructions for it)",
    )
    parser.add_argument(
        "--checkpointing",
        action="store_true",
        help="paper's profile: recompute activations, for less memory",
    )
    parser.add_argument(
        "--compile", nargs="?", const="inductor", metavar="BACKEND", help="use torch.compile"
    )
    parser.add_argument(
        "--ddp",
        action="store_true",
        help="paper's profile, processes on one CPU: messages instead of shared memory",
    )
    parser.add_argument(
        "--init",
        help="profile small: the checkpoint that a new run begins from",
    )
    parser.add_argument(
        "--fresh-optimiser",
        action="store_true",
        help="profile small: forget the optimiser's state of the checkpoint",
    )
    parser.add_argument(
        "--wake",
        action="store_true",
        help="profile small: with --init, idle channels of the latent begin anew",
    )
    parser.add_argument(
        "--pool",
        type=Path,
        help="profile small: folder for decoded images, for several runs (default: in --out)",
    )
    parser.add_argument(
        "--init-titok", type=Path, help="paper's profile: TiTok checkpoint for the semantic branch"
    )
    parser.add_argument(
        "--init-vqgan", type=Path, help="paper's profile: VQGAN checkpoint for the pixel decoder"
    )
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=120.0, help="between two checkpoints"
    )
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard files too")
    parser.add_argument(
        "--restart", action="store_true", help="ignore an existing checkpoint in --out"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train until the schedule or the time is over."""
    from dlf_models import train

    return 0 if train.run(as_options(train.TrainOptions, arguments)) else EXIT_INTERRUPTED
