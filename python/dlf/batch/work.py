"""Doing one job, in whatever process: read, code, write whole or not at all, and say what happened.

Nothing that is wrong with one input ends a batch. What would be wrong with every following one too,
a full disk above all, does.
"""

from __future__ import annotations

import errno
import posixpath
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dlf.batch import shards
from dlf.batch.coder import Coded, Coder, Permit
from dlf.batch.inputs import Job
from dlf.batch.manifest import Row
from dlf.batch.settings import Settings
from dlf.batch.stores import Store
from dlf.systems import peak_memory

__all__ = ["Outcome", "Performer", "Stopped", "reason"]

_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Stopped(BaseException):
    """Raised by a permit when the batch ends early.

    It is no Exception, so that nothing takes it for the failure of one picture.
    """


@dataclass
class Outcome:
    """What became of one job.

    Attributes:
        rows: lines for the manifest; that of the job itself is the last.
        pictures: how many were coded.
        pixels, dlf_bytes: theirs, together.
        fatal: why the whole batch cannot go on, "" when it can.
        peak_memory: of the process so far, in bytes.
    """

    rows: list[Row]
    pictures: int = 0
    pixels: int = 0
    dlf_bytes: int = 0
    fatal: str = ""
    peak_memory: int = field(default_factory=peak_memory)


class Performer:
    """Does jobs one after another; holds the model. One for each worker."""

    def __init__(self, settings: Settings, sources: Sequence[Store], target: Store) -> None:
        self._settings = settings
        self._sources = sources
        self._target = target
        self._label = settings.describe()
        self._coder = Coder(settings)

    def perform(self, job: Job, permit: Permit, tick: Callable[[], None]) -> Outcome:
        """Do `job`; `tick` is called after each picture of a shard.

        Raises:
            Stopped: by `permit`; nothing has been written then.
        """
        start = time.perf_counter()
        try:
            form = "tar" if job.is_shard else self._settings.output_form
            self._target.check_replacing(job.output, form, self._settings.overwrite)
            if job.is_shard:
                return self._shard(job, permit, tick, start)
            return self._picture(job, permit, start)
        except Exception as error:  # noqa: BLE001 - one input's, whatever it is
            fatal = isinstance(error, OSError) and error.errno in _FATAL
            row = self._failure(job.input, job.output, error, time.perf_counter() - start)
            return Outcome([row], fatal=reason(error) if fatal else "")

    def _picture(self, job: Job, permit: Permit, start: float) -> Outcome:
        content = self._sources[job.source].read(job.input)
        coded = self._coder.code(content, job.input, permit)
        self._target.write(job.output, coded.data)
        row = self._success(job.input, job.output, coded, time.perf_counter() - start)
        return Outcome([row], 1, coded.pixels, coded.dlf_bytes)

    def _shard(self, job: Job, permit: Permit, tick: Callable[[], None], start: float) -> Outcome:
        rows: list[Row] = []

        def names(member: str, output: str) -> tuple[str, str]:
            return posixpath.join(job.input, member), posixpath.join(job.output, output)

        def code(content: bytes, name: str) -> Coded:
            return self._coder.code(content, name, permit)

        def done(member: str, output: str, coded: Coded) -> None:
            rows.append(self._success(*names(member, output), coded, coded.seconds))
            tick()

        def failed(member: str, output: str, error: Exception) -> None:
            rows.append(self._failure(*names(member, output), error, 0.0))

        source = self._sources[job.source]
        with source.open(job.input) as old, self._target.replacing(job.output) as new:
            total = shards.rewrite(old, new, self._settings, code, done, failed)
            size = new.tell()
        whole = total.failed == 0
        rows.append(
            Row(
                job.input,
                job.output,
                size,
                _bpp(total.dlf_bytes, total.pixels),
                _rounded(time.perf_counter() - start),
                "ok" if whole else "partial",
                "" if whole else f"{total.failed} of {total.failed + total.pictures} pictures",
                self._label,
            )
        )
        return Outcome(rows, total.pictures, total.pixels, total.dlf_bytes)

    def _success(self, name: str, output: str, coded: Coded, seconds: float) -> Row:
        bpp = _bpp(coded.dlf_bytes, coded.pixels)
        return Row(
            name, output, len(coded.data), bpp, _rounded(seconds), "ok", settings=self._label
        )

    def _failure(self, name: str, output: str, error: Exception, seconds: float) -> Row:
        return Row(
            name,
            output,
            seconds=_rounded(seconds),
            status="failed",
            error=reason(error),
            settings=self._label,
        )


def reason(error: BaseException) -> str:
    """Return what went wrong in one line."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def _bpp(dlf_bytes: int, pixels: int) -> float:
    return round(8 * dlf_bytes / pixels, 6) if pixels else 0.0


def _rounded(seconds: float) -> float:
    return round(seconds, 4)
