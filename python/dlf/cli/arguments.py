"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from dlf import options
from dlf.images.reading import METADATA_KINDS

__all__ = [
    "add_backend",
    "add_coding",
    "add_device",
    "add_files",
    "add_frame",
    "add_importance",
    "add_keep",
    "add_limits",
    "add_model",
    "add_overwrite",
    "add_precision",
    "add_region",
    "add_target",
    "add_threads",
    "check_count",
    "checked",
    "importance_files",
    "importance_of",
    "limits_of",
    "number",
]

if TYPE_CHECKING:
    from dlf.codec import Codec
    from dlf.importance import Importance
    from dlf.limits import Limits

T = TypeVar("T")

_LIMITS = {
    "max_pixels": "refuse larger pictures, in pixels",
    "max_side": "refuse wider and higher pictures, in pixels",
    "max_memory": "refuse what needs more memory, in bytes",
    "max_chunk_bytes": "refuse more metadata, inflated, in bytes",
    "max_file_bytes": "refuse larger .dlf files, in bytes",
}


def add_files(parser: argparse.ArgumentParser, what: str, target: str) -> None:
    """Add IN..., and the output as the last of them or with -o."""
    parser.add_argument("inputs", nargs="+", metavar="IN", help=what)
    parser.add_argument(
        "-o",
        "--output",
        metavar=target,
        help=f"file, folder or template to write (default: the last argument is {target})",
    )
    parser.usage = f"{parser.prog} [options] IN... {target}"


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


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add --backend."""
    parser.add_argument(
        "--backend",
        choices=("auto", "integer", "torch"),
        default="auto",
        help="what runs integer networks: the integer machine, whose pixels are exact, or torch"
        " (default: the machine on the CPU, torch on other devices)",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add --precision."""
    parser.add_argument(
        "--precision",
        type=checked(options.check_precision, str),
        default="fp32",
        metavar="fp32|bf16",
        help="what the networks compute in; bf16 is for hardware that has it (default: fp32)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=checked(options.check_threads, number),
        metavar="N",
        help="threads to use (default: all CPUs)",
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add -q, --bpp and --bytes, of which one may be given."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "-q",
        "--quality",
        type=checked(options.check_quality, number),
        default=options.DEFAULT_QUALITY,
        metavar="0..100",
        help=f"0 is smallest, 100 is best (default: {options.DEFAULT_QUALITY})",
    )
    target.add_argument(
        "--bpp",
        type=checked(options.check_bpp, number),
        metavar="X",
        help="at most X bits of file per pixel",
    )
    target.add_argument(
        "--bytes",
        dest="max_bytes",
        type=checked(_check_bytes, number),
        metavar="N",
        help="at most N bytes of file",
    )


def add_importance(parser: argparse.ArgumentParser) -> None:
    """Add --importance."""
    parser.add_argument(
        "--importance",
        action="append",
        default=[],
        metavar="auto|MASK|X,Y,W,H[:GAIN]",
        help="more bits there: what the model finds, a picture of which white is most, or a box in "
        "pixels with a gain from -1 to 1; boxes may be repeated",
    )


def importance_of(arguments: argparse.Namespace) -> Importance | None:
    """Return what --importance says, as `dlf.encode` takes it; None without it.

    Raises:
        ValueError: words that do not go together, a box that is none.
        OSError: a mask that cannot be read.
    """
    from dlf.cli.importance import from_words

    return from_words(arguments.importance)


def importance_files(arguments: argparse.Namespace) -> list[str]:
    """Return the files that --importance names, which are read and so not written over."""
    from dlf.cli.importance import files_of

    return files_of(arguments.importance)


def add_keep(parser: argparse.ArgumentParser) -> None:
    """Add --keep."""
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        choices=sorted(METADATA_KINDS),
        help="embed the image's own metadata of this kind; may be repeated",
    )


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add --force and --no-clobber, of which one may be given."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--force",
        dest="overwrite",
        action="store_const",
        const="any",
        default="alike",
        help="write even under the name of another format, or over a picture in another format; "
        "an input is never written over",
    )
    choice.add_argument(
        "--no-clobber",
        dest="overwrite",
        action="store_const",
        const="never",
        default="alike",
        help="write over no existing file",
    )


def add_frame(parser: argparse.ArgumentParser) -> None:
    """Add --frame."""
    parser.add_argument(
        "--frame",
        type=checked(options.check_frame, number),
        metavar="N",
        help="of an animation or a file of several pages, this picture; the first is 0",
    )


def add_region(parser: argparse.ArgumentParser) -> None:
    """Add --region."""
    parser.add_argument(
        "--region",
        type=checked(options.check_region, _numbers),
        metavar="X,Y,WIDTH,HEIGHT",
        help="this part of the picture only, in pixels of its full size from the upper left corner",
    )


def number(word: str) -> object:
    """Return a word as the number that it is, or as it is, for a check to complain about it."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def check_count(value: object) -> int:
    """Return `value`, a whole number of at least 1.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number of at least 1, not {value!r}")
    return value


def _numbers(word: str) -> object:
    return tuple(number(part) for part in word.split(","))


def _check_bytes(value: object) -> int:
    try:
        return options.check_max_bytes(value)
    except ValueError:
        raise ValueError(f"must be a whole number of bytes such as 2000, not {value!r}") from None


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add --max-pixels, --max-side and the other fields of `dlf.Limits`."""
    group = parser.add_argument_group("limits", "what one file may cost; see SECURITY.md")
    for name, what in _LIMITS.items():
        group.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=checked(functools.partial(_limit, name), number),
            metavar="N",
            help=what,
        )


def add_coding(parser: argparse.ArgumentParser) -> None:
    """Add what encoding and decoding files share: overwriting, model, networks, limits, --json."""
    for add in (add_overwrite, add_model, add_device, add_precision, add_backend, add_threads):
        add(parser)
    add_limits(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")


def _limit(name: str, value: object) -> int:
    """Return the value of one limit as `dlf.Limits` takes it."""
    from dlf.limits import Limits

    return int(getattr(Limits(**{name: value}), name))  # type: ignore[arg-type]


def limits_of(arguments: argparse.Namespace) -> Limits:
    """Return the limits that were given, and the defaults of the others."""
    from dlf.limits import Limits

    given = {name: getattr(arguments, name) for name in _LIMITS}
    return Limits(**{name: value for name, value in given.items() if value is not None})


def codec_of(arguments: argparse.Namespace) -> Codec:
    """Return the codec that --model, --device, --threads, --precision and --backend ask for."""
    from dlf.coding import shared_codec

    given = arguments
    return shared_codec(given.model, given.device, given.threads, given.precision, given.backend)


def as_options(kind: Callable[..., T], arguments: argparse.Namespace, **more: object) -> T:
    """Return the dataclass `kind` with `more` and the arguments named like its other fields."""
    names = {f.name for f in dataclasses.fields(kind)} - set(more)  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names}, **more)


def checked(check: Callable[[object], T], parse: Callable[[str], object]) -> Callable[[str], T]:
    """Return an argparse type that reads a word with `parse` and judges it with `check`."""

    def convert(word: str) -> T:
        try:
            return check(parse(word))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
