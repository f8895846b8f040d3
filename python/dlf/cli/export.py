"""Turn a training checkpoint into a model package."""

from __future__ import annotations

import argparse
from pathlib import Path

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "turn a training checkpoint into a model package"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("checkpoint")
    parser.add_argument("out", help="package to write (.dlfm)")
    parser.add_argument(
        "--data", required=True, help="training images, for calibration and frequency tables"
    )
    parser.add_argument(
        "--limit",
        type=shared.checked(shared.check_count, shared.number),
        default=2000,
        help="use at most this many of them (default: 2000)",
    )
    parser.add_argument(
        "--measure",
        help="images on which to measure what integers cost, e.g. Kodak (default: four of --data)",
    )
    parser.add_argument(
        "--importance-head",
        type=Path,
        help="checkpoint of the head that finds what people look at",
    )
    parser.add_argument("--licence", default="Apache-2.0")
    parser.add_argument("--name", help="of the model (default: that of its training configuration)")
    shared.add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make one package."""
    from dlf_models import export

    export.run(shared.as_options(export.ExportOptions, arguments))
    return 0
