"""Decode .dlf files to any image format that Pillow writes.

IN.dlf is the file to read, a folder of them or a pattern. OUT is the image to write, whose
extension names the format. It may be a folder, or a template such as 'out/{stem}.webp' with {stem},
{name}, {ext} and {parent} of the input. In a folder the tree of a pattern is kept. - is standard
input or output.
No input is written over; a file of another format only with --force. Orientation and metadata go
along where the format has them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from dlf import options
from dlf.cli import arguments as shared
from dlf.cli import targets
from dlf.cli.several import Reporter, work_through
from dlf.images import inputs
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.types import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "decode a .dlf file to PNG, JPEG, WebP, ..."

_DEFAULT_FORMAT = "png"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_files(parser, "file, folder or pattern to decode", "OUT")
    parser.add_argument(
        "--format",
        type=_format,
        metavar="EXT",
        help="what to write, as an extension (default: as OUT ends; png into a folder or to -)",
    )
    parser.add_argument(
        "--layers",
        choices=("all", "semantic"),
        default="all",
        help="semantic: leave the detail layer out",
    )
    parser.add_argument(
        "--allow-truncated",
        action="store_true",
        help="write the best picture so far of a file that ends too early",
    )
    parser.add_argument(
        "--downscale",
        type=shared.checked(options.check_downscale, shared.number),
        default=1,
        metavar="1|2|4|8",
        help="write the picture at 1/2, 1/4 or 1/8 of its size, in a part of the time",
    )
    parser.add_argument(
        "--display-size",
        action="store_true",
        help="enlarge a picture that --reduce made smaller to the size that it is to be shown at",
    )
    parser.add_argument(
        "--noise",
        choices=("vivid", "faithful"),
        default="vivid",
        help="faithful: draw no texture that the file does not describe",
    )
    parser.add_argument(
        "--mark-generated",
        action="store_true",
        help="say in the picture's XMP that a model has drawn it: IPTC's DigitalSourceType "
        "compositeWithTrainedAlgorithmicMedia",
    )
    shared.add_region(parser)
    shared.add_coding(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Decode one file, or each of several."""
    from dlf.files import is_standard_output, read_bytes, write_atomically
    from dlf.header import info, opened
    from dlf.images.enlarging import check_enlarging, enlarged
    from dlf.images.writing import check_form, check_mark, image_bytes, image_of
    from dlf.outputs import refuse_existing

    if arguments.display_size and (arguments.downscale != 1 or arguments.region is not None):
        raise ValueError("--display-size takes the whole picture: not --downscale, not --region")
    words, output = targets.split_output(arguments.inputs, arguments.output, "OUT")
    to_stdout = is_standard_output(output)
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    plan = targets.Conversions(
        inputs.expand(words, inputs.is_dlf), output, f".{arguments.format or _DEFAULT_FORMAT}"
    )
    forms = {job.target: _form_of(job.target, arguments.format) for job in plan.jobs}
    if arguments.mark_generated:
        for form in forms.values():
            check_mark(form)
    limits = shared.limits_of(arguments)
    codec = shared.codec_of(arguments)
    models = [] if arguments.model is None else [str(codec.model.path)]
    plan.judge(lambda job: forms[job.target], models, arguments.overwrite)
    reporter = Reporter(arguments.json, arguments.quiet, sys.stderr if to_stdout else None)

    def decode(job: targets.Conversion, bar: ProgressBar, progress: Progress) -> None:
        refuse_existing(job.target, arguments.overwrite)
        file = opened(read_bytes(job.source))
        header = info(file, allow_truncated=arguments.allow_truncated, limits=limits)
        check_form(header.mode, forms[job.target])
        if arguments.display_size:
            check_enlarging(header, limits)
        start = time.perf_counter()
        samples = codec.decode_samples(
            file,
            layers=arguments.layers,
            allow_truncated=arguments.allow_truncated,
            downscale=arguments.downscale,
            noise=arguments.noise,
            region=arguments.region,
            limits=limits,
            progress=progress,
        )
        seconds = time.perf_counter() - start
        image = image_of(samples)
        if arguments.display_size:
            image = enlarged(image, header)
        content = image_bytes(image, forms[job.target], header, marked=arguments.mark_generated)
        write_atomically(job.target, content)
        facts = {
            "file": job.target,
            "width": image.width,
            "height": image.height,
            "mode": header.mode,
            "seconds": round(seconds, 3),
        }
        line = f"{job.target}: {image.width}x{image.height} {header.mode}, {seconds:.2f} s"
        reporter.add(facts, line, bar)

    return work_through("decoding", plan.jobs, decode, reporter, lambda job: job.source)


def _format(word: str) -> str:
    """Return an extension that Pillow writes, without its dot."""
    from dlf.images.writing import format_for

    extension = word.lstrip(".").lower()
    try:
        format_for(f"x.{extension}")
    except ValueError:
        raise argparse.ArgumentTypeError(f"Pillow writes no format called {word!r}") from None
    return extension


def _form_of(target: str, asked: str | None) -> str:
    """Return Pillow's name of the format to write: the one asked for, or as the name ends."""
    from dlf.files import is_stream
    from dlf.images.writing import format_for

    if asked is not None:
        return format_for(f"x.{asked}")
    # A device or a pipe, perhaps by the name of a descriptor, says nothing by its name.
    if is_stream(target) and not os.path.splitext(target)[1]:
        return format_for(f"x.{_DEFAULT_FORMAT}")
    return format_for(target)
