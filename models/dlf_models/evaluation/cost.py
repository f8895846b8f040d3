"""Time and memory of one call."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """What one call took.

    Attributes:
        seconds: by the clock on the wall.
        cpu_seconds: of all threads, which other work on the machine hardly changes.
        peak_bytes: the most resident memory above what the process held before the call; None where
            the system cannot tell.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Cost:
        """Return what was written as JSON."""
        return cls(values["seconds"], values["cpu_seconds"], values["peak_bytes"])


def measured(call: Callable[[], Result]) -> tuple[Result, Cost]:
    """Run `call` and return its result and cost."""
    before = _start_peak()
    start, cpu_start = time.perf_counter(), time.process_time()
    result = call()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    after = _status("VmHWM") if before is not None else None
    peak = max(0, after - before) if after is not None and before is not None else None
    return result, Cost(seconds, cpu_seconds, peak)


def _start_peak() -> int | None:
    """Give freed memory back, restart the kernel's high-water mark, return resident bytes."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass  # not glibc: freed memory that is reused will not be counted
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(field: str) -> int | None:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
