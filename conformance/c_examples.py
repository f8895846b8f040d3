"""The C example programs as a decoder: `--decoder 'python -m conformance.c_examples FOLDER'`.

FOLDER holds core/examples, compiled: `probe`, `symbols` and `decode_ppm`. They do not print JSON,
leave alpha out and lack options, so that much counts as not supported.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from conformance.decoders import WRONG_USAGE
from conformance.reference.header import read_header
from conformance.reference.package import candidates, paths_of
from conformance.reference.status import Refused, Status

STATUSES = [Status.OK, Status.INVALID_FILE, Status.TRUNCATED_FILE, Status.UNSUPPORTED]
STATUSES += [Status.LIMIT_EXCEEDED, Status.MODEL_ERROR]
"""The example programs exit with a `dlf_status`: its place in this list."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command by means of the example programs."""
    folder, command, source, *rest = sys.argv[1:] if argv is None else argv
    programs = Path(folder)
    if command == "info":
        status, _ = start(programs / "probe", source)
        # What it prints is not JSON, and it refuses to describe a file without its payload.
        described = status == 0 or is_cut_in_payload(Path(source).read_bytes())
        return WRONG_USAGE if described else status
    if len(rest) != 1:
        return WRONG_USAGE  # no options
    package = package_for(Path(source).read_bytes())
    if command == "symbols":
        status, printed = start(programs / "symbols", package, source)
        Path(rest[0]).write_bytes(printed)
        return status
    if command == "decode":
        return decode(programs / "decode_ppm", package, Path(source), Path(rest[0]))
    return WRONG_USAGE


def decode(program: Path, package: Path, source: Path, output: Path) -> int:
    """Decode to PPM or PGM, and that to PNG."""
    portable = output.with_suffix(".ppm")
    status, _ = start(program, package, source, portable)
    if status == 0:
        if read_header(source.read_bytes()).alpha:
            return WRONG_USAGE
        with Image.open(portable) as image:
            image.save(output)
    return status


def start(*words: str | Path) -> tuple[int, bytes]:
    """Run a program; its exit status by the contract, and what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    known = 0 <= done.returncode < len(STATUSES)
    return STATUSES[done.returncode].value if known else 1, done.stdout


def is_cut_in_payload(data: bytes) -> bool:
    """Whether the header is whole and the payload is not."""
    try:
        header = read_header(data)
    except Refused:
        return False
    return len(data) < header.size + header.payload_length


def package_for(data: bytes) -> Path:
    """The package that the file names; any for a file without a header, a missing one for none."""
    try:
        wanted = read_header(data).model_id
    except Refused:
        return candidates()[0]
    return next(paths_of(wanted), Path("no-such-package.dlfm"))


if __name__ == "__main__":
    sys.exit(main())
