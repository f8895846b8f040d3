"""Choosing the command, and turning every error into one line and an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import dlf
from dlf.errors import DlfError

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS = (
    "encode",
    "decode",
    "info",
    "symbols",
    "verify",
    "models",
    "batch",
    "eval",
    "train",
    "export",
    "import-official",
)
"""The commands in the order of `dlf --help`."""

DELEGATED = frozenset({"eval", "train", "export", "import-official"})
"""Commands whose arguments, `--help` too, are read by `dlf_models` and not here."""

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_STATUSES = (
    "exit status: 0 ok, 2 wrong usage, 10 invalid file, 11 truncated, 12 unsupported, "
    "13 limit exceeded, 14 model missing or wrong, 3 batch finished but for some inputs, "
    "1 any other failure"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `argv` defaults to the process's arguments."""
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        if words and words[0] in DELEGATED:
            return int(_module(words[0]).run(argparse.Namespace(rest=words[1:])))
        arguments = build_parser().parse_args(words)
        return int(arguments.run(arguments))
    except SystemExit as leaving:  # argparse: --help is 0, wrong usage 2
        return leaving.code if isinstance(leaving.code, int) else EXIT_FAILURE
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except DlfError as error:
        return _fail(str(error), error.exit_status)
    except ValueError as error:
        return _fail(str(error), EXIT_USAGE)
    except OSError as error:
        return _fail(_describe(error), EXIT_FAILURE)
    except ImportError as error:
        return _fail(f"a part of the installation is missing: {error}", EXIT_FAILURE)
    except MemoryError:
        return _fail("not enough memory", EXIT_FAILURE)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="dlf",
        description="DLF, a learned image format for extreme compression.",
        epilog=_STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dlf {dlf.__version__}")
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
        module.configure(command)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"dlf.cli.{command.replace('-', '_')}")


def _describe(error: OSError) -> str:
    if error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}"


def _fail(message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"dlf: {line}", file=sys.stderr)
    return status
