"""§1.5: the statuses with which a file is refused."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """A status of §1.5; the value is the exit status of a decoding command."""

    OK = 0
    INVALID_FILE = 10
    TRUNCATED_FILE = 11
    UNSUPPORTED = 12
    LIMIT_EXCEEDED = 13
    MODEL_ERROR = 14


class Refused(Exception):
    """A file or package that breaks a rule: the status, the clause with the rule, and why."""

    def __init__(self, status: Status, clause: str, reason: str) -> None:
        super().__init__(f"{status.name}: {reason} ({clause})")
        self.status = status
        self.clause = clause


def require(condition: bool, status: Status, clause: str, reason: str) -> None:
    """Refuse with `status` unless `condition` holds."""
    if not condition:
        raise Refused(status, clause, reason)
