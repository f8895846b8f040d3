"""Encode images as .dlf files.

IN is any image that Pillow reads, a folder of them or a pattern such as 'photos/**/*.jpg'; OUT.dlf
is the file to write, a folder, or a template such as 'out/{stem}.dlf' with {stem}, {name}, {ext}
and {parent} of the input. - is standard input or output. EXIF and XMP are dropped but for the
orientation, and colours are converted to sRGB, unless --keep says otherwise: at these rates
metadata can be larger than the image.
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

if TYPE_CHECKING:
    from dlf.codec import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "encode an image as a .dlf file"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_files(parser, "image, folder or pattern to encode", "OUT.dlf")
    shared.add_target(parser)
    shared.add_keep(parser)
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_precision(parser)
    shared.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Encode one image, or each of several."""
    from dlf.codec import shared_codec
    from dlf.files import STANDARD_STREAM, read_bytes, write_atomically
    from dlf.header import info
    from dlf.imagefile import kept_metadata, read_image

    words, output = targets.split_output(arguments.inputs, arguments.output, "OUT.dlf")
    to_stdout = output == STANDARD_STREAM
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    jobs = targets.jobs(targets.expand(words, targets.is_image), output, targets.DLF_SUFFIX)
    codec = shared_codec(arguments.model, arguments.device, arguments.threads, arguments.precision)
    reporter = Reporter(arguments.json, arguments.quiet, sys.stderr if to_stdout else None)

    def encode(job: targets.Job, bar: ProgressBar, progress: Progress) -> None:
        image = read_image(read_bytes(job.source), job.source)
        start = time.perf_counter()
        data = codec.encode(
            image,
            arguments.quality,
            bpp=arguments.bpp,
            max_bytes=arguments.max_bytes,
            progress=progress,
            **kept_metadata(image, arguments.keep),
        )
        seconds = time.perf_counter() - start
        write_atomically(job.target, data)
        header = info(data)
        facts = {
            "file": job.target,
            "bytes": len(data),
            "bpp": header.bpp,
            "width": header.width,
            "height": header.height,
            "mode": header.mode,
            "rate": header.rate,
            "model": codec.model.name,
            "seconds": round(seconds, 3),
        }
        line = (
            f"{job.target}: {len(data)} bytes, {header.bpp:.4f} bpp, "
            f"{header.width}x{header.height} {header.mode}, rate {header.rate} "
            f"of {codec.model.name}, {seconds:.2f} s"
        )
        reporter.add(facts, line, bar)

    return work_through("encoding", jobs, encode, reporter, lambda job: job.source)
