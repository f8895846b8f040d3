"""Turn a published checkpoint of the paper into a model package."""

from __future__ import annotations

import argparse
from pathlib import Path

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "turn a published checkpoint of the paper into a model package"

_WEIGHTS = ("fp16", "bf16", "fp32")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "checkpoint", type=Path, help="Lightning checkpoint (.ckpt); only tensors are read"
    )
    parser.add_argument("out", type=Path, help="package to write (.dlfm)")
    parser.add_argument(
        "--config", type=Path, help="sizes, ours or the authors' YAML (default: the paper's)"
    )
    parser.add_argument(
        "--name", default="dlf-l", help="name of the model, recorded in the package"
    )
    parser.add_argument(
        "--licence", default="that of the checkpoint", help="recorded in the package"
    )
    parser.add_argument(
        "--weights", choices=_WEIGHTS, default="fp16", help="type of the stored weights"
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        nargs="+",
        metavar="PHOTO",
        help="photographs that the tables of the detail symbols are fitted to (default: synthetic"
        " pictures for the integer prior, normal distributions in the tables)",
    )
    shared.add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import one checkpoint."""
    from dlf_models.paper import import_official

    options = shared.as_options(import_official.ImportOptions, arguments)
    return int(import_official.run(options, ["-m", "dlf", *arguments.words]))
