"""The engine for one machine: worker processes that this one feeds.

The parent sends a worker one job at a time. Before it decodes a picture, the worker asks for its
pixels (`_Need`) and waits for the answer, which is also how an early end reaches it. After a job it
sends the `Outcome`. A worker whose pipe breaks ends, so none outlives a killed parent for longer
than one picture.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import warnings
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from dlf.batch.budget import PixelBudget
from dlf.batch.engine import EngineError, Observer, Work
from dlf.batch.inputs import Job
from dlf.batch.manifest import Row
from dlf.batch.work import Outcome, Performer, Stopped, reason

__all__ = ["run_here", "run_processes"]

_ATTEMPTS = 2
_LOOK_UP_SECONDS = 0.2
_STOPPED_SECONDS = 10.0


@dataclass(frozen=True)
class _Need:
    """A worker's question: may I decode this many pixels?"""

    pixels: int


class _Tick:
    """A worker's message: another picture of a shard is done."""


class _Ready:
    """A worker's message: the model is loaded."""


class _Quit:
    """A worker's message: it has left its job undone, because it was told to stop."""


def run_here(work: Work, observer: Observer) -> None:
    """Do all jobs in this process, one after another."""
    performer = Performer(work.settings, work.sources, work.target)

    def permit(pixels: int) -> None:
        if observer.stopping():
            raise Stopped

    with contextlib.suppress(Stopped):
        for job in observer.jobs():
            if observer.stopping():
                return
            observer.outcome(job, performer.perform(job, permit, observer.tick))


def run_processes(work: Work, observer: Observer, *, workers: int, pixels: int) -> None:
    """Do all jobs with `workers` processes that have at most `pixels` in memory together.

    Raises:
        EngineError: the workers cannot start.
    """
    pool = _Pool(work, observer, PixelBudget(pixels))
    try:
        pool.run(workers)
    finally:
        pool.close()


class _Worker:
    """One process, the pipe to it, and the job that it has."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()  # or the pipe would not break when the worker dies
        self.job: Job | None = None
        self.ready = False


class _Pool:
    def __init__(self, work: Work, observer: Observer, budget: PixelBudget) -> None:
        self._work = work
        self._label = work.settings.describe()
        self._jobs = observer.jobs()
        self._again: deque[Job] = deque()
        self._attempts: dict[Job, int] = {}
        self._observer = observer
        self._budget = budget
        self._workers: dict[Connection, _Worker] = {}

    def run(self, count: int) -> None:
        for _ in range(count):
            self._start()
        while self._workers:
            for pipe in wait(list(self._workers), timeout=_LOOK_UP_SECONDS):
                assert isinstance(pipe, Connection)
                self._listen(self._workers[pipe])
            self._observer.look_up()
            if self._observer.killing():
                return
            if self._observer.stopping():
                self._dismiss_waiting()
            for worker in self._budget.granted():
                assert isinstance(worker, _Worker)
                self._send(worker, True)

    def close(self) -> None:
        """End all workers; kindly those that wait, by force those that do not."""
        for worker in self._workers.values():
            worker.pipe.close()
            if worker.job is not None:
                worker.process.terminate()
        for worker in self._workers.values():
            worker.process.join(_STOPPED_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def _start(self) -> None:
        worker = _Worker(self._work)
        self._workers[worker.pipe] = worker

    def _listen(self, worker: _Worker) -> None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if isinstance(message, _Need):
            if self._observer.stopping():
                self._send(worker, False)
            else:
                self._budget.ask(worker, message.pixels)
        elif isinstance(message, _Tick):
            self._observer.tick()
        elif isinstance(message, Outcome):
            job, worker.job = worker.job, None
            assert job is not None
            self._budget.release(worker)
            self._attempts.pop(job, None)
            self._observer.outcome(job, message)
            self._feed(worker)
        elif isinstance(message, str):
            raise EngineError(f"a worker cannot start: {message}")
        else:
            worker.ready = True
            worker.job = None
            self._feed(worker)

    def _feed(self, worker: _Worker) -> None:
        """Give a free worker its next job, or let it go when there is none."""
        if not self._observer.stopping():
            worker.job = self._again.popleft() if self._again else next(self._jobs, None)
        self._send(worker, worker.job)
        if worker.job is None:
            self._remove(worker)

    def _send(self, worker: _Worker, message: object) -> None:
        # A worker that has died in between is found by its broken pipe when it is listened to.
        with contextlib.suppress(OSError):
            worker.pipe.send(message)

    def _dismiss_waiting(self) -> None:
        for worker in self._budget.waiting():
            assert isinstance(worker, _Worker)
            self._budget.release(worker)
            self._send(worker, False)

    def _remove(self, worker: _Worker) -> None:
        del self._workers[worker.pipe]
        worker.pipe.close()
        worker.process.join(_STOPPED_SECONDS)

    def _replace(self, worker: _Worker) -> None:
        """Do what a worker that died makes necessary: another one, and its job once more."""
        worker.process.join(_STOPPED_SECONDS)
        code = worker.process.exitcode
        job = worker.job
        self._budget.release(worker)
        self._remove(worker)
        if not worker.ready:
            raise EngineError(f"a worker process ended while it started ({_ending(code)})")
        if self._observer.stopping():
            return
        if job is not None:
            self._attempts[job] = self._attempts.get(job, 0) + 1
            if self._attempts[job] < _ATTEMPTS:
                self._again.append(job)
            else:
                error = f"the worker process ended ({_ending(code)})"
                row = Row(job.input, job.output, status="failed", error=error, settings=self._label)
                self._observer.outcome(job, Outcome([row], peak_memory=0))
        self._start()


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}, perhaps for want of memory"
    except ValueError:
        return f"signal {-code}"


def _work(pipe: Connection, work: Work) -> None:
    """Be a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells us
    warnings.simplefilter("ignore")  # Pillow's, about large images, would tear the progress bar

    def permit(pixels: int) -> None:
        try:
            pipe.send(_Need(pixels))
            allowed = pipe.recv()
        except (EOFError, OSError):
            raise Stopped from None
        if not allowed:
            raise Stopped

    with contextlib.suppress(EOFError, OSError):  # the parent has gone
        try:
            performer = Performer(work.settings, work.sources, work.target)
        except Exception as error:  # noqa: BLE001 - the parent is told, whatever it is
            pipe.send(reason(error))
            return
        pipe.send(_Ready())
        while (job := pipe.recv()) is not None:
            try:
                pipe.send(performer.perform(job, permit, lambda: pipe.send(_Tick())))
            except Stopped:
                pipe.send(_Quit())
