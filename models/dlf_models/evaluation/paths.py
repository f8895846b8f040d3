"""What the files that an evaluation writes are called, and where they go."""

from __future__ import annotations

import os
from pathlib import Path

from .codecs import Setting

PLOT_FORMS = {"png": "PNG", "svg": "SVG"}
"""The suffixes of each plot, and the formats."""
REPORT_NAME = "report.md"


def default_directory() -> Path:
    """Where results are kept unless said otherwise: $XDG_CACHE_HOME/dlf/eval."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dlf" / "eval"


def plot_path(folder: Path, metric: str, suffix: str) -> Path:
    """Where the plot of a metric goes."""
    return folder / f"rd_{metric}.{suffix}"


def sheet_path(folder: Path, bpp: float, part: int | None = None) -> Path:
    """Where a contact sheet goes, or its part, from 1."""
    return folder / f"sheet_{bpp:.3f}{'' if part is None else f'_{part}'}.jpg"


def saved_paths(folder: Path, setting: Setting, name: str) -> tuple[Path, Path]:
    """Where the reconstruction and the coded file of one picture go."""
    scale = "" if setting.scale == 1 else f"_{setting.scale}"
    place = folder / f"{setting.codec}_q{setting.quality}{scale}"
    return place / f"{name}.png", place / f"{name}.{setting.codec}"
