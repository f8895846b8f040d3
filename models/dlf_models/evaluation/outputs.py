"""Every file that an evaluation may write, known before it begins, so that none is an input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from dlf.outputs import Output

from .paths import PLOT_FORMS, REPORT_NAME, plot_path, saved_paths, sheet_path
from .summary import ALL_METRICS
from .worker import Task

_SAVED_FORMS = {"dlf": "DLF", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF", "jxl": "JPEG XL"}


def plots(folder: Path, sheets: Sequence[float]) -> Iterable[Output]:
    """What --plots writes; of the parts of a sheet, those that there are already."""
    for metric in ALL_METRICS:
        for suffix, form in PLOT_FORMS.items():
            yield Output(str(plot_path(folder, metric, suffix)), form)
    for bpp in sheets:
        whole = sheet_path(folder, bpp)
        for path in (whole, *folder.glob(f"{whole.stem}_*.jpg")):
            yield Output(str(path), "JPEG")
    yield Output(str(folder / REPORT_NAME), "Markdown")


def saved(folder: Path, tasks: Iterable[Task]) -> Iterable[Output]:
    """What --save writes."""
    for task in tasks:
        for setting in task.settings:
            picture, coded = saved_paths(folder, setting, task.name)
            yield Output(str(picture), "PNG")
            yield Output(str(coded), _SAVED_FORMS[setting.codec])
