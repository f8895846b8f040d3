"""The work of `dlf eval`: from the options to the report and the files beside it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from dlf.files import write_atomically
from dlf.outputs import Output, Overwrite, judge, refuse_existing
from dlf.progress import ProgressBar

from . import notes, ours, outputs, report
from .cache import Cache
from .codecs import CodecUnavailable, Setting
from .document import as_document
from .metric_table import METRICS
from .paths import REPORT_NAME, default_directory
from .peers import parse_against
from .pictures import find_pictures
from .plots import write_plots
from .run import Outcome, make_tasks
from .run import run as measure
from .sheet import write_sheet
from .summary import Mean, bd_rates, means
from .weights import MetricUnavailable
from .worker import Plan, Task, Worker

SECONDS_BETWEEN_LINES = 15.0
"""Of progress, where standard error is no terminal."""
CARD_BEGIN = "<!-- evaluation: begin -->"
CARD_END = "<!-- evaluation: end -->"


@dataclass(frozen=True)
class EvalOptions:
    """What `dlf eval` is told; `dlf eval --help` says what each means."""

    images: list[str]
    against: list[str] = field(default_factory=list)
    quality: list[str] | None = None
    model: str | None = None
    device: str = "cpu"
    no_dlf: bool = False
    lpips: Path | None = None
    metrics: list[str] | None = None
    json: Path | None = None
    plots: Path | None = None
    sheet: list[float] = field(default_factory=list)
    """Bits per pixel of the contact sheets."""
    sheet_width: int | None = None
    save: Path | None = None
    card: Path | None = None
    per_image: bool = False
    cache: Path | None = None
    no_cache: bool = False
    processes: int | None = None
    frame: int | None = None
    overwrite: Overwrite = "alike"
    quiet: bool = False


def run(options: EvalOptions) -> bool:
    """Measure as the options of `dlf eval` say.

    Returns:
        Whether all was measured; the report says what could not be.

    Raises:
        ValueError: wrong usage, or nothing could be measured.
        DlfError: the model is missing or wrong.
    """
    if not options.no_cache:
        return _evaluate(options, options.cache or default_directory())
    with tempfile.TemporaryDirectory(prefix="dlf-eval-") as folder:
        return _evaluate(options, Path(folder))


def _evaluate(options: EvalOptions, cache: Path) -> bool:
    paths, complaints = find_pictures(options.images)
    if not paths:
        raise ValueError("; ".join(complaints))
    peers, qualities = _wanted(options)
    if options.card:
        _split_card(options.card)  # complains now, and not after an hour
    plan = Plan(
        cache=cache,
        lpips=options.lpips,
        metrics=tuple(options.metrics) if options.metrics else None,
        model=ours.model_path(options.model),
        device=options.device,
        save=options.save,
        frame=options.frame,
    )
    worker = Worker(plan)
    settings, missing = _available(worker, peers, qualities, not options.no_dlf)
    complaints += missing
    tasks = make_tasks(paths, settings)
    _judge(options, plan, paths, tasks)
    processes = options.processes or min(2, os.cpu_count() or 1)
    with ProgressBar("measuring", "settings", SECONDS_BETWEEN_LINES) as bar:
        show = _show_nothing if options.quiet else bar.show
        outcome = measure(plan, tasks, processes, show, worker)
    complaints += outcome.unreadable.values()
    complaints += notes.failures(outcome.records)
    for complaint in complaints:
        print(f"dlf: {complaint}", file=sys.stderr)
    summary = means(outcome.records, Cache(cache), worker.features_version)
    if not summary:
        raise ValueError("nothing could be measured")
    _write(options, worker, paths, outcome, summary, complaints)
    return not complaints


def _show_nothing(done: int, total: int, what: str) -> None:
    """Leave standard error to complaints."""


def _judge(options: EvalOptions, plan: Plan, paths: list[Path], tasks: list[Task]) -> None:
    """Look at all outputs before any work.

    Raises:
        ValueError, OSError: one must not or cannot be written.
    """
    written: list[Output] = []
    if options.json:
        written.append(Output(str(options.json), "JSON"))
    if options.card:
        written.append(Output(str(options.card), "Markdown"))
    if options.plots:
        written += outputs.plots(options.plots, options.sheet)
    if options.save:
        written += outputs.saved(options.save, tasks)
    read = [*paths, *(path for path in (plan.lpips, plan.model) if path)]
    judge(written, read, options.overwrite, makes_folders=True)
    for output in written:
        if output.path != str(options.card):  # of which only the report is replaced
            refuse_existing(output.path, options.overwrite)


def _wanted(options: EvalOptions) -> tuple[list[Setting], list[int] | None]:
    """The classical settings and DLF's qualities asked for; None = every rate point."""
    peers = [setting for item in options.against for setting in parse_against(item)]
    if options.no_dlf and not peers:
        raise ValueError("--no-dlf leaves nothing to measure without --against")
    for name in options.metrics or ():
        if name not in METRICS:
            raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
    return peers, parse_qualities(options.quality)


