"""Decode a .dlf file to any image format that Pillow writes.

IN.dlf is the file to read, OUT the image to write; its extension names the format. - is standard
input, or standard output as PNG. Orientation and metadata go along where the format has them.
"""

from __future__ import annotations

import argparse
import sys
import time

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "decode a .dlf file to PNG, JPEG, WebP, ..."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("input", metavar="IN.dlf", help="file to decode")
    parser.add_argument("output", metavar="OUT", help="image to write, for example picture.png")
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
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_threads(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Decode one file."""
    from dlf.cli.progress import ProgressBar
    from dlf.codec import shared_codec
    from dlf.files import STANDARD_STREAM, read_bytes, write_atomically
    from dlf.header import info
    from dlf.imagefile import format_for, image_bytes

    to_stdout = arguments.output == STANDARD_STREAM
    form = "PNG" if to_stdout else format_for(arguments.output)
    data = read_bytes(arguments.input)
    codec = shared_codec(arguments.model, arguments.device, arguments.threads)
    start = time.perf_counter()
    with ProgressBar("decoding") as bar:
        pixels = codec.decode(
            data,
            layers=arguments.layers,
            allow_truncated=arguments.allow_truncated,
            progress=bar.show,
        )
    seconds = time.perf_counter() - start
    header = info(data, allow_truncated=arguments.allow_truncated)
    write_atomically(arguments.output, image_bytes(pixels, form, header))
    if not arguments.quiet:
        height, width = pixels.shape[:2]
        line = f"{arguments.output}: {width}x{height} {header.mode}, {seconds:.2f} s"
        print(line, file=sys.stderr if to_stdout else sys.stdout)
    return 0
