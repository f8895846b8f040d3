"""Show what DLF and the classical codecs make of one picture, in one self-contained HTML page.

The page has a slider between any two versions, a zoom, the numbers, and a map of where DLF's bits
went. It works with mouse, touch, keyboard and screen reader, and loads nothing from anywhere. Each
classical codec gets as many bytes as DLF takes and is shown at the best of its full, half and
quarter size. The best is judged by LPIPS where weights are given, else by MS-SSIM.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "one HTML page that compares DLF with classical codecs at the same bytes"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from dlf_models.evaluation.peers import PEERS

    parser.add_argument("input", metavar="IN", help="picture to compare")
    parser.add_argument(
        "--against",
        nargs="*",
        choices=tuple(PEERS),
        default=["webp", "avif"],
        metavar="CODEC",
        help=f"of {', '.join(PEERS)} (default: webp avif)",
    )
    shared.add_target(parser)
    shared.add_importance(parser)
    shared.add_frame(parser)
    shared.add_overwrite(parser)
    parser.add_argument(
        "-o", "--output", metavar="REPORT.html", help="page to write (default: IN's stem.html)"
    )
    parser.add_argument(
        "--lpips", type=Path, metavar="FILE", help="LPIPS weights, .npz (SqueezeNet)"
    )
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="print the numbers in JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Compare one picture."""
    from dlf_models.compare import command

    options = shared.as_options(
        command.CompareOptions,
        arguments,
        importance=shared.importance_of(arguments),
        importance_files=tuple(shared.importance_files(arguments)),
    )
    command.run(options)
    return 0
