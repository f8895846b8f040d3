"""Print the completion script of a shell, made from the options of this version.

bash: dlf completion bash > ~/.local/share/bash-completion/completions/dlf
zsh:  dlf completion zsh > a file named _dlf in a folder of $fpath
fish: dlf completion fish > ~/.config/fish/completions/dlf.fish

shtab writes the scripts: pip install shtab.
"""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "print the completion script for bash, zsh or fish"

_SHELLS = ("bash", "fish", "zsh")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=_SHELLS, help="for which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print one script."""
    from dlf.cli.main import build_parser

    try:
        import shtab
    except ImportError:
        raise ImportError("`dlf completion` needs shtab: pip install shtab") from None
    parser = build_parser()
    _complete_files(parser, shtab.FILE)
    print(shtab.complete(parser, arguments.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser, files: object) -> None:
    """Let every word that may be one be completed as the name of a file."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command, files)
        elif action.choices is None and action.nargs != 0 and action.type in (None, Path):
            action.complete = files  # type: ignore[attr-defined]  # where shtab looks for it
