"""Rate-distortion plots as PNG and SVG, told apart by marker and dash and not by colour."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from dlf.files import write_atomically

from . import ours
from .envelope import Point, envelope
from .paths import PLOT_FORMS, plot_path
from .summary import ALL_METRICS, CODEC_LABELS, Mean, codecs_in, metrics_in, points
from .weights import optional

# Black, dark and light greys; each codec has its own marker and dash as well.
_STYLES: dict[str, dict[str, Any]] = {
    ours.NAME: {"color": "black", "linestyle": "-", "linewidth": 2.4, "marker": "o"},
    "jpeg": {"color": "0.45", "linestyle": ":", "marker": "s"},
    "webp": {"color": "0.35", "linestyle": "--", "marker": "^"},
    "avif": {"color": "0.25", "linestyle": "-.", "marker": "D"},
    "jxl": {"color": "0.35", "linestyle": (0, (6, 1, 1, 1, 1, 1)), "marker": "v"},
}


def write_plots(summary: list[Mean], folder: Path) -> list[Path]:
    """One plot per metric, `rd_METRIC.png` and `.svg`.

    Each classical codec is drawn as its envelope over full, half and quarter size.

    Raises:
        MetricUnavailable: matplotlib is missing.
    """
    figure_class = optional("matplotlib.figure", "Figure")
    context = optional("matplotlib", "rc_context")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    # A fixed salt and no date: the same figures give the same files.
    with context({"svg.hashsalt": "dlf", "font.size": 10, "font.family": "DejaVu Sans"}):
        for metric in metrics_in(summary):
            if not ALL_METRICS[metric].comparable:
                continue
            figure = figure_class(figsize=(7.0, 4.8), layout="constrained")
            _draw(figure.subplots(), summary, metric)
            for suffix in PLOT_FORMS:
                path = plot_path(folder, metric, suffix)
                metadata = {"Date": None} if suffix == "svg" else None
                file = io.BytesIO()
                figure.savefig(file, format=suffix, dpi=150, metadata=metadata)
                write_atomically(path, file.getvalue())
                written.append(path)
    return written


def _draw(axes: Any, summary: list[Mean], metric: str) -> None:
    info = ALL_METRICS[metric]
    for codec in codecs_in(summary):
        front = envelope(points(summary, metric, codec), info.higher_is_better)
        if not front:
            continue
        style = _STYLES[codec]
        label = CODEC_LABELS[codec]
        if codec != ours.NAME and _scales(summary) != {1}:
            label += " (best of sizes)"
        axes.plot(
            [point.bpp for point in front],
            [point.value for point in front],
            label=label,
            markersize=5,
            markerfacecolor=style["color"] if codec == ours.NAME else "white",
            **{"linewidth": 1.2, **style},
        )
    axes.set_xscale("log")
    axes.set_xlabel("bits per pixel (whole file)")
    arrow = "higher is better" if info.higher_is_better else "lower is better"
    axes.set_ylabel(f"{info.label} ({arrow})")
    ticks = _ticks(points(summary, metric) + points(summary, metric, ours.NAME))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(True, color="0.88", linewidth=0.6)
    axes.legend(frameon=False)


def _scales(summary: list[Mean]) -> set[int]:
    return {mean.setting.scale for mean in summary}


def _ticks(drawn: list[Point]) -> list[float]:
    """1-2-5 steps within the drawn rates, and the ends nearest to them."""
    low, high = min(p.bpp for p in drawn), max(p.bpp for p in drawn)
    steps = [digit * 10.0**power for power in range(-4, 3) for digit in (1, 2, 5)]
    return [step for step in steps if low / 1.6 <= step <= high * 1.6]
