"""Check .dlf files completely, without making pictures of them.

Checksums, chunks, every symbol and the coder's final state are checked; the exit status tells.
Folders and patterns stand for the .dlf files in them; the status is that of the first bad file.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dlf.cli import arguments as shared
from dlf.cli.several import Reporter, work_through
from dlf.images import inputs
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.types import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "check .dlf files completely; the exit status tells"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("inputs", nargs="+", metavar="IN.dlf", help="file, folder or pattern")
    shared.add_model(parser)
    shared.add_limits(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing when all are good")


def run(arguments: argparse.Namespace) -> int:
    """Check one file, or each of several."""
    from dlf.files import read_bytes
    from dlf.symbols import verify

    limits = shared.limits_of(arguments)
    reporter = Reporter(arguments.json, arguments.quiet)

    def check(source: str, bar: ProgressBar, progress: Progress) -> None:
        verify(read_bytes(source), arguments.model, limits=limits)
        reporter.add({"file": source, "ok": True}, f"{source}: ok", bar)

    sources = [found.path for found in inputs.expand(arguments.inputs, inputs.is_dlf)]
    return work_through("checking", sources, check, reporter)
