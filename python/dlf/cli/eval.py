"""Measure DLF and the classical codecs on pictures, with real files.

Prints a Markdown report; --json, --plots and --save write more. Stopped, it goes on where it was
when the same command is given again.

exit status: 0 all measured, 1 some could not be (the report says which), 2 wrong usage,
14 model missing or wrong
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dlf import options
from dlf.cli import arguments as shared
from dlf.cli.failures import EXIT_FAILURE

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "measure rate and quality, also of JPEG, WebP, AVIF and JPEG XL"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from dlf_models.evaluation.metric_table import METRICS
    from dlf_models.evaluation.paths import default_directory
    from dlf_models.evaluation.peers import PEERS

    add = parser.add_argument
    add("images", nargs="+", metavar="IMAGES", help="image files, or folders of them")
    add(
        "--against",
        nargs="+",
        default=[],
        metavar="CODEC",
        help=f"classical codecs: {', '.join(PEERS)}; avif:0,10/2 picks qualities, /2 and /4 code "
        "at half and quarter size (default: a grid of all three)",
    )
    add("--quality", nargs="+", metavar="Q", help="DLF's, 0 to 100 (default: every rate point)")
    add("--model", metavar="NAME|FILE", help="DLF model package (default: the installed one)")
    add("--device", default="cpu", help="for DLF: cpu, cuda or cuda:N")
    add("--no-dlf", action="store_true", help="measure only what --against names")
    add("--lpips", type=Path, metavar="FILE", help="LPIPS weights, .npz (SqueezeNet)")
    add("--metrics", nargs="+", metavar="NAME", help=f"of {', '.join(METRICS)} (default: all)")
    add("--json", type=Path, metavar="FILE", help="write every figure, per image and mean")
    add("--plots", type=Path, metavar="DIR", help="write plots, contact sheets and report.md")
    add(
        "--sheet",
        nargs="*",
        type=shared.checked(options.check_bpp, shared.number),
        default=[0.03],
        metavar="BPP",
        help="rates of the contact sheets in --plots (default 0.03)",
    )
    add(
        "--sheet-width",
        type=shared.checked(shared.check_count, shared.number),
        metavar="PX",
        help="of a picture there (default: full size)",
    )
    add("--save", type=Path, metavar="DIR", help="write coded files and reconstructions")
    add("--card", type=Path, metavar="FILE", help="put the report into this model card")
    add("--per-image", action="store_true", help="print a table of single images too")
    add("--cache", type=Path, metavar="DIR", help=f"results (default {default_directory()})")
    add("--no-cache", action="store_true", help="measure everything anew, keep nothing")
    add(
        "--processes",
        type=shared.checked(shared.check_count, shared.number),
        metavar="N",
        help="side by side (default 2)",
    )
    shared.add_frame(parser)
    shared.add_overwrite(parser)
    add("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Measure and report."""
    from dlf_models.evaluation import command

    return 0 if command.run(shared.as_options(command.EvalOptions, arguments)) else EXIT_FAILURE
