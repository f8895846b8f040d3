"""Encode an image as a .dlf file.

IN is any image that Pillow reads, OUT.dlf the file to write; - is standard input or output.
EXIF and XMP are dropped but for the orientation, and colours are converted to sRGB, unless
--keep says otherwise: at these rates metadata can be larger than the image.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from dlf.cli import arguments as shared

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "encode an image as a .dlf file"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("input", metavar="IN", help="image to encode")
    parser.add_argument("output", metavar="OUT.dlf", help="file to write")
    shared.add_target(parser)
    shared.add_keep(parser)
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Encode one image."""
    from dlf.cli.progress import ProgressBar
    from dlf.codec import shared_codec
    from dlf.files import STANDARD_STREAM, read_bytes, write_atomically
    from dlf.header import info
    from dlf.imagefile import kept_metadata, read_image

    to_stdout = arguments.output == STANDARD_STREAM
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    image = read_image(read_bytes(arguments.input), arguments.input)
    codec = shared_codec(arguments.model, arguments.device, arguments.threads)
    start = time.perf_counter()
    with ProgressBar("encoding") as bar:
        data = codec.encode(
            image,
            arguments.quality,
            bpp=arguments.bpp,
            max_bytes=arguments.max_bytes,
            progress=bar.show,
            **kept_metadata(image, arguments.keep),
        )
    seconds = time.perf_counter() - start
    write_atomically(arguments.output, data)
    header = info(data)
    report = {
        "file": arguments.output,
        "bytes": len(data),
        "bpp": header.bpp,
        "width": header.width,
        "height": header.height,
        "mode": header.mode,
        "rate": header.rate,
        "model": codec.model.name,
        "seconds": round(seconds, 3),
    }
    if arguments.json:
        print(json.dumps(report))
    elif not arguments.quiet:
        line = (
            f"{arguments.output}: {len(data)} bytes, {header.bpp:.4f} bpp, "
            f"{header.width}x{header.height} {header.mode}, rate {header.rate} "
            f"of {codec.model.name}, {seconds:.2f} s"
        )
        print(line, file=sys.stderr if to_stdout else sys.stdout)
    return 0
