"""How many pixels may be in memory at once, whoever has them."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

__all__ = ["DEFAULT_MEGAPIXELS", "PixelBudget"]

DEFAULT_MEGAPIXELS = 100.0
"""About 2.5 GB beyond what the workers take by themselves."""


class PixelBudget:
    """Grants pixels to workers in the order in which they ask, as long as the sum stays in bounds.

    A picture larger than the whole budget is granted when nothing else is in memory. Not thread
    safe.
    """

    def __init__(self, pixels: int) -> None:
        self._limit = pixels
        self._held: dict[Hashable, int] = {}
        self._waiting: deque[tuple[Hashable, int]] = deque()

    def ask(self, worker: Hashable, pixels: int) -> None:
        """Queue a wish; what `worker` held before, it has no more."""
        self.release(worker)
        self._waiting.append((worker, pixels))

    def release(self, worker: Hashable) -> None:
        """Take back all that `worker` holds or waits for."""
        self._held.pop(worker, None)
        self._waiting = deque(wish for wish in self._waiting if wish[0] != worker)

    def waiting(self) -> list[Hashable]:
        """Return the workers that wait for an answer."""
        return [worker for worker, _ in self._waiting]

    def granted(self) -> list[Hashable]:
        """Return the workers that may go on now."""
        found: list[Hashable] = []
        used = sum(self._held.values())
        while self._waiting:
            worker, pixels = self._waiting[0]
            if self._held and used + pixels > self._limit:
                break
            self._waiting.popleft()
            self._held[worker] = pixels
            used += pixels
            found.append(worker)
        return found
