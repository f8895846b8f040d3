"""Everything that an evaluation found, as plain values for a JSON file."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from typing import Any

from PIL import features

from . import people
from .bd_rate import BdRate
from .metric_table import values_of
from .summary import ALL_METRICS, Mean
from .worker import Record, as_json, cost_json


def software() -> dict[str, str]:
    """Versions of what shapes the figures."""
    found = {"python": platform.python_version()}
    packages = (
        "torch",
        "numpy",
        "pillow",
        "pillow-jxl-plugin",
        "piq",
        "ssimulacra2",
        "lpips",
    )
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    for feature in ("libjpeg_turbo", "webp", "avif"):
        version = features.version(feature)
        if version:
            found[feature] = version
    return found


def as_document(
    records: Sequence[Record],
    summary: list[Mean],
    rates: dict[str, dict[str, BdRate]],
    notes: Sequence[str],
    unreadable: dict[str, str],
) -> dict[str, Any]:
    """Everything as plain values for a JSON file."""
    return {
        "format": "dlf-eval 1",
        "software": software(),
        "machine": {"architecture": platform.machine(), "cpus": os.cpu_count()},
        "notes": list(notes),
        "unreadable": unreadable,
        "metrics": {
            name: {"label": info.label, "higher_is_better": info.higher_is_better}
            for name, info in ALL_METRICS.items()
        },
        "images": [as_json(record) for record in records],
        "means": [_mean_json(mean) for mean in summary],
        "at_dlf_bytes": {
            kind: [
                {"bpp_limit": row.limit, "codec": row.codec, **_people_json(row.chosen, kind)}
                for row in people.rows(summary, kind)
            ]
            for kind in people.KINDS
        },
        "bd_rate": {
            metric: {codec: dataclasses.asdict(rate) for codec, rate in against.items()}
            for metric, against in rates.items()
        },
    }


def _people_json(mean: Mean | None, kind: str) -> dict[str, Any]:
    if mean is None:
        return {}
    fields = {"quality": mean.setting.quality, "scale": mean.setting.scale, "bpp": mean.bpp}
    values = {name: mean.values.get(name) for name in values_of(kind) if name in ALL_METRICS}
    return {**fields, **values, **{n: mean.totals[n] for n in values_of(kind) if n in mean.totals}}


def _mean_json(mean: Mean) -> dict[str, Any]:
    values = dataclasses.asdict(mean)
    for stage, name in (("encode", "encoding"), ("decode", "decoding")):
        del values[name]
        values.update(cost_json(stage, getattr(mean, name)))
    return {**values.pop("setting"), **values.pop("values"), **values.pop("totals"), **values}
