"""The report in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import ours, people
from .bd_rate import BdRate, Interval
from .cost import Cost
from .document import software
from .envelope import best_within
from .frechet import PATCHES
from .metric_table import values_of
from .summary import (
    ALL_METRICS,
    CODEC_LABELS,
    Mean,
    chosen_at,
    codecs_in,
    metrics_in,
    points,
)
from .worker import Record

# Rates at which DLF and its peers are set side by side, bits per pixel.
TARGETS = (0.015, 0.03, 0.065, 0.12)


def setting_label(mean: Mean) -> str:
    """What a setting is called in tables: codec, quality, size."""
    setting = mean.setting
    size = {1: "", 2: ", half size", 4: ", quarter size"}[setting.scale]
    return f"{CODEC_LABELS[setting.codec]} q{setting.quality}{size}"


def number(name: str, value: float | None) -> str:
    """Return a metric's value as text with the digits that it deserves; a dash for None."""
    return "–" if value is None else f"{value:.{ALL_METRICS[name].digits}f}"


def heading(name: str) -> str:
    """A metric's label with the direction that is better."""
    info = ALL_METRICS[name]
    return f"{info.label} {'↑' if info.higher_is_better else '↓'}"


def table(rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table; the first row is the head; after the columns of text come numbers."""
    head, *body = rows
    rule = ["---"] * text_columns + ["---:"] * (len(head) - text_columns)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def means_table(summary: list[Mean]) -> str:
    """Every setting that was measured, with the means of everything measured."""
    names = metrics_in(summary)
    head = ["setting", "bpp", *map(heading, names), "encode, CPU s", "decode, CPU s", "memory, MB"]
    rows = [head]
    for codec in codecs_in(summary):
        for mean in sorted((m for m in summary if m.setting.codec == codec), key=lambda m: m.bpp):
            label = setting_label(mean)
            costs = (mean.encoding, mean.decoding)
            if not mean.complete:
                label += f" ({mean.pictures} pictures only)"
            rows.append(
                [
                    label,
                    f"{mean.bpp:.4f}",
                    *(number(name, mean.values.get(name)) for name in names),
                    *("–" if cost is None else f"{cost.cpu_seconds:.3f}" for cost in costs),
                    " / ".join(map(_megabytes, costs)),
                ]
            )
    return table(rows)


def _megabytes(cost: Cost | None) -> str:
    return "–" if cost is None or cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:.0f}"


def layers_table(summary: list[Mean]) -> str | None:
    """Where DLF's bytes go; None without DLF."""
    ours_only = [mean for mean in summary if mean.layers_bpp]
    if not ours_only:
        return None
    layers = list(ours_only[0].layers_bpp)
    rows = [["setting", "bpp", *(f"{layer}, bpp" for layer in layers)]]
    for mean in ours_only:
        parts = [f"{mean.layers_bpp[layer]:.4f}" for layer in layers]
        rows.append([setting_label(mean), f"{mean.bpp:.4f}", *parts])
    return table(rows)


def targets_table(summary: list[Mean], targets: Sequence[float] = TARGETS) -> str | None:
    """Return a table of DLF and the best classical setting at no more than each target rate.

    Beside them stands the best classical value of each metric by itself. None unless both were
    measured.
    """
    names = metrics_in(summary)
    codecs = codecs_in(summary)
    if ours.NAME not in codecs or len(codecs) < 2 or not names:
        return None
    judge = "lpips" if "lpips" in names else names[0]
    rows = [["at most, bpp", "setting", "bpp", *map(heading, names)]]
    for target in targets:
        for codec in (ours.NAME, None):
            mean = chosen_at(summary, target, codec, judge)
            if mean is None:
                who = "DLF" if codec else "classical"
                rows.append([f"{target:g}", f"{who}: none so small", *["–"] * (len(names) + 1)])
                continue
            cells = [number(name, mean.values.get(name)) for name in names]
            rows.append([f"{target:g}", setting_label(mean), f"{mean.bpp:.4f}", *cells])
        best = [
            best_within(points(summary, name), target, ALL_METRICS[name].higher_is_better)
            if ALL_METRICS[name].comparable
            else None
            for name in names
        ]
        if any(best):
            cells = [
                number(name, point.value if point else None)
                for name, point in zip(names, best, strict=True)
            ]
            rows.append([f"{target:g}", "best classical value of each metric", "", *cells])
    return table(rows, text_columns=2)


def people_table(summary: list[Mean], kind: str) -> str | None:
    """Return a table of every codec at no more bytes than DLF takes within each of TARGETS.

    `kind` says what counts. None unless DLF and another codec were measured.
    """
    found = people.rows(summary, kind, TARGETS)
    if not found:
        return None
    names = [name for name in values_of(kind) if name in ALL_METRICS]
    rows = [["at most, bpp", "setting", "bpp", "counted", *map(heading, names)]]
    for row in found:
        limit, mean = f"{row.limit:.4f}", row.chosen
        if mean is None:
            none = f"{CODEC_LABELS[row.codec]}: none so small"
            rows.append([limit, none, *["–"] * (len(names) + 2)])
            continue
        counts = [f"{mean.totals[f'{kind}_{part}']}" for part in ("found", "sought")]
        cells = [number(name, mean.values.get(name)) for name in names]
        rows.append([limit, setting_label(mean), f"{mean.bpp:.4f}", " of ".join(counts), *cells])
    return table(rows, text_columns=2)


def bd_table(rates: dict[str, dict[str, BdRate]]) -> str | None:
    """BD-rates with the interval that they are over; None when there is nothing to compare."""
    if not rates:
        return None
    rows = [["metric", "against", "BD-rate", "over", "of DLF's range", "of theirs"]]
    for metric, against in rates.items():
        for codec, result in against.items():
            label = "best of all" if codec == "best" else f"{CODEC_LABELS[codec]}, any size"
            if result.percent is None:
                over = (
                    f"nothing common: DLF {_interval(metric, result.tested)}, "
                    f"theirs {_interval(metric, result.anchor)}"
                )
                rows.append([heading(metric), label, "–", over, "–", "–"])
                continue
            rows.append(
                [
                    heading(metric),
                    label,
                    f"{result.percent:+.1f} %",
                    _interval(metric, result.common),
                    f"{100 * result.share_of(result.tested):.0f} %",
                    f"{100 * result.share_of(result.anchor):.0f} %",
                ]
            )
    return table(rows, text_columns=2)


def _interval(metric: str, interval: Interval | None) -> str:
    if interval is None:
        return "has too few points"
    return " to ".join(number(metric, end) for end in interval)


def images_table(records: Sequence[Record]) -> str:
    """A section with every picture at every setting."""
    measured = [record for record in records if record.error is None]
    names = [name for name in ALL_METRICS if any(name in r.metrics for r in measured)]
    layers = list(dict.fromkeys(layer for record in measured for layer in record.layers))
    head = ["image", "setting", "bytes", "bpp", *(f"{layer}, bpp" for layer in layers)]
    rows = [[*head, *map(heading, names)]]
    for record in measured:
        rows.append(
            [
                record.name,
                str(record.setting),
                str(record.bytes),
                f"{record.bpp:.4f}",
                *(_layer(record, layer) for layer in layers),
                *(number(name, record.metrics.get(name)) for name in names),
            ]
        )
    return f"\n## Single images\n\n{table(rows, text_columns=2)}\n"


def _layer(record: Record, layer: str) -> str:
    if layer not in record.layers:
        return "–"
    return f"{8 * record.layers[layer] / (record.width * record.height):.4f}"


def markdown(
    summary: list[Mean],
    rates: dict[str, dict[str, BdRate]],
    notes: Sequence[str],
    figures: Sequence[str] = (),
) -> str:
    """Return the whole report in Markdown.

    Args:
        notes: sentences about what was measured and what was not.
        figures: paths to link, of which one of each plot's two formats is shown.
    """
    count = max((mean.pictures for mean in summary), default=0)
    intro = (
        f"Means over {count} pictures. bpp: 8 x bytes of the whole file / pixels, then the mean. "
        "↑ higher is better, ↓ lower is better. Memory: peak above the resting process, "
        "encoding / decoding."
    )
    parts = [intro]
    comparison = targets_table(summary)
    if comparison:
        parts += ["## At no more than a given rate", comparison]
    for kind, label in people.KINDS.items():
        counted = people_table(summary, kind)
        if counted:
            parts += [f"## {label} at no more bytes than DLF's", counted]
    comparisons = bd_table(rates)
    if comparisons:
        parts += [
            "## BD-rate of DLF",
            (
                "Mean change of bytes at equal quality over the interval that both curves cover, "
                "against the envelope of each codec at full, half and quarter size (negative: DLF "
                "needs fewer bytes)."
            ),
            comparisons,
        ]
    shown = [path for path in figures if not path.endswith(".png")]
    if shown:
        parts += ["## Figures", "\n".join(f"![{Path(path).stem}]({path})" for path in shown)]
    layers = layers_table(summary)
    if layers:
        parts += ["## Where DLF's bytes go", layers]
    parts += ["## All settings", means_table(summary)]
    if any(f"frechet_{patch}" in metrics_in(summary) for patch in PATCHES):
        notes = [
            *notes,
            (
                "Frechet distance: on SqueezeNet features of patches; comparable only between "
                "settings on the same pictures."
            ),
        ]
    versions = ", ".join(f"{name} {version}" for name, version in software().items())
    parts.append("\n".join(f"- {note}" for note in [*notes, f"Measured with {versions}."]))
    return "\n\n".join(parts) + "\n"
