"""What one operating system has and another lacks."""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["PRIVATE", "keep_owner", "lock", "peak_memory", "read_at"]

PRIVATE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
"""Flags of `os.open`: other programs do not inherit the file, and its bytes stay as they are."""

# Windows refuses others what is locked, reading too: a byte that no file of ours ever reaches.
_LOCKED_BYTE = 1 << 40


def lock(descriptor: int) -> None:
    """Lock an open file against everyone else who calls this, until it is closed.

    Raises:
        BlockingIOError: somebody has it locked.
        OSError: its file system knows no locks.
    """
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    try:
        import msvcrt
    except ImportError:  # nothing that could be asked
        return
    windows: Any = msvcrt
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    except PermissionError as error:
        raise BlockingIOError(*error.args) from None
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)


def read_at(descriptor: int, count: int, position: int) -> bytes:
    """Return up to `count` bytes of an open file from `position`; writing goes on where it was."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, position)
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, count)
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)


def keep_owner(descriptor: int, old: os.stat_result) -> bool:
    """Give an open file the owner and the permissions in `old`; return whether that is possible."""
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except (AttributeError, OSError):
            return False
    if hasattr(os, "fchmod"):  # after fchown, which takes bits away
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    return True


def peak_memory() -> int:
    """Return the most memory that this process has had at once, in bytes; 0 where nothing tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    if resource is None:
        return 0
    # Linux would count what the parent had when it started this process.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
