"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from dlf import options

__all__ = ["add_device", "add_model", "add_threads", "checked"]

T = TypeVar("T")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model."""
    parser.add_argument(
        "--model", metavar="NAME|FILE", help="model package; `dlf models` lists the installed ones"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device",
        type=checked(options.check_device, str),
        default="cpu",
        metavar="cpu|cuda",
        help="where the networks run (default: cpu)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=checked(options.check_threads, int),
        metavar="N",
        help="threads to use (default: all processors)",
    )


def checked(check: Callable[[object], T], parse: Callable[[str], object]) -> Callable[[str], T]:
    """Return an argparse type that reads a word with `parse` and judges it with `check`."""

    def convert(word: str) -> T:
        try:
            return check(parse(word))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
