"""Write every decoded integer tensor of a .dlf file, and the final coder state, as a NumPy archive.

This is what decoders are compared by: equal in every number, on every machine.
"""

from __future__ import annotations

import argparse
import io
from typing import TYPE_CHECKING, Any

from dlf.cli import arguments as shared
from dlf.cli.several import Reporter, work_through
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.types import Progress

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "write every decoded integer tensor as .npz"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("input", metavar="IN.dlf", help="file to decode")
    parser.add_argument("output", metavar="OUT.npz", help="archive to write")
    parser.add_argument(
        "--allow-truncated",
        action="store_true",
        help="accept a file that ends after its semantic layer",
    )
    shared.add_overwrite(parser)
    shared.add_model(parser)
    shared.add_limits(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decode one file to symbols."""
    import numpy as np

    from dlf import models
    from dlf.files import read_bytes, write_atomically
    from dlf.outputs import Output, judge, refuse_existing
    from dlf.symbols import decode_symbols

    read = [arguments.input]
    if arguments.model is not None:
        read.append(str(models.find(arguments.model).path))
    limits = shared.limits_of(arguments)
    judge([Output(arguments.output, "NumPy archive")], read, arguments.overwrite)

    def decode(source: str, bar: ProgressBar, progress: Progress) -> None:
        refuse_existing(arguments.output, arguments.overwrite)
        tensors = decode_symbols(
            read_bytes(source),
            arguments.model,
            allow_truncated=arguments.allow_truncated,
            limits=limits,
        )
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in tensors.items()}
        np.savez_compressed(buffer, **arrays)
        write_atomically(arguments.output, buffer.getvalue())

    return work_through("decoding", [arguments.input], decode, Reporter(False, quiet=True))
