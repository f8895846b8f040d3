"""What every engine tells the batch that it works for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dlf.batch.inputs import Job
from dlf.batch.settings import Settings
from dlf.batch.stores import Store
from dlf.batch.work import Outcome

__all__ = ["EngineError", "Observer", "Work"]


@dataclass(frozen=True)
class Work:
    """What a worker needs to know of a batch; can be pickled.

    Attributes:
        settings: what is done to each picture.
        sources: the stores that jobs name by their number.
        target: where the outputs go.
    """

    settings: Settings
    sources: Sequence[Store]
    target: Store


class EngineError(OSError):
    """The workers, or the cluster, do not work at all."""


class Observer(Protocol):
    """The batch, as its engine sees it; called from one thread only."""

    def jobs(self) -> Iterator[Job]:
        """Yield what there is to do, once."""

    def count(self) -> int:
        """Return how many jobs there are."""

    def outcome(self, job: Job, outcome: Outcome) -> None:
        """Take the outcome of a job; called once for each."""

    def tick(self) -> None:
        """Note that another picture of a shard is done."""

    def look_up(self) -> None:
        """Show progress; called several times a second."""

    def stopping(self) -> bool:
        """Whether no further picture shall be begun."""

    def killing(self) -> bool:
        """Whether not even those in flight shall be waited for."""
