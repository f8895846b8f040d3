"""A batch from start to end: find the inputs, leave out what is done, code, keep the manifest."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from dlf import models, options, outputs
from dlf.batch import local
from dlf.batch.engine import Work
from dlf.batch.inputs import Job, Plan, find_inputs
from dlf.batch.manifest import Manifest, Row, is_done, one_line
from dlf.batch.report import BatchProgress, Summary
from dlf.batch.running import Running
from dlf.batch.settings import Settings
from dlf.batch.stores import LocalStore, Store, open_store
from dlf.batch.work import Outcome, reason
from dlf.types import StrPath

__all__ = ["MANIFEST_NAME", "run"]

MANIFEST_NAME = "dlf-batch.jsonl"
"""The manifest in the output folder, unless another is named."""

_MAX_FAILURES = 1000
_PATIENCE = 2
"""Signals to end in good order; a further one does not wait for anything."""


def run(
    inputs: Sequence[StrPath | Store],
    output: StrPath | Store,
    settings: Settings | None = None,
    running: Running | None = None,
    *,
    progress: Callable[[BatchProgress], None] = lambda progress: None,
) -> Summary:
    """Convert pictures; go on where an earlier run with the same manifest ended.

    SIGINT and SIGTERM end it in good order when it runs in the main thread: pictures in flight are
    finished, and a second signal drops them.

    Args:
        inputs: folders, glob patterns, files, tar shards, URLs, `@LIST` files, open stores.
        output: folder or URL, or an open store, that the outputs go to.
        settings: what is done to each picture; by default it is encoded with the default model.
        running: who works, and what the run goes by; by default a process for each CPU.
        progress: called several times a second.

    Raises:
        ValueError: wrong options, or inputs whose outputs collide; nothing has been done then.
        FileNotFoundError: an input does not exist.
        ModelError: the model is missing or altered.
        EngineError: the workers do not start.
        OSError: the manifest cannot be used.
    """
    settings = (settings or Settings()).checked()
    running = (running or Running()).checked()
    target = output if isinstance(output, Store) else open_store(output)
    plan = find_inputs(inputs, target, settings, running.root, _also_read(settings, running))
    manifest = _manifest_path(running.manifest, target)
    _check_manifest(manifest, plan)
    with Manifest(manifest) as lines:
        batch = _Batch(plan, target, lines, progress)
        batch.leave_out_done(running.retry_failed)
        if batch.progress.inputs == 0 or batch.stopping():
            return batch.end()
        target.prepare(
            hashlib.sha256(lines.path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        )
        work = Work(settings, [source.store for source in plan.sources], target)
        try:
            if running.engine == "ray":
                from dlf.batch import ray_engine

                # The signals come second, because Ray takes them when it starts.
                with ray_engine.connected(running.ray_address), _signals(batch):
                    batch.summary.workers = ray_engine.run_ray(
                        work,
                        batch,
                        workers=running.workers,
                        gpus_per_worker=running.gpus_per_worker,
                    )
            else:
                with _signals(batch):
                    _run_locally(batch, work, running)
        finally:
            target.finish()
        return batch.end()


def _run_locally(batch: _Batch, work: Work, running: Running) -> None:
    cpus = options.available_threads()
    count = min(cpus if running.workers is None else running.workers, batch.count())
    batch.summary.workers = count
    if work.settings.threads is None:
        threads = max(1, cpus // max(1, count))
        work = dataclasses.replace(
            work, settings=dataclasses.replace(work.settings, threads=threads)
        )
    if count == 0:
        local.run_here(work, batch)
    else:
        pixels = round(running.megapixels * 1e6)
        local.run_processes(work, batch, workers=count, pixels=pixels)


class _Batch:
    """The observer of the engine: counts, writes the manifest, knows when to end."""

    def __init__(
        self,
        plan: Plan,
        target: Store,
        manifest: Manifest,
        show: Callable[[BatchProgress], None],
    ) -> None:
        self.plan = plan
        self.progress = BatchProgress()
        self.summary = Summary(ignored=plan.ignored, manifest=manifest.path)
        self._target = target
        self._manifest = manifest
        self._show = show
        self._left_out: set[str] = set()
        self._ticks = 0
        self._start = time.monotonic()

    def count(self) -> int:
        """Return how many jobs there are."""
        return self.progress.inputs

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


def _also_read(settings: Settings, running: Running) -> list[StrPath]:
    """Return the files beside the inputs that are not written over."""
    if settings.decode and settings.model is None:  # that of each file
        return list(running.also_read)
    return [*running.also_read, models.find(settings.model).path]


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
