"""Choosing the command, and turning every error into one line and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import dlf
from dlf.cli.suggestions import Parser, did_you_mean
from dlf.errors import DlfError

__all__ = ["COMMANDS", "DELEGATED", "build_parser", "explain", "main"]

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
        arguments = build_parser(words).parse_args(words)
        return int(arguments.run(arguments))
    except SystemExit as leaving:  # argparse: --help is 0, wrong usage 2
        return leaving.code if isinstance(leaving.code, int) else EXIT_FAILURE
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except (ValueError, OSError, ImportError, MemoryError) as error:
        return _fail(*explain(error))


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line that tells a person about an error, and the exit status."""
    if isinstance(error, DlfError):
        return str(error), error.exit_status
    if isinstance(error, ValueError):
        return str(error), EXIT_USAGE
    if isinstance(error, OSError):
        return _describe(error), EXIT_FAILURE
    if isinstance(error, ImportError):
        return f"a part of the installation is missing: {error}", EXIT_FAILURE
    return "not enough memory", EXIT_FAILURE


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `words` help it to guess what was meant."""
    parser = Parser(
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
        if name == next(iter(words), None):
            parser.suggestions = list(command._option_string_actions)
    return parser


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"dlf.cli.{command.replace('-', '_')}")


def _describe(error: OSError) -> str:
    if error.filename is None:
        return str(error)
    text = f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
        folder, name = os.path.split(error.filename)
        with contextlib.suppress(OSError):
            text += did_you_mean(name, os.listdir(folder or "."))
    return text


def _fail(message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"dlf: {line}", file=sys.stderr)
    return status
