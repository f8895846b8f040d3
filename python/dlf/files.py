"""Reading and writing whole files, so that nothing is ever left half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from dlf.systems import PRIVATE, keep_owner
from dlf.types import StrPath

__all__ = [
    "STANDARD_OUTPUT",
    "STANDARD_STREAM",
    "is_standard_output",
    "is_stream",
    "printable",
    "read_bytes",
    "replacing",
    "write_atomically",
]

STANDARD_STREAM = "-"
"""The file name that means standard input or standard output on the command line."""

STANDARD_OUTPUT = "standard output"
"""What errors call it."""

_MAX_LINKS = 40
_LONGEST_START = 100
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(\d+)(/task/\d+)?/fd")
# What an unwritable folder answers to a second file beside the first. A shared folder with the file
# of another owner, or a mounted file, answer so when that shall take its name.
_NO_NEIGHBOUR = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_RENAME = _NO_NEIGHBOUR | {errno.EBUSY, errno.EXDEV}
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def read_bytes(source: StrPath) -> bytes:
    """Return the whole content of a file, or of standard input when `source` is `-`.

    Raises:
        OSError: it cannot be read.
    """
    if os.fspath(source) == STANDARD_STREAM:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "is closed", "standard input")
        return sys.stdin.buffer.read()
    return Path(source).read_bytes()


def write_atomically(target: StrPath, data: bytes) -> None:
    """Write `data` to `target` as `replacing` does.

    Raises:
        OSError: the target cannot be written; what stood there before still does.
    """
    with replacing(target) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(target: StrPath, staging: StrPath | None = None) -> Iterator[BinaryIO]:
    """Yield a file whose content takes the place of `target` when the block ends without error.

    The data goes to a temporary file, which then takes the target's name. That file is in the
    folder `staging`, or in the target's own when there is no `staging` on the same file system.
    Links are followed, and an existing file keeps its owner and its permissions. Where that cannot
    be, in a folder that is not writable or onto a mounted file, the existing file is written in
    place. So are devices and pipes. `-` and the names of open descriptors (`/dev/stdout`,
    `/dev/fd/N`) are written where the descriptor stands.

    Raises:
        OSError: the target cannot be written; what stood there before still does.
    """
    name = os.fspath(target)
    with _naming(name):
        if name == STANDARD_STREAM or _descriptor(name) is not None:
            with _gathered() as file:
                yield file
                _copy_to_descriptor(file, name)
            return
        path = Path(os.path.realpath(name))
        old = _existing(path)
        if old is not None and stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if old is not None and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the existing file is write-protected", name)
        temporary = None
        if old is None or stat.S_ISREG(old.st_mode):
            temporary = _neighbour(path, staging, old)
        if temporary is None:
            with _gathered() as file:
                yield file
                _overwrite(path, file)
            return
        try:
            with open(temporary, "r+b") as file:
                yield file
                file.flush()
                if old is not None and not keep_owner(file.fileno(), old):
                    _overwrite(path, file)
                    temporary.unlink()
                    return
            _rename(temporary, path, old)
        except BaseException as error:  # Ctrl-C too must not leave the temporary file behind
            with contextlib.suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError) and error.filename == os.fspath(temporary):
                error.filename = None
            raise


def is_standard_output(target: str) -> bool:
    """Return whether what is written to `target` goes where printed lines go."""
    if target == STANDARD_STREAM:
        return True
    descriptor = _descriptor(target)
    try:
        return descriptor is not None and os.path.sameopenfile(descriptor, 1)
    except OSError:  # one of them is closed
        return False


def is_stream(target: str) -> bool:
    """Return whether `target` is a standard stream, an open descriptor, a device or a pipe."""
    if target == STANDARD_STREAM or _descriptor(target) is not None:
        return True
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def printable(name: str) -> str:
    r"""Return a file name as text that every stream can show: bytes that are no UTF-8 as `\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let system errors that name no file name this one: a full disk, for one, has no name."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            shown = STANDARD_OUTPUT if name == STANDARD_STREAM else name
            error.filename, error.filename2 = shown, None
        raise


def _gathered() -> BinaryIO:
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=1 << 26))


def _existing(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _descriptor(name: str) -> int | None:
    """Return N for a name, or a link to a name, of the open descriptor N of this process.

    Opening such a name would open the file anew: at its beginning, and a pipe perhaps not at all.
    """
    for _ in range(_MAX_LINKS):
        folder, base = os.path.split(name)
        found = _DESCRIPTORS.fullmatch(os.path.realpath(folder or os.curdir))
        if found and base.isdecimal() and found[1] in (None, str(os.getpid())):
            return int(base)
        try:
            name = os.path.join(folder, os.readlink(name))
        except OSError:
            return None
    return None


def _copy_to_descriptor(file: BinaryIO, name: str) -> None:
    """Write at the place where an open descriptor stands, after what was printed before."""
    file.seek(0)
    if name == STANDARD_STREAM and sys.stdout is None:
        raise OSError(errno.EBADF, "is closed", STANDARD_OUTPUT)
    if sys.stdout is not None:
        sys.stdout.flush()
    descriptor = _descriptor(name)
    if descriptor is None:
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with open(descriptor, "wb", closefd=False) as opened:
        shutil.copyfileobj(file, opened)


def _neighbour(path: Path, staging: StrPath | None, old: os.stat_result | None) -> Path | None:
    """Return a new empty file on the same file system; None where only `old` can be written.

    Raises:
        OSError: there can be none, and there is no old file, or for want of room.
    """
    # The target's name may be as long, in bytes, as names may be.
    start = os.fsdecode(os.fsencode(path.name)[:_LONGEST_START])
    name = f".{start}.{os.urandom(6).hex()}.part"
    temporary = path.with_name(name)
    if staging is not None and os.stat(staging).st_dev == path.parent.stat().st_dev:
        temporary = Path(staging, name)
    try:
        # The old file may be one that others must not read.
        mode = 0o666 if old is None else 0o600
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | PRIVATE, mode))
        return temporary
    except OSError as error:
        if error.errno in _NO_NEIGHBOUR and old is not None:
            return None
        error.filename = None
        raise


def _rename(temporary: Path, path: Path, old: os.stat_result | None) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        if old is None or error.errno not in _NO_RENAME:
            raise
        with open(temporary, "rb") as file:
            _overwrite(path, file)
        temporary.unlink()


def _overwrite(path: Path, file: BinaryIO) -> None:
    """Write in place. Room is reserved first, so that a full disk leaves the old content."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with open(os.open(path, os.O_WRONLY | PRIVATE), "wb") as existing:
        before = os.fstat(existing.fileno())
        if stat.S_ISREG(before.st_mode):
            _reserve(existing.fileno(), before.st_size, size)
        shutil.copyfileobj(file, existing)
        existing.flush()
        if stat.S_ISREG(before.st_mode):
            existing.truncate(size)


def _reserve(descriptor: int, before: int, size: int) -> None:
    if size == 0 or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in _NO_ROOM:
            os.ftruncate(descriptor, before)
            raise
