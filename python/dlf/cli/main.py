"""Choosing the command, and turning every error into one line and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import dlf
from dlf.cli import streams
from dlf.cli.failures import EXIT_FAILURE, EXIT_INTERRUPTED, complain, explain
from dlf.cli.suggestions import Parser
from dlf.files import STANDARD_OUTPUT

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS = (
    "encode",
    "decode",
    "info",
    "symbols",
    "verify",
    "models",
    "compare",
    "batch",
    "eval",
    "train",
    "export",
    "import-official",
    "completion",
)
"""The commands in the order of `dlf --help`."""

_STATUSES = (
    "exit status: 0 ok, 2 wrong usage, 10 invalid file, 11 truncated, 12 unsupported, "
    "13 limit exceeded, 14 model missing or wrong, 3 batch finished but for some inputs, "
    "1 any other failure"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `argv` defaults to the process's arguments."""
    if argv is None:
        # NumPy's BLAS starts threads when it is imported, and nothing here needs them.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        streams.prepare()
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        streams.flush_output()
        return status
    except SystemExit as leaving:  # argparse: --help is 0, wrong usage 2
        return leaving.code if isinstance(leaving.code, int) else EXIT_FAILURE
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        streams.abandon_output()
        return EXIT_FAILURE
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename == STANDARD_OUTPUT:
            streams.abandon_output()
        message, status = explain(error)
        complain(message)
        return status


def _run(words: list[str]) -> int:
    parser = build_parser(words[:1])
    if not words:
        parser.print_help()
        return 0
    arguments = parser.parse_args(words)
    arguments.words = words
    return int(arguments.run(arguments))


def build_parser(configured: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser of the whole command line.

    Args:
        configured: the commands whose own arguments it shall know. What some of them offer takes
            imports, for which the others need not wait.
    """
    parser = Parser(
        prog="dlf",
        description="DLF, a learned image format for extreme compression.",
        epilog=_STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"dlf {dlf.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = _module(name)
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(run=module.run)
        if name in configured:
            module.configure(command)
            parser.suggestions = list(command._option_string_actions)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"dlf.cli.{command.replace('-', '_')}")
