"""Decode .dlf files to any image format that Pillow writes.

IN.dlf is the file to read, a folder of them or a pattern; OUT the image to write, whose extension
names the format, a folder, or a template such as 'out/{stem}.webp' with {stem}, {name}, {ext} and
{parent} of the input. - is standard input, or standard output as PNG. Orientation and metadata go
along where the format has them.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from dlf.cli import arguments as shared
from dlf.cli import targets
from dlf.cli.progress import ProgressBar
from dlf.cli.several import Reporter, work_through
from dlf.options import DOWNSCALES

if TYPE_CHECKING:
    from dlf.codec import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "decode a .dlf file to PNG, JPEG, WebP, ..."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_files(parser, "file, folder or pattern to decode", "OUT")
    parser.add_argument(
        "--format",
        default="png",
        metavar="EXT",
        help="extension of the images written into a folder (default: png)",
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
        type=int,
        choices=DOWNSCALES,
        default=1,
        help="write the picture at 1/2, 1/4 or 1/8 of its size, in a part of the time",
    )
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_precision(parser)
    shared.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Decode one file, or each of several."""
    from dlf.codec import shared_codec
    from dlf.files import STANDARD_STREAM, read_bytes, write_atomically
    from dlf.header import info
    from dlf.imagefile import format_for, image_bytes

    words, output = targets.split_output(arguments.inputs, arguments.output, "OUT")
    to_stdout = output == STANDARD_STREAM
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    suffix = f".{arguments.format.lstrip('.')}"
    jobs = targets.jobs(targets.expand(words, targets.is_dlf), output, suffix)
    forms = {job.target: "PNG" if to_stdout else format_for(job.target) for job in jobs}
    codec = shared_codec(arguments.model, arguments.device, arguments.threads, arguments.precision)
    reporter = Reporter(arguments.json, arguments.quiet, sys.stderr if to_stdout else None)

    def decode(job: targets.Job, bar: ProgressBar, progress: Progress) -> None:
        data = read_bytes(job.source)
        start = time.perf_counter()
        pixels = codec.decode(
            data,
            layers=arguments.layers,
            allow_truncated=arguments.allow_truncated,
            downscale=arguments.downscale,
            progress=progress,
        )
        seconds = time.perf_counter() - start
        header = info(data, allow_truncated=arguments.allow_truncated)
        write_atomically(job.target, image_bytes(pixels, forms[job.target], header))
        height, width = pixels.shape[:2]
        facts = {
            "file": job.target,
            "width": width,
            "height": height,
            "mode": header.mode,
            "seconds": round(seconds, 3),
        }
        line = f"{job.target}: {width}x{height} {header.mode}, {seconds:.2f} s"
        reporter.add(facts, line, bar)

    return work_through("decoding", jobs, decode, reporter, lambda job: job.source)
