"""The engine for a Ray cluster: the same work through Ray Data.

The jobs, which are only names, are the rows of a dataset; a pool of actors, each of which holds the
model, maps them to outcomes. Pictures never pass through Ray: an actor reads its inputs from their
store and writes outputs, whole, to theirs. So what a lost node had not reported is simply done
again by another one, and the outputs are the same files as before.

Only this module imports Ray.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

from dlf.batch.engine import EngineError, Observer, Work
from dlf.batch.inputs import Job
from dlf.batch.settings import Settings
from dlf.batch.work import Outcome, Performer, reason

__all__ = ["connected", "run_ray"]

_MAX_JOBS_PER_BLOCK = 16
_BLOCKS_PER_WORKER = 8
_MAX_BLOCKS = 10_000
_TASKS_IN_FLIGHT = 2
"""One at work and one waiting for each actor: more would only wait where others could take them."""


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a cluster while the block runs; one that is there already is left there.

    Raises:
        EngineError: there is no such cluster, or it fails.
        ImportError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise ImportError(
            "--engine ray needs Ray: pip install '.[ray]' in a clone of DLF"
        ) from None

    ours = not ray.is_initialized()
    try:
        if ours:
            ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
        with _quiet_console():
            yield
    except (ConnectionError, ray.exceptions.RayError) as error:
        raise EngineError(f"Ray: {_cause(error)}") from error
    finally:
        if ours:
            ray.shutdown()


def run_ray(work: Work, observer: Observer, *, workers: int | None, gpus_per_worker: float) -> int:
    """Do all jobs on the cluster that is connected; return the number of actors.

    Raises:
        EngineError: the cluster has no room for the actors.
    """
    import ray

    actors = _actors(
        ray.cluster_resources(), work.settings, observer.count(), workers, gpus_per_worker
    )
    _consume(work, observer, actors, gpus_per_worker)
    return actors


def _actors(
    resources: dict[str, float],
    settings: Settings,
    count: int,
    workers: int | None,
    gpus: float,
) -> int:
    room = int(resources.get("CPU", 0) // (settings.threads or 1))
    if gpus > 0:
        room = min(room, int(resources.get("GPU", 0) / gpus + 1e-9))
    if room < 1 or (workers is not None and workers > room):
        raise EngineError(
            f"the cluster has room for {room} actors with {settings.threads or 1} CPUs and "
            f"{gpus:g} GPUs each, not for {workers or 1}"
        )
    return min(workers or room, count)


def _consume(work: Work, observer: Observer, actors: int, gpus: float) -> None:
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # Small blocks: little is lost with a node, and no actor idles at the end; but not a million.
    count = observer.count()
    blocks = max(count / _MAX_JOBS_PER_BLOCK, min(count, actors * _BLOCKS_PER_WORKER))
    rows = [dataclasses.asdict(job) for job in observer.jobs()]
    dataset = ray.data.from_items(rows, override_num_blocks=round(min(blocks, _MAX_BLOCKS)))
    del rows
    done = dataset.map_batches(
        _Actor,
        fn_constructor_args=(work,),
        compute=ray.data.ActorPoolStrategy(
            size=actors, max_tasks_in_flight_per_actor=_TASKS_IN_FLIGHT
        ),
        batch_size=1,  # Ray would join blocks to fill larger batches
        batch_format="numpy",
        num_cpus=work.settings.threads or 1,
        num_gpus=gpus,
    )
    reported: set[str] = set()
    for row in done.iter_rows():
        job, outcome = _unpacked(row)
        # A node may be lost after its report has been taken: the job is done again, and reported.
        if job.output not in reported:
            reported.add(job.output)
            observer.outcome(job, outcome)
        if observer.stopping():
            return


class _Actor:
    """A worker of the cluster, which holds the model from its start to its end."""

    def __init__(self, work: Work) -> None:
        one = dataclasses.replace(work.settings, threads=work.settings.threads or 1)
        self._performer = Performer(one, work.sources, work.target)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Do the jobs of a batch; their outcomes go back as columns."""
        jobs = [
            Job(int(source), str(name), str(output))
            for source, name, output in zip(
                batch["source"], batch["input"], batch["output"], strict=True
            )
        ]
        return _packed(jobs, [self._perform(job) for job in jobs])

    def _perform(self, job: Job) -> Outcome:
        return self._performer.perform(job, lambda pixels: None, lambda: None)


def _packed(jobs: list[Job], outcomes: list[Outcome]) -> dict[str, list[Any]]:
    import pickle

    return {
        "job": [pickle.dumps(job) for job in jobs],
        "outcome": [pickle.dumps(outcome) for outcome in outcomes],
    }


def _unpacked(row: dict[str, Any]) -> tuple[Job, Outcome]:
    import pickle

    return pickle.loads(row["job"]), pickle.loads(row["outcome"])


@contextlib.contextmanager
def _quiet_console() -> Iterator[None]:
    """Keep Ray Data's log in its files alone: what matters is said here."""
    handlers = [
        handler
        for handler in logging.getLogger("ray.data").handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)


def _cause(error: BaseException) -> str:
    """Return the line that says what happened; Ray puts a traceback of its own before it."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else reason(error)
