"""Running an evaluation: pictures x settings over a few processes, with progress.

Stopping loses only what is being measured at that moment: results are in the cache, and the same
command goes on from there.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from .codecs import Setting
from .pictures import UnreadablePicture
from .worker import Plan, Record, Task, Worker

# Settings that are measured in one go: small enough for progress to be seen.
_TASK_SETTINGS = 6


@dataclass
class Outcome:
    """records: every picture at every setting that was reached; unreadable: file -> reason."""

    records: list[Record] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)


def picture_names(paths: list[Path]) -> dict[Path, str]:
    """A short name for each file, no two the same: stem, or file name, or with its folders."""
    forms: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: "_".join(path.resolve().parts[1:]),
    )
    names: dict[Path, str] = {}
    for form in forms:
        candidates = [form(path) for path in paths]
        for path, name in zip(paths, candidates, strict=True):
            if path not in names and candidates.count(name) == 1 and name not in names.values():
                names[path] = name
    return names


def make_tasks(paths: list[Path], settings: Iterable[Setting]) -> list[Task]:
    """Pieces of work of one picture and a few settings of one codec, picture by picture."""
    by_codec: dict[str, list[Setting]] = {}
    for setting in dict.fromkeys(settings):
        by_codec.setdefault(setting.codec, []).append(setting)
    names = picture_names(paths)
    return [
        Task(path, names[path], tuple(group[start : start + _TASK_SETTINGS]))
        for path in paths
        for group in by_codec.values()
        for start in range(0, len(group), _TASK_SETTINGS)
    ]


def run(
    plan: Plan,
    tasks: list[Task],
    processes: int,
    show: Callable[[int, int, str], None] = lambda done, total, what: None,
    worker: Worker | None = None,
) -> Outcome:
    """Measure all tasks.

    Args:
        plan: what is measured, and how.
        tasks: pictures and their settings.
        processes: that measure side by side.
        show: called with how many settings are done, how many there are, and what the last was.
        worker: this process's, where there is one already.

    Raises:
        CodecUnavailable: a codec is missing.
        OSError: a measuring process dies.
    """
    outcome = Outcome()
    total = sum(len(task.settings) for task in tasks)
    done = 0
    if processes <= 1 or len(tasks) == 1:
        results = _serial(worker or Worker(plan), tasks)
    else:
        results = _parallel(plan, tasks, min(processes, len(tasks)))
    for task, records, reason in results:
        outcome.records += records
        text = f"{task.name} {task.settings[-1]}"
        if reason is not None:
            outcome.unreadable[str(task.path)] = text = reason
        elif records[-1].error is None:
            text += f"  {records[-1].bpp:.4f} bpp"
        done += len(task.settings)
        show(done, total, text)
    order = {task.name: place for place, task in enumerate(tasks)}
    outcome.records.sort(key=lambda record: (order[record.name], record.setting))
    return outcome


_Result = tuple[Task, list[Record], str | None]  # the last: why the picture cannot be read


def _measure_with(worker: Worker, task: Task) -> _Result:
    try:
        return task, worker.measure(task), None
    except UnreadablePicture as error:
        return task, [], f"{task.path}: {error}"


def _serial(worker: Worker, tasks: list[Task]) -> Iterator[_Result]:
    for task in tasks:
        yield _measure_with(worker, task)


_worker: Worker  # of a measuring process


def _start(plan: Plan) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C: end at once, without a traceback
    _worker = Worker(plan)


def _measure(task: Task) -> _Result:
    return _measure_with(_worker, task)


def _parallel(plan: Plan, tasks: list[Task], processes: int) -> Iterator[_Result]:
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    pool = concurrent.futures.ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start, initargs=(plan,)
    )
    try:
        waiting = [pool.submit(_measure, task) for task in tasks]
        for future in concurrent.futures.as_completed(waiting):
            yield future.result()
    except BrokenProcessPool:
        raise ChildProcessError(
            "a measuring process died (out of memory?); what was measured is kept: "
            "run the same command again to go on, perhaps with --processes 1"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
