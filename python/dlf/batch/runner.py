"""A batch from beginning to end: find the inputs, leave out what is done, code, keep the manifest."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

from dlf import options, outputs
from dlf.batch import local
from dlf.batch.budget import DEFAULT_MEGAPIXELS
from dlf.batch.inputs import Job, Plan, find_inputs
from dlf.batch.manifest import Manifest, Row, is_done, one_line
from dlf.batch.settings import Settings
from dlf.batch.stores import LocalStore, Store, open_store
from dlf.batch.work import Outcome, reason
from dlf.types import StrPath

__all__ = ["MANIFEST_NAME", "Progress", "Summary", "run"]

MANIFEST_NAME = "dlf-batch.jsonl"
"""The manifest in the output folder, unless another is named."""

_MAX_FAILURES = 1000
_PATIENCE = 2
"""Signals to end in good order; a further one does not wait for anything."""

Engine = Literal["local", "ray"]


@dataclass
class Progress:
    """How far a batch is.

    Attributes:
        inputs: how many files and shards there are to do in this run.
        done: how many of them are behind it, failed ones too.
        pictures: how many have been coded in this run, those in shards too.
        seconds: since the first worker was started.
        interrupts: how often the run has been asked to end.
    """

    inputs: int = 0
    done: int = 0
    pictures: int = 0
    seconds: float = 0.0
    interrupts: int = 0


@dataclass
class Summary:
    """What a batch has done.

    Attributes:
        inputs: files and shards found.
        done_before: finished by an earlier run with the same settings.
        done: finished by this run.
        failed: failed now, or before and not tried again.
        unfinished: neither, because the run ended early.
        failures: the first thousand of the failures, pictures in shards included: what and why.
        pictures, pixels, dlf_bytes: coded by this run.
        output_bytes: size of the outputs that this run has written.
        seconds: since the first worker was started.
        workers: how many there were.
        peak_worker_memory: the most that one worker had at once, in bytes.
        ignored: files of searched folders that are no pictures.
        manifest: the path of the manifest.
        stopped: why the run could not go on, "" when it could.
        interrupted: whether it was asked to end early.
    """

    inputs: int = 0
    done_before: int = 0
    done: int = 0
    failed: int = 0
    unfinished: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    pictures: int = 0
    pixels: int = 0
    dlf_bytes: int = 0
    output_bytes: int = 0
    seconds: float = 0.0
    workers: int = 0
    peak_worker_memory: int = 0
    ignored: int = 0
    manifest: str = ""
    stopped: str = ""
    interrupted: bool = False


def run(
    inputs: Sequence[StrPath | Store],
    output: StrPath | Store,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    manifest: StrPath | None = None,
    retry_failed: bool = False,
    root: StrPath | None = None,
    megapixels: float = DEFAULT_MEGAPIXELS,
    engine: Engine = "local",
    ray_address: str | None = None,
    gpus_per_worker: float = 0.0,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Convert pictures; go on where an earlier run with the same manifest ended.

    SIGINT and SIGTERM end it in good order when it runs in the main thread: pictures in flight are
    finished, and a second signal drops them.

    Args:
        inputs: folders, glob patterns, files, tar shards, URLs, `@LIST` files, open stores.
        output: folder or URL, or an open store, that the outputs go to.
        settings: what is done to each picture; by default it is encoded with the default model.
        workers: processes, or actors of a cluster; by default one for each processor (of the
            cluster). 0: the pictures are coded in this process.
        manifest: a .csv or .jsonl file of this machine; by default `dlf-batch.jsonl` in `output`.
        retry_failed: try again what failed in an earlier run.
        root: of the paths in `@LIST` files.
        megapixels: of all pictures that are in memory at once; a larger one is coded alone.
        engine: "local", or "ray" for a Ray cluster.
        ray_address: of the cluster; by default that of the environment, or a new one on this
            machine.
        gpus_per_worker: GPUs of each actor; several may share one.
        progress: called several times a second.

    Raises:
        ValueError: wrong options, or inputs whose outputs collide; nothing has been done then.
        FileNotFoundError: an input does not exist.
        ModelError: the model is missing or altered.
        EngineError: the workers do not start.
        OSError: the manifest cannot be used.
    """
    settings = (settings or Settings()).checked()
    target = output if isinstance(output, Store) else open_store(output)
    if workers is not None and workers < 0:
        raise ValueError(f"workers must not be negative, as {workers} is")
    if megapixels <= 0:
        raise ValueError("megapixels must be above 0")
    if engine not in ("local", "ray"):
        raise ValueError(f"engine must be 'local' or 'ray', not {engine!r}")
    plan = find_inputs(inputs, target, settings, root)
    manifest = _manifest_path(manifest, target)
    _check_manifest(manifest, plan)
    with Manifest(manifest) as lines:
        batch = _Batch(plan, target, lines, progress)
        batch.leave_out_done(retry_failed)
        if batch.progress.inputs == 0 or batch.stopping():
            return batch.end()
        target.prepare(
            hashlib.sha256(lines.path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        )
        sources = [source.store for source in plan.sources]
        try:
            if engine == "ray":
                from dlf.batch import ray_engine

                # The signals come second, because Ray takes them when it starts.
                with ray_engine.connected(ray_address), _signals(batch):
                    batch.summary.workers = ray_engine.run_ray(
                        settings,
                        sources,
                        target,
                        batch.jobs(),
                        batch,
                        count=batch.progress.inputs,
                        workers=workers,
                        gpus_per_worker=gpus_per_worker,
                    )
            else:
                with _signals(batch):
                    _run_locally(batch, sources, target, workers, round(megapixels * 1e6))
        finally:
            target.finish()
        return batch.end()


def _run_locally(
    batch: _Batch, sources: list[Store], target: Store, workers: int | None, pixels: int
) -> None:
    processors = options.available_threads()
    count = min(processors if workers is None else workers, batch.progress.inputs)
    batch.summary.workers = count
    settings = batch.plan.settings
    if settings.threads is None:
        settings = dataclasses.replace(settings, threads=max(1, processors // max(1, count)))
    if count == 0:
        local.run_here(settings, sources, target, batch.jobs(), batch)
    else:
        local.run_processes(
            settings, sources, target, batch.jobs(), batch, workers=count, pixels=pixels
        )


class _Batch:
    """The observer of the engine: counts, writes the manifest, knows when to end."""

    def __init__(
        self,
        plan: Plan,
        target: Store,
        manifest: Manifest,
        show: Callable[[Progress], None],
    ) -> None:
        self.plan = plan
        self.progress = Progress()
        self.summary = Summary(ignored=plan.ignored, manifest=manifest.path)
        self._target = target
        self._manifest = manifest
        self._show = show
        self._left_out: set[str] = set()
        self._ticks = 0
        self._start = time.monotonic()

    def leave_out_done(self, retry_failed: bool) -> None:
        """Find out what earlier runs have done, and what cannot be done at all."""
        label = self.plan.settings.describe()
        names = {one_line(job.output) for job in self.plan.jobs()}
        earlier = self._manifest.latest(names)
        for job in self.plan.jobs():
            self.summary.inputs += 1
            row = earlier.get(one_line(job.output))
            if row is None or row.input != one_line(job.input) or row.settings != label:
                continue
            forced = self.plan.settings.overwrite == "any"  # may be what it failed for want of
            if row.status != "ok" and (retry_failed or forced):
                continue
            if row.status == "failed":
                self._fail(row)
            elif is_done(row, job.output, self._target):
                self.summary.done_before += 1
                if row.status == "partial":
                    self._note_failure(row)
            else:
                continue
            self._left_out.add(job.output)
        self.progress.inputs = self.summary.inputs - len(self._left_out)
        problems = [
            Row(name, "", status="failed", error=error, settings=label)
            for name, error in self.plan.problems
        ]
        for problem in problems:
            self.summary.inputs += 1
            self._fail(problem)
        if problems:
            self._record(problems)
        self._start = time.monotonic()

    def jobs(self) -> Iterator[Job]:
        """Yield what there is to do."""
        return (job for job in self.plan.jobs() if job.output not in self._left_out)

    def outcome(self, job: Job, outcome: Outcome) -> None:
        summary = self.summary
        summary.peak_worker_memory = max(summary.peak_worker_memory, outcome.peak_memory)
        if outcome.fatal:
            summary.stopped = summary.stopped or outcome.fatal
            return
        if not self._record(outcome.rows):
            return
        *members, row = outcome.rows
        for member in members:
            if member.status == "failed":
                self._note_failure(member)
        if row.status == "failed":
            self._fail(row)
        else:
            summary.done += 1
            summary.output_bytes += row.bytes
        summary.pictures += outcome.pictures
        summary.pixels += outcome.pixels
        summary.dlf_bytes += outcome.dlf_bytes
        self.progress.done += 1
        self._ticks = max(0, self._ticks - outcome.pictures)
        self.look_up()

    def tick(self) -> None:
        self._ticks += 1

    def look_up(self) -> None:
        self.progress.seconds = time.monotonic() - self._start
        self.progress.pictures = self.summary.pictures + self._ticks
        self._show(self.progress)

    def stopping(self) -> bool:
        return bool(self.summary.stopped) or self.progress.interrupts > 0

    def killing(self) -> bool:
        return self.progress.interrupts > 1

    def interrupt(self) -> None:
        """Ask the batch to end."""
        self.progress.interrupts += 1

    def end(self) -> Summary:
        """Return what has been done."""
        summary = self.summary
        summary.seconds = time.monotonic() - self._start
        summary.unfinished = summary.inputs - summary.done_before - summary.done - summary.failed
        summary.interrupted = self.progress.interrupts > 0
        try:
            self._manifest.sync()
        except OSError as error:
            summary.stopped = summary.stopped or reason(error)
        return summary

    def _fail(self, row: Row) -> None:
        self.summary.failed += 1
        self._note_failure(row)

    def _note_failure(self, row: Row) -> None:
        if len(self.summary.failures) < _MAX_FAILURES:
            self.summary.failures.append((row.input, row.error))

    def _record(self, rows: list[Row]) -> bool:
        try:
            self._manifest.append(rows)
        except OSError as error:  # what is not in the manifest will be done again
            self.summary.stopped = self.summary.stopped or reason(error)
            return False
        return True


def _manifest_path(manifest: StrPath | None, target: Store) -> str:
    if manifest is not None:
        return os.fspath(manifest)
    if isinstance(target, LocalStore):
        return target.path(MANIFEST_NAME)
    raise ValueError(f"give --manifest FILE, a file of this machine, to write to {target.root}")


def _check_manifest(path: str, plan: Plan) -> None:
    """Raise `ValueError` when the manifest is one of the files that are read."""
    which = outputs.identity(path)
    for read, name in plan.read_files() if which is not None else ():
        if read == which:
            raise ValueError(f"{name} is read, and cannot be the manifest too")


@contextlib.contextmanager
def _signals(batch: _Batch) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the batch in good order, where signals can be caught."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        batch.interrupt()
        if batch.progress.interrupts > _PATIENCE:
            raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
