"""Write every decoded integer tensor of a .dlf file, and the final coder state, as a NumPy archive.

This is what decoders are compared by: equal in every number, on every machine.
"""

from __future__ import annotations

import argparse
import io
from typing import Any

from dlf.cli import arguments as shared

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
    shared.add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decode one file to symbols."""
    import numpy as np

    from dlf.files import read_bytes, write_atomically
    from dlf.symbols import decode_symbols

    tensors = decode_symbols(
        read_bytes(arguments.input), arguments.model, allow_truncated=arguments.allow_truncated
    )
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in tensors.items()}
    np.savez_compressed(buffer, **arrays)
    write_atomically(arguments.output, buffer.getvalue())
    return 0
