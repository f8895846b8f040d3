"""Reading and writing whole files, so that nothing is ever left half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["STANDARD_STREAM", "read_bytes", "replacing", "write_atomically"]

STANDARD_STREAM = "-"
"""The file name that means standard input or standard output on the command line."""


def read_bytes(source: str | os.PathLike[str]) -> bytes:
    """Return the whole content of a file, or of standard input when `source` is `-`."""
    if os.fspath(source) == STANDARD_STREAM:
        return sys.stdin.buffer.read()
    return Path(source).read_bytes()


def write_atomically(target: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `target` so that it holds either its old content or all of the new.

    Links are followed and an existing file keeps its permissions. `-` is standard output; a device
    or a pipe is written directly, because it has no content to keep.

    Raises:
        OSError: the target cannot be written; what stood there before still does.
    """
    if os.fspath(target) == STANDARD_STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = Path(os.path.realpath(target))
    mode = _existing_mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(data)  # a folder raises IsADirectoryError here, as it should
        return
    with replacing(target) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(
    target: str | os.PathLike[str], staging: str | os.PathLike[str] | None = None
) -> Iterator[BinaryIO]:
    """Yield a file whose content takes the place of `target` when the block ends without error.

    The data goes to a temporary file, which then takes the target's name: one in the folder
    `staging`, or in the target's own when there is no `staging` on the same file system.

    Raises:
        OSError: the target cannot be written; what stood there before still does.
    """
    path = Path(os.path.realpath(target))
    mode = _existing_mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "exists, and is no ordinary file", os.fspath(target))
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(
            errno.EACCES, "the existing file is write-protected", os.fspath(target)
        )
    name = f".{path.name[:100]}.{secrets.token_hex(6)}.part"
    temporary = path.with_name(name)
    try:
        if staging is not None and os.stat(staging).st_dev == path.parent.stat().st_dev:
            temporary = Path(staging, name)
        with open(temporary, "xb") as file:
            yield file
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(path)
    except BaseException as error:  # Ctrl-C too must not leave the temporary file behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        ours = (None, os.fspath(temporary))  # a full disk, for one, is reported without a name
        if isinstance(error, OSError) and error.errno is not None and error.filename in ours:
            error.filename, error.filename2 = os.fspath(target), None
        raise


def _existing_mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
