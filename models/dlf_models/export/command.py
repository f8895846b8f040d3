"""``dlf export CKPT OUT.dlfm``: a training checkpoint becomes a model package."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from dlf.cli.arguments import add_overwrite, check_count, checked, number
from dlf.files import is_stream, write_atomically
from dlf.outputs import Output, judge, refuse_existing
from numpy.typing import NDArray

from ..package_format import normative_digest
from ..training.checkpoint import load_checkpoint
from ..training.data import load_images
from ..training.initialise import prior_path, save_prior
from .package import build_package, network_of

CONVOLUTIONAL = "small"
"""What checkpoints of the convolutional profile say."""
CONVOLUTIONAL_COMMAND = "dlf_models.small.export.command"
"""Imported when it is wanted: it takes tables from this package."""
Pictures = list[NDArray[np.uint8]]


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="dlf export", description="Turn a training checkpoint into a model package."
    )
    p.add_argument("checkpoint")
    p.add_argument("out", help="package to write (.dlfm)")
    p.add_argument(
        "--data", required=True, help="training images, for calibration and frequency tables"
    )
    p.add_argument(
        "--limit",
        type=checked(check_count, number),
        default=2000,
        help="use at most this many of them (default: 2000)",
    )
    p.add_argument(
        "--measure",
        help="images on which to measure what integers cost, e.g. Kodak (default: the convolutional"
        " profile measures on four of --data)",
    )
    p.add_argument(
        "--importance-head",
        type=Path,
        help="checkpoint of the head that finds what people look at (convolutional profile)",
    )
    p.add_argument("--licence", default="Apache-2.0")
    p.add_argument("--name", help="of the model (default: that of its training configuration)")
    add_overwrite(p)
    return p


def _check(args: argparse.Namespace, outputs: list[Output]) -> None:
    """Refuse outputs that may not be written; see `dlf.outputs`."""
    read = [p for p in (args.checkpoint, args.data, args.measure, args.importance_head) if p]
    judge(outputs, read, args.overwrite)
    for output in outputs:
        refuse_existing(output.path, args.overwrite)


def _package(
    args: argparse.Namespace, state: dict[str, Any], smallest: int
) -> tuple[bytes, dict[str, Any]]:
    """Package and report. ``smallest``: pixels to a side of the images at least."""
    is_convolutional = state["config"]["profile"] == CONVOLUTIONAL
    images = load_images(args.data, smallest)
    images = images[:: max(1, len(images) // args.limit)][: args.limit]
    measured = load_images(args.measure, smallest) if args.measure else None
    description = {
        "name": args.name or state["config"].get("name", Path(args.out).stem),
        "profile": state["config"]["profile"],
        "licence": args.licence,
        "training": f"{state['counters'][0]} crops seen",
    }
    if is_convolutional:
        command = importlib.import_module(CONVOLUTIONAL_COMMAND)
        built: tuple[bytes, dict[str, Any]] = command.export(
            state, images, description, args.importance_head, measured
        )
        return built
    if args.importance_head:
        raise ValueError("--importance-head is for checkpoints of the convolutional profile")
    return build_package(network_of(state), images, description, measured)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    out = Path(args.out)
    _check(args, [Output(args.out, "model package")])
    try:
        state = load_checkpoint(Path(args.checkpoint))
    except (OSError, ValueError) as error:
        print(f"dlf export: {error}", file=sys.stderr)
        return 1
    # The float prior of these profiles lies beside the package, for training that goes on from it.
    saves_prior = state["config"]["profile"] != CONVOLUTIONAL and not is_stream(args.out)
    if saves_prior:
        _check(
            args,
            [Output(args.out, "model package"), Output(str(prior_path(out)), "NumPy archive")],
        )
    try:
        data, report = _package(args, state, state["config"]["network"]["window"])
        write_atomically(args.out, data)
        if saves_prior:
            save_prior(network_of(state), out)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"dlf export: {error}", file=sys.stderr)
        return 1
    print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list)}, indent=1))
    print(f"{out}: {len(data)} bytes, SHA-256 {normative_digest(data)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
