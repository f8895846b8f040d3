"""What every engine tells the batch that it works for."""

from __future__ import annotations

from typing import Protocol

from dlf.batch.inputs import Job
from dlf.batch.work import Outcome

__all__ = ["EngineError", "Observer"]


class EngineError(OSError):
    """The workers, or the cluster, do not work at all."""


class Observer(Protocol):
    """The batch, as its engine sees it; called from one thread only."""

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
