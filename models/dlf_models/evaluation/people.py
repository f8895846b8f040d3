"""Faces and words of every codec at the bytes of DLF: rows for the report and its JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import ours
from .metrics import MetricSet
from .summary import Mean, chosen_at, codecs_in, metrics_in

KINDS = {"faces": "Faces", "words": "Words"}
"""The metrics that count things that people look for, and what these are called."""


@dataclass(frozen=True)
class Row:
    """A codec beside DLF.

    Attributes:
        limit: DLF's mean rate, bits per pixel.
        chosen: the setting of `codec` that is best in the metric at no more than that; None when
            all take more.
    """

    limit: float
    codec: str
    chosen: Mean | None


def rows(summary: list[Mean], kind: str, targets: Sequence[float] | None = None) -> list[Row]:
    """DLF and every other codec beside it, by what `kind` counts; nothing without both.

    targets: rates in bits per pixel, at each of which DLF's largest setting within it is taken;
    None = every setting of DLF.
    """
    codecs = codecs_in(summary)
    if kind not in metrics_in(summary) or ours.NAME not in codecs or len(codecs) < 2:
        return []
    result = []
    dlf = [mean for mean in summary if mean.setting.codec == ours.NAME and mean.complete]
    dlf.sort(key=lambda mean: mean.bpp)
    if targets is not None:
        within = [[mean for mean in dlf if mean.bpp <= target] for target in targets]
        largest = [fitting[-1] for fitting in within if fitting]
        dlf = [mean for mean in dlf if mean in largest]
    for mean in dlf:
        result.append(Row(mean.bpp, ours.NAME, mean))
        result += [
            Row(mean.bpp, codec, chosen_at(summary, mean.bpp, codec, kind))
            for codec in codecs
            if codec != ours.NAME
        ]
    return result


def remarks(summary: Sequence[Mean], metrics: MetricSet) -> list[str]:
    """How many faces and words there are, and who says so."""
    found = []
    for kind, label in KINDS.items():
        sought = [
            mean.totals[f"{kind}_sought"] for mean in summary if mean.totals.get(f"{kind}_sought")
        ]
        if sought:
            found.append(
                f"{label} in the originals: {max(sought)}, by {metrics.identities[kind]}. "
                "Shares are of all of them, whatever picture they are in."
            )
    return found
