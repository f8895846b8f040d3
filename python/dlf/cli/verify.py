"""Check a .dlf file completely, without making a picture of it.

Checksums, chunks, every symbol and the coder's final state are checked; the exit status tells.
"""

from __future__ import annotations

import argparse

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "check a .dlf file completely; the exit status tells"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("input", metavar="IN.dlf", help="file to check")
    shared.add_model(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing when it is good")


def run(arguments: argparse.Namespace) -> int:
    """Check one file."""
    from dlf.files import read_bytes
    from dlf.symbols import verify

    verify(read_bytes(arguments.input), arguments.model)
    if not arguments.quiet:
        print(f"{arguments.input}: ok")
    return 0
