"""Convert folders of pictures of any size, in several processes or on a Ray cluster.

IN is a folder (its tree is kept), a glob pattern in quotes, an image, or a tar shard in the layout
of webdataset. It may be a URL of one of these, or @FILE, a list with one path or URL a line; @- is
standard input. OUT is the folder or URL that the outputs go to.

A run that ended early, however it ended, goes on where it was when it is started again. What is in
the manifest with the same settings is not done again. Outputs appear whole or not at all.

exit status: 0 all done, 3 done but for the inputs that failed, 1 the run could not go on,
130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from typing import TYPE_CHECKING, Self

from dlf import options
from dlf.cli import arguments as shared
from dlf.cli.failures import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_SOME_FAILED, complain
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.batch import BatchProgress, Settings, Summary

__all__ = ["SUMMARY", "configure", "run"]

SUMMARY = "convert folders of pictures, resumably and in several processes"

_FAILURES_SHOWN = 20
_SECONDS_BETWEEN_LINES = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("inputs", metavar="IN", nargs="+", help="what to convert; see above")
    parser.add_argument("output", metavar="OUT", help="folder or URL for the outputs")
    parser.add_argument(
        "--decode", action="store_true", help="from .dlf files to images, not the other way"
    )
    parser.add_argument(
        "--format",
        default="png",
        metavar="EXT",
        help="extension of the images that --decode writes (default: png)",
    )
    shared.add_target(parser)
    shared.add_importance(parser)
    shared.add_keep(parser)
    shared.add_frame(parser)
    shared.add_overwrite(parser)
    parser.add_argument(
        "--keep-extension", action="store_true", help="a.jpg becomes a.jpg.dlf instead of a.dlf"
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="folder or URL below which the paths of a list keep their tree",
    )
    parser.add_argument(
        "--workers",
        type=shared.checked(_check_workers, shared.number),
        metavar="N",
        help="processes, each with the model loaded (default: one for each CPU; "
        "0: work in this process)",
    )
    parser.add_argument(
        "--megapixels",
        type=shared.checked(_check_megapixels, shared.number),
        metavar="X",
        help="at most X million pixels in memory at once, a larger picture alone (default: 100)",
    )
    parser.add_argument(
        "--manifest",
        metavar="F",
        help=".jsonl or .csv file that says what is done (default: OUT/dlf-batch.jsonl)",
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="try again what failed in an earlier run"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="processes of this machine, or actors of a Ray cluster: "
        "pip install '.[ray]' in a clone",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="cluster to use (default: RAY_ADDRESS, or a new one on this machine)",
    )
    parser.add_argument(
        "--gpus-per-worker",
        type=shared.checked(_check_gpus, shared.number),
        default=0.0,
        metavar="X",
        help="GPUs of each Ray actor; 0.25: four share one (default: 0)",
    )
    shared.add_model(parser)
    shared.add_device(parser)
    shared.add_precision(parser)
    shared.add_backend(parser)
    parser.add_argument(
        "--threads",
        type=shared.checked(options.check_threads, shared.number),
        metavar="N",
        help="threads of each worker (default: its share of the CPUs)",
    )
    shared.add_limits(parser)
    parser.add_argument("--json", action="store_true", help="report in JSON on standard output")
    parser.add_argument("--quiet", action="store_true", help="print failures only")


def run(arguments: argparse.Namespace) -> int:
    """Run the batch, then list its failures."""
    from dlf import batch
    from dlf.batch.budget import DEFAULT_MEGAPIXELS

    if arguments.gpus_per_worker > 0 and arguments.device == "cpu":
        raise ValueError("--gpus-per-worker is for --device cuda")
    with (
        _Reporter(arguments.decode, arguments.quiet) as reporter,
        contextlib.redirect_stdout(sys.stderr),  # Ray prints the troubles of a cluster there
    ):
        summary = batch.run(
            arguments.inputs,
            arguments.output,
            _settings(arguments),
            batch.Running(
                workers=arguments.workers,
                manifest=arguments.manifest,
                retry_failed=arguments.retry_failed,
                also_read=tuple(shared.importance_files(arguments)),
                root=arguments.root,
                megapixels=arguments.megapixels or DEFAULT_MEGAPIXELS,
                engine=arguments.engine,
                ray_address=arguments.ray_address,
                gpus_per_worker=arguments.gpus_per_worker,
            ),
            progress=reporter.show,
        )
    _list_failures(summary)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(summary)))
    elif not arguments.quiet:
        print(_closing_line(summary))
    return _status(summary)


def _settings(arguments: argparse.Namespace) -> Settings:
    from dlf.batch import Settings

    return Settings(
        decode=arguments.decode,
        quality=arguments.quality,
        bpp=arguments.bpp,
        max_bytes=arguments.max_bytes,
        importance=shared.importance_of(arguments),
        keep=tuple(arguments.keep),
        model=arguments.model,
        device=arguments.device,
        precision=arguments.precision,
        backend=arguments.backend,
        threads=arguments.threads,
        extension=arguments.format.lstrip(".").lower(),
        keep_extension=arguments.keep_extension,
        frame=arguments.frame,
        overwrite=arguments.overwrite,
        limits=shared.limits_of(arguments),
    )


class _Reporter:
    """Shows progress, and says once that the batch has been asked to end."""

    def __init__(self, decode: bool, quiet: bool) -> None:
        label = "decoding" if decode else "encoding"
        self._quiet = quiet
        self._bar = ProgressBar(label, "files", lines_every=_SECONDS_BETWEEN_LINES)
        self._asked_to_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.hide()

    def show(self, progress: BatchProgress) -> None:
        """Show how far the batch is."""
        if progress.interrupts and not self._asked_to_end:
            self._asked_to_end = True
            self._bar.hide()
            complain("finishing what is in flight; once more to drop it")
        if not self._quiet:
            more = progress.pictures > progress.done  # pictures in shards
            note = f"{progress.pictures} pictures" if more else ""
            self._bar.show(progress.done, progress.inputs, note)


def _list_failures(summary: Summary) -> None:
    for name, error in summary.failures[:_FAILURES_SHOWN]:
        print(f"dlf: failed: {error if name in error else f'{name}: {error}'}", file=sys.stderr)
    more = len(summary.failures) - _FAILURES_SHOWN
    if more > 0:
        print(f"dlf: {more} more failures stand in {summary.manifest}", file=sys.stderr)
    if summary.stopped:
        print(
            f"dlf: stopped: {summary.stopped}; the same command goes on from here", file=sys.stderr
        )
    elif summary.interrupted:
        print("dlf: interrupted; the same command goes on from here", file=sys.stderr)


def _closing_line(summary: Summary) -> str:
    counts = {
        "done": summary.done,
        "done before": summary.done_before,
        "failed": summary.failed,
        "unfinished": summary.unfinished,
        "ignored": summary.ignored,
    }
    text = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "done")
    if summary.pictures:
        bpp = 8 * summary.dlf_bytes / summary.pixels
        text += (
            f": {summary.pictures} pictures, {summary.output_bytes} bytes, {bpp:.4f} bpp, "
            f"{summary.seconds:.1f} s, {summary.pictures / summary.seconds:.1f} pictures/s"
        )
    return text


def _status(summary: Summary) -> int:
    if summary.stopped:
        return EXIT_FAILURE
    if summary.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_SOME_FAILED if summary.failed or summary.failures else 0


def _check_megapixels(megapixels: object) -> float:
    if not isinstance(megapixels, int | float) or not 0 < megapixels < math.inf:
        raise ValueError(f"must be a number of million pixels above 0, not {megapixels!r}")
    return megapixels


def _check_gpus(gpus: object) -> float:
    if not isinstance(gpus, int | float) or not 0 <= gpus < math.inf:
        raise ValueError(f"must be a number of GPUs of at least 0, not {gpus!r}")
    return gpus


def _check_workers(workers: object) -> int:
    if not isinstance(workers, int) or workers < 0:
        raise ValueError(f"workers must be a number of at least 0, not {workers!r}")
    return workers