def _available(
    worker: Worker, peers: list[Setting], qualities: list[int] | None, with_dlf: bool
) -> tuple[list[Setting], list[str]]:
    """What can be measured here, and a complaint for each codec that cannot."""
    settings: list[Setting] = []
    complaints = []
    for name in dict.fromkeys(setting.codec for setting in peers):
        try:
            worker.codec(name)
        except CodecUnavailable as error:
            complaints.append(f"{name} is not measured: {error}")
            continue
        settings += [setting for setting in peers if setting.codec == name]
    if with_dlf:
        try:
            codec = worker.codec(ours.NAME)
        except CodecUnavailable as error:
            if not settings:
                raise error.__cause__ or error from None
            complaints.append(f"DLF is not measured: {error}")
        else:
            if qualities is None and isinstance(codec, ours.Dlf):
                qualities = codec.qualities
            settings += [Setting(ours.NAME, 1, quality) for quality in qualities or []]
    if not settings:
        raise ValueError("; ".join(complaints))
    return settings, complaints


def parse_qualities(words: list[str] | None) -> list[int] | None:
    """`20 50` or `20,50` -> [20, 50].

    Raises:
        ValueError: what is wrong with the word.
    """
    if words is None:
        return None
    qualities = []
    for word in " ".join(words).replace(",", " ").split():
        if not word.isdecimal() or int(word) > 100:
            raise ValueError(f"--quality takes whole numbers from 0 to 100, not {word!r}")
        qualities.append(int(word))
    return qualities


def _write(
    options: EvalOptions,
    worker: Worker,
    paths: list[Path],
    outcome: Outcome,
    summary: list[Mean],
    complaints: list[str],
) -> None:
    remarks = [*complaints, *notes.remarks(outcome.records, summary, worker.metrics)]
    try:
        rates = bd_rates(summary)
    except MetricUnavailable as error:
        rates = {}
        remarks.append(f"BD-rate is not computed: {error}.")
    figures: list[Path] = []
    if options.plots:
        try:
            figures = write_plots(summary, options.plots)
        except MetricUnavailable as error:
            remarks.append(f"There are no plots: {error}.")
        for bpp in options.sheet:
            figures += write_sheet(worker, paths, summary, bpp, options.plots, options.sheet_width)

    def text(beside: Path | None) -> str:
        """The report; figures are linked from the folder `beside`, where there is one."""
        links = [os.path.relpath(figure, beside) for figure in figures] if beside else []
        whole = report.markdown(summary, rates, remarks, links)
        return whole + (report.images_table(outcome.records) if options.per_image else "")

    if options.json:
        document = as_document(outcome.records, summary, rates, remarks, outcome.unreadable)
        _write_text(options.json, json.dumps(document, indent=1) + "\n")
    if options.plots:
        _write_text(options.plots / REPORT_NAME, text(options.plots))
    if options.card:
        before, after = _split_card(options.card)
        inside = text(options.card.parent)
        _write_text(options.card, f"{before}{CARD_BEGIN}\n\n{inside}\n{CARD_END}{after}")
    print(text(None), end="")


def _split_card(path: Path) -> tuple[str, str]:
    """The card before and after the part that a report replaces.

    Raises:
        ValueError, OSError: what is wrong with the card.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: no text") from None
    before, begin, rest = text.partition(CARD_BEGIN)
    _, end, after = rest.partition(CARD_END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines {CARD_BEGIN} and {CARD_END} for the report")
    return before, after


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name that is no UTF-8 is shown as well as it can be.
    write_atomically(path, text.encode("utf-8", "backslashreplace"))
