"""What makes a fork harmless at any moment: locks free in the child, and blocks it waits for.

A fork copies locks and half-done work as they are, but none of the threads that would finish them.
The compiled modules have the like in core/src/base/fork_gate.h.
"""

from __future__ import annotations

import logging  # noqa: F401 - its hook must be registered before ours, see the end
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Lock", "undivided"]

_LONGEST_BLOCK = 30.0  # seconds; importing torch takes two

_blocks = threading.RLock()
_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """A re-entrant lock, for `with`: free in a fork's child unless the forking thread holds it.

    What it guards may then have been left half-changed by another thread, unless that was done
    `undivided`: doing it again must make it whole.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget holders that are not the calling thread; in the child, where no other is."""
        if not self._lock._is_owned():  # type: ignore[attr-defined]  # as threading.Condition does
            self._lock = threading.RLock()


@contextmanager
def undivided() -> Iterator[None]:
    """Run the block whole: threads that fork wait until it has ended.

    For short blocks that may not be left half-done, and for imports. A module that is half imported
    when the process forks stays so in the child. Whoever needs it there waits for ever.
    """
    with _blocks:
        yield


def _before_fork() -> None:
    # Not for ever: should a block wait for the thread that forks, the fork must win.
    _forking.held = _blocks.acquire(timeout=_LONGEST_BLOCK)


def _after_fork() -> None:
    if _forking.held:
        _blocks.release()


def _after_fork_in_child() -> None:
    global _blocks
    if _forking.held:
        _blocks.release()
    else:
        _blocks = threading.RLock()
    for lock in list(_locks):
        lock.renew()


class _Forking(threading.local):
    held = False


_forking = _Forking()

# The last hook that is registered runs first. So a fork waits for our blocks before it takes the
# lock of `logging`, which a module that is imported in a block needs.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork,
        after_in_child=_after_fork_in_child,
    )
