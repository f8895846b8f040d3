"""Encode images as .dlf files.

IN is any image that Pillow reads, a folder of them or a pattern such as 'photos/**/*.jpg'. OUT.dlf
is the file to write. It may be a folder, or a template such as 'out/{stem}.dlf' with {stem},
{name}, {ext} and {parent} of the input. In a folder the tree of a pattern is kept. - is standard
input or output.
No input is written over; a file of another format only with --force. Unless --keep says otherwise,
EXIF and XMP are dropped but for the orientation, and colours are converted to sRGB. At these rates
metadata can be larger than the image.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlf import options
from dlf.cli import arguments as shared
from dlf.cli import targets
from dlf.cli.several import Reporter, work_through
from dlf.images import inputs
from dlf.progress import ProgressBar
from dlf.signature import EXTENSION

if TYPE_CHECKING:
    from dlf_models.small.refinement import Refiner

    from dlf.outputs import Overwrite
    from dlf.types import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "encode an image as a .dlf file"

_UNUSED = 40  # a fortieth of the size asked for may stay unused without a word


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    shared.add_files(parser, "image, folder or pattern to encode", "OUT.dlf")
    shared.add_target(parser)
    parser.add_argument(
        "--reduce",
        action="store_true",
        help="with --bytes or --bpp: at 1/2, 1/4 or 1/8 of its size, "
        "a picture that does not fit else",
    )
    shared.add_importance(parser)
    parser.add_argument(
        "--refine",
        type=shared.checked(shared.check_count, shared.number),
        metavar="STEPS",
        help="improve each file by so many steps of gradient descent, say 40, of a second or two "
        "each; needs torch and LPIPS weights",
    )
    parser.add_argument(
        "--lpips",
        metavar="FILE",
        help="LPIPS weights for --refine, .npz (default: those of the package lpips)",
    )
    shared.add_keep(parser)
    shared.add_frame(parser)
    shared.add_coding(parser)
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--quiet", action="store_true", help="print nothing")
    how_much.add_argument(
        "--verbose",
        action="store_true",
        help="print where the bytes are, what importance was found, and what --reduce tried",
    )


def run(arguments: argparse.Namespace) -> int:
    """Encode one image, or each of several."""
    from dlf.cli.coded import coded
    from dlf.files import is_standard_output, read_bytes, write_atomically
    from dlf.header import info, opened
    from dlf.images.reading import kept_metadata, read_image
    from dlf.outputs import refuse_existing

    words, output = targets.split_output(arguments.inputs, arguments.output, "OUT.dlf")
    to_stdout = is_standard_output(output)
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    sources = inputs.expand(words, inputs.is_image)
    plan = targets.Conversions(sources, output, EXTENSION)
    _refuse_to_encode_again(plan, arguments.overwrite)
    limits = shared.limits_of(arguments)
    importance = shared.importance_of(arguments)
    codec = shared.codec_of(arguments)
    model = codec.model
    also_read = [str(model.path), *shared.importance_files(arguments)]
    also_read += [arguments.lpips] if arguments.lpips else []
    plan.judge(lambda job: "DLF", also_read, arguments.overwrite)
    refiner = _refiner(arguments)
    reporter = Reporter(arguments.json, arguments.quiet, sys.stderr if to_stdout else None)

    def encode(job: targets.Conversion, bar: ProgressBar, progress: Progress) -> None:
        refuse_existing(job.target, arguments.overwrite)
        image = read_image(read_bytes(job.source), job.source, frame=arguments.frame)
        if refiner is not None:
            refiner.progress = progress
        start = time.perf_counter()
        data = codec.encode(
            image,
            arguments.quality,
            bpp=arguments.bpp,
            max_bytes=arguments.max_bytes,
            importance=importance,
            reduce=arguments.reduce,
            refine=refiner,
            limits=limits,
            progress=progress,
            **kept_metadata(image, arguments.keep),
        )
        seconds = time.perf_counter() - start
        write_atomically(job.target, data)
        file = opened(data)
        header = info(file, limits=limits)
        limit = options.byte_limit(*image.size, arguments.bpp, arguments.max_bytes)
        is_best = header.rate == model.rate_points - 1
        facts = {
            "file": job.target,
            "bytes": len(data),
            "bpp": header.bpp,
            "width": header.width,
            "height": header.height,
            "reduced_from": None if header.size == image.size else image.size,
            "mode": header.mode,
            "rate": header.rate,
            "importance_map": header.importance_map,
            "best_rate": is_best,
            "model": model.name,
            "seconds": round(seconds, 3),
        }
        line = (
            f"{job.target}: {len(data)} bytes, {header.bpp:.4f} bpp, "
            f"{header.width}x{header.height} {header.mode}, rate {header.rate} "
            f"of {model.name}, {seconds:.2f} s"
        )
        if header.size != image.size:
            line += f"; reduced from {image.width}x{image.height}"
        if limit is not None and is_best and len(data) < limit - limit // _UNUSED:
            line += f"; the best that {model.name} gives, of the {limit} bytes allowed"
        if arguments.verbose:
            parts = coded(file, header, model, limits=limits)
            facts |= dataclasses.asdict(parts)
            line = "\n".join([line, *parts.lines(importance)])
        reporter.add(facts, line, bar)

    with _tries_told() if arguments.verbose else contextlib.nullcontext():
        return work_through("encoding", plan.jobs, encode, reporter, lambda job: job.source)


def _refiner(arguments: argparse.Namespace) -> Refiner | None:
    """Return what --refine asks for.

    Raises:
        ValueError: options that do not go together, a model without a float twin, no weights.
    """
    if arguments.refine is None:
        if arguments.lpips:
            raise ValueError("--lpips is for --refine")
        return None
    from dlf_models.evaluation.weights import MetricUnavailable
    from dlf_models.small.refinement import Refiner

    try:
        return Refiner(arguments.model, arguments.refine, arguments.lpips)
    except MetricUnavailable as reason:
        raise ValueError(f"--refine: {reason}") from None


@contextlib.contextmanager
def _tries_told() -> Iterator[None]:
    """Let the library say on standard error what it tries."""
    import logging

    logger = logging.getLogger("dlf")
    level, handler = logger.level, logging.StreamHandler()
    handler.setFormatter(logging.Formatter("dlf: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _refuse_to_encode_again(plan: targets.Conversions, overwrite: Overwrite) -> None:
    """Refuse `encode *.dlf`, whose last match would be taken for the output and lost.

    Raises:
        ValueError: a .dlf file would be encoded anew over another that exists.
    """
    for job in plan.jobs:
        if overwrite == "alike" and inputs.is_dlf(job.source) and os.path.isfile(job.target):
            raise ValueError(
                f"{job.source} is a .dlf file already, and {job.target} exists; "
                "--force encodes anew over it"
            )
