"""Sentences about what was measured differently, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .metric_table import METRICS
from .metrics import MetricSet
from .people import remarks as people_remarks
from .summary import ALL_METRICS, Mean
from .worker import Record


def failures(records: Sequence[Record]) -> list[str]:
    """One sentence per picture and setting that could not be coded or measured."""
    return [f"{record.name} {record.setting}: {record.error}" for record in records if record.error]


def remarks(records: Sequence[Record], summary: Sequence[Mean], metrics: MetricSet) -> list[str]:
    """What a reader of the means must know; nothing here is an error."""
    found = [
        f"{METRICS[name].label} is not measured: {reason}."
        for name, reason in metrics.unavailable.items()
    ]
    found += people_remarks(summary, metrics)
    pictures = {record.name: record for record in records}
    modes = Counter(record.mode for record in pictures.values() if record.mode != "RGB")
    for mode, count in sorted(modes.items()):
        found.append(f"{_pictures(count)} of mode {mode} measured as 8-bit RGB without alpha.")
    if len({record.width * record.height for record in pictures.values()}) > 1:
        found.append(
            "The pictures differ in size: bpp is the mean of each picture's, not all bits over "
            "all pixels (which the JSON has as pooled_bpp)."
        )
    for name, info in ALL_METRICS.items():
        counts = {mean.counted[name] for mean in summary if name in mean.counted}
        if counts and max(counts) < max(mean.pictures for mean in summary):
            needs = info.needs or f"sides of {info.min_side} pixels"
            found.append(
                f"{info.label} is a mean over {max(counts)} of the pictures: it needs {needs}."
            )
    return found


def _pictures(count: int) -> str:
    return "One picture is" if count == 1 else f"{count} pictures are"
