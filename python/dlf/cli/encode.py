"""Encode an image as a .dlf file.

IN is any image that Pillow reads, OUT.dlf the file to write; - is standard input or output.
EXIF and XMP are dropped but for the orientation, and colours are converted to sRGB, unless
--keep says otherwise: at these rates metadata can be larger than the image.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from dlf import options
from dlf.cli import arguments as shared

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "encode an image as a .dlf file"

_METADATA = {"exif": "exif", "icc": "icc_profile", "xmp": "xmp"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("input", metavar="IN", help="image to encode")
    parser.add_argument("output", metavar="OUT.dlf", help="file to write")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "-q",
        "--quality",
        type=shared.checked(options.check_quality, float),
        default=options.DEFAULT_QUALITY,
        metavar="0..100",
        help=f"0 is smallest, 100 is best (default: {options.DEFAULT_QUALITY})",
    )
    target.add_argument(
        "--bpp",
        type=shared.checked(options.check_bpp, float),
        metavar="X",
        help="at most X bits of file per pixel",
    )
    target.add_argument(
        "--bytes",
        dest="max_bytes",
        type=shared.checked(options.check_max_bytes, int),
        metavar="N",
        help="at most N bytes of file",
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        choices=sorted(_METADATA),
        help="embed the image's own metadata of this kind; may be repeated",
    )
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_threads(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def run(arguments: argparse.Namespace) -> int:
    """Encode one image."""
    from dlf.cli.progress import ProgressBar
    from dlf.codec import shared_codec
    from dlf.files import STANDARD_STREAM, write_atomically
    from dlf.header import info

    to_stdout = arguments.output == STANDARD_STREAM
    if to_stdout and arguments.json:
        raise ValueError("--json and the image cannot both go to standard output")
    image = _open(arguments.input)
    codec = shared_codec(arguments.model, arguments.device, arguments.threads)
    start = time.perf_counter()
    with ProgressBar("encoding") as bar:
        data = codec.encode(
            image,
            arguments.quality,
            bpp=arguments.bpp,
            max_bytes=arguments.max_bytes,
            progress=bar.show,
            **_kept_metadata(image, arguments.keep),
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


def _open(source: str) -> Image.Image:
    import dlf_pillow
    from PIL import Image, UnidentifiedImageError

    from dlf.errors import DlfError, InvalidFile, LimitExceeded
    from dlf.files import read_bytes

    dlf_pillow.register()
    content = io.BytesIO(read_bytes(source))
    try:
        image = Image.open(content)
        image.load()
    except UnidentifiedImageError:
        raise InvalidFile(f"{source}: not an image in a format that Pillow can read") from None
    except Image.DecompressionBombError as error:
        raise LimitExceeded(f"{source}: {error}") from None
    except DlfError:
        raise
    except (OSError, SyntaxError, EOFError, ValueError) as error:  # Pillow raises all of these
        raise InvalidFile(f"{source}: damaged image: {error}") from error
    return image


def _kept_metadata(image: Image.Image, kinds: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {_METADATA[kind]: image.info.get(_METADATA[kind]) for kind in kinds}
    if "exif" in kinds and not found["exif"]:
        found["exif"] = image.getexif().tobytes() if image.getexif() else None
    return found
