"""From records to figures: means per setting, curves, envelopes, BD-rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

from . import ours
from .bd_rate import BdRate, bd_rate
from .cache import Cache
from .codecs import Setting
from .cost import Cost
from .envelope import Point, best_within
from .frechet import PATCHES, Spread, frechet_distance
from .metric_table import COMPANIONS, COUNTS, METRICS, MetricInfo
from .peers import PEERS
from .worker import Record

# The means over pictures.
MEAN_METRICS = {**METRICS, **{name: info for name, (_, info) in COMPANIONS.items()}}
# The metrics of a whole set of pictures, beside those means.
SET_METRICS = {
    f"frechet_{patch}": MetricInfo(f"Frechet distance, {patch}x{patch}", False, 0)
    for patch in PATCHES
}
ALL_METRICS: dict[str, MetricInfo] = {**MEAN_METRICS, **SET_METRICS}
CODEC_LABELS = {ours.NAME: "DLF", **{name: info.label for name, info in PEERS.items()}}


@dataclass
class Mean:
    """Means over the pictures that were measured at one setting.

    Attributes:
        pictures: how many.
        complete: whether that is all readable ones; only then does the mean stand beside others.
        pooled_bpp: all bits over all pixels.
        values: metric -> mean over the pictures that have it, or None.
        counted: metric -> how many those are, where it is not all.
        totals: of all pictures, by the names in COUNTS.
    """

    setting: Setting
    pictures: int
    complete: bool
    bpp: float
    pooled_bpp: float
    layers_bpp: dict[str, float]
    values: dict[str, float | None]
    counted: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    encoding: Cost | None = None
    decoding: Cost | None = None


def means(
    records: Iterable[Record], cache: Cache | None = None, features: str | None = None
) -> list[Mean]:
    """One Mean per setting, in order. cache and features (their version) give the set metrics."""
    groups: dict[Setting, list[Record]] = {}
    names = set()
    for record in records:
        names.add(record.name)
        group = groups.setdefault(record.setting, [])
        if record.error is None:
            group.append(record)
    spreads = _SpreadReader(cache, features) if cache and features else None
    return [
        _mean(setting, groups[setting], len(groups[setting]) == len(names), spreads)
        for setting in sorted(groups)
        if groups[setting]
    ]


def _mean(
    setting: Setting, group: list[Record], complete: bool, spreads: _SpreadReader | None
) -> Mean:
    pixels = sum(record.width * record.height for record in group)
    layers = list(group[0].layers)
    mean = Mean(
        setting=setting,
        pictures=len(group),
        complete=complete,
        bpp=fmean(record.bpp for record in group),
        pooled_bpp=8 * sum(record.bytes for record in group) / pixels,
        layers_bpp={
            layer: fmean(8 * r.layers.get(layer, 0) / (r.width * r.height) for r in group)
            for layer in layers
        },
        values={},
        encoding=_mean_cost(record.encoding for record in group),
        decoding=_mean_cost(record.decoding for record in group),
    )
    for name, info in MEAN_METRICS.items():
        if all(name not in record.metrics for record in group):
            continue
        found = [(r, value) for r in group if (value := r.metrics.get(name)) is not None]
        weights = [r.metrics[info.counted] or 0 for r, _ in found] if info.counted else None
        mean.values[name] = fmean([value for _, value in found], weights) if found else None
        if len(found) < len(group):
            mean.counted[name] = len(found)
    for name in COUNTS:
        numbers = [value for r in group if (value := r.metrics.get(name)) is not None]
        if numbers:
            mean.totals[name] = round(sum(numbers))
    if spreads:
        mean.values.update(spreads.distances(group))
    return mean


def _mean_cost(costs: Iterable[Cost | None]) -> Cost | None:
    """Mean times, and the largest peak."""
    known = [cost for cost in costs if cost is not None]
    if not known:
        return None
    peaks = [cost.peak_bytes for cost in known if cost.peak_bytes is not None]
    return Cost(
        seconds=fmean(cost.seconds for cost in known),
        cpu_seconds=fmean(cost.cpu_seconds for cost in known),
        peak_bytes=max(peaks, default=None),
    )


class _SpreadReader:
    """Collects the patch features of many pictures from the cache."""

    def __init__(self, cache: Cache, version: str) -> None:
        self._cache = cache
        self._version = version
        self._originals: dict[tuple[str, ...], dict[int, Spread]] = {}

    def distances(self, group: list[Record]) -> dict[str, float | None]:
        originals = tuple(record.original_key for record in group)
        if originals not in self._originals:
            self._originals[originals] = self._spreads(originals)
        first = self._originals[originals]
        second = self._spreads(record.key for record in group)
        return {
            f"frechet_{patch}": frechet_distance(first[patch], second[patch])
            if patch in first and patch in second
            else None
            for patch in PATCHES
        }

    def _spreads(self, keys: Iterable[str]) -> dict[int, Spread]:
        rows: dict[int, list[Any]] = {patch: [] for patch in PATCHES}
        for key in keys:
            features = self._cache.read_features(key, self._version)
            for patch, found in (features or {}).items():
                rows[patch].append(found)
        return {
            patch: Spread.of(joined)
            for patch, parts in rows.items()
            if parts and len(joined := np.concatenate(parts)) > 1
        }


def points(summary: Iterable[Mean], metric: str, codec: str | None = None) -> list[Point]:
    """The complete means of a codec (None: of every classical one) as points of a metric."""
    return [
        Point(mean.bpp, value, str(mean.setting))
        for mean in summary
        if mean.complete
        and (mean.setting.codec == codec if codec else mean.setting.codec != ours.NAME)
        and (value := mean.values.get(metric)) is not None
    ]


def codecs_in(summary: Iterable[Mean]) -> list[str]:
    """Names of the codecs measured, DLF first."""
    found = {mean.setting.codec for mean in summary}
    return [name for name in CODEC_LABELS if name in found]


def metrics_in(summary: Iterable[Mean]) -> list[str]:
    """Names of the metrics that have a value somewhere."""
    found = {name for mean in summary for name, value in mean.values.items() if value is not None}
    return [name for name in ALL_METRICS if name in found]


def bd_rates(summary: list[Mean]) -> dict[str, dict[str, BdRate]]:
    """By metric and classical codec: DLF's BD-rate against it; "best" is all of them together."""
    result: dict[str, dict[str, BdRate]] = {}
    peers = [name for name in codecs_in(summary) if name != ours.NAME]
    for metric in metrics_in(summary):
        if not ALL_METRICS[metric].comparable:
            continue
        up = ALL_METRICS[metric].higher_is_better
        tested = points(summary, metric, ours.NAME)
        if not tested or not peers:
            continue
        result[metric] = {
            name: bd_rate(tested, points(summary, metric, name), up) for name in peers
        }
        if len(peers) > 1:
            result[metric]["best"] = bd_rate(tested, points(summary, metric), up)
    return result


def chosen_at(summary: list[Mean], bpp: float, codec: str | None, metric: str) -> Mean | None:
    """The setting of a codec (None: of any classical one) that is best in `metric` at `bpp`."""
    up = ALL_METRICS[metric].higher_is_better
    best = best_within(points(summary, metric, codec), bpp, up)
    return next((mean for mean in summary if best and str(mean.setting) == best.label), None)
