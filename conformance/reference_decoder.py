"""The reference decoder: NumPy only, slow, and obvious.

    python conformance/reference_decoder.py info IN.dlf --json
    python conformance/reference_decoder.py symbols IN.dlf OUT.npz
    python conformance/reference_decoder.py decode IN.dlf OUT.png

Pixels come only from packages with an integer synthesis; asked for those of others it exits with 2.
Exit status: 0 ok, 10 invalid file, 11 truncated, 12 unsupported, 13 limit exceeded, 14 model
missing or wrong, 2 wrong usage. Model packages are looked for in the folders of DLF_MODEL_PATH and
in models/pretrained. The decoder itself is in conformance/reference, one module per clause family.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __package__ in (None, ""):  # run as a script: make the package around this file importable
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from conformance.reference.pixels import NoPixels, Region, Wanted, divisors
from conformance.reference.png import write_png
from conformance.reference.report import facts, picture, tensors
from conformance.reference.status import Refused

WRONG_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        data = Path(arguments.input).read_bytes()
        if arguments.command == "info":
            show(data, arguments.json)
        elif arguments.command == "symbols":
            save(arguments.output, tensors(data, arguments.allow_truncated))
        else:
            write_png(Path(arguments.output), pixels(data, arguments))
    except NoPixels:
        print(f"{arguments.input}: the package has no integer synthesis", file=sys.stderr)
        return WRONG_USAGE
    except ValueError as error:
        print(f"{arguments.input}: {error}", file=sys.stderr)
        return WRONG_USAGE
    except Refused as refused:
        print(f"{arguments.input}: {refused}", file=sys.stderr)
        return refused.status.value
    except OSError as error:
        print(f"{arguments.input}: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="what the header and the chunks say")
    info.add_argument("input", metavar="IN.dlf")
    info.add_argument("--json", action="store_true", help="print JSON")
    symbols = commands.add_parser("symbols", help="every decoded integer tensor")
    symbols.add_argument("input", metavar="IN.dlf")
    symbols.add_argument("output", metavar="OUT.npz")
    decode = commands.add_parser(
        "decode", help="the picture, of packages with an integer synthesis"
    )
    decode.add_argument("input", metavar="IN.dlf")
    decode.add_argument("output", metavar="OUT.png")
    for each in (symbols, decode):
        each.add_argument(
            "--allow-truncated", action="store_true", help="make the best of a truncated file"
        )
    decode.add_argument("--layers", choices=("all", "semantic"), default="all")
    decode.add_argument("--downscale", type=int, choices=divisors(), default=1)
    decode.add_argument("--noise", choices=("vivid", "faithful"), default="vivid")
    decode.add_argument("--region", type=region, metavar="X,Y,WIDTH,HEIGHT")
    decode.add_argument("--threads", type=int, help="changes nothing")
    return parser


def pixels(data: bytes, arguments: argparse.Namespace) -> NDArray[np.uint8]:
    """What `decode` was asked for."""
    wanted = Wanted(arguments.downscale, arguments.noise == "vivid", arguments.region)
    semantic = arguments.layers == "semantic"
    return picture(data, wanted, semantic, arguments.allow_truncated)


def region(text: str) -> Region:
    """A rectangle in pixels of the picture."""
    return Region(*(int(number) for number in text.split(",")))


def show(data: bytes, as_json: bool) -> None:
    """Print the facts about a file."""
    found = facts(data)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:<16} {value}")


def save(path: str, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name, under exactly this path."""
    with open(path, "wb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    sys.exit(main())
