"""The pieces of the page that depend on the comparison: choices, tables, figures, notes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import dlf

from dlf_models.evaluation.metric_table import METRICS

from .bits import BitMap
from .versions import SHOWN_METRICS, Comparison, Version

_NINTHS_ROWS = ("top", "middle", "bottom")
_NINTHS_COLUMNS = ("left", "centre", "right")


def lead(comparison: Comparison) -> str:
    """The sentence below the title."""
    ours = comparison.versions[1]
    height, width = ours.picture.shape[:2]
    share = round(ours.picture.size / ours.size)
    text = f"{width} × {height} pixels in {ours.size:,} bytes: {ours.bpp:.4f} bits per pixel"
    text += f", one {ordinal(share)} of the raw picture." if share > 2 else "."
    if len(comparison.versions) > 2:
        text += " Every other codec was given as many bytes."
    return escape(text)


def ordinal(number: int) -> str:
    """A number above 0 as the denominator of a fraction: 592nd, 1,013th."""
    last = number % 100
    ending = "th" if 10 < last < 20 else {1: "st", 2: "nd", 3: "rd"}.get(last % 10, "th")
    return f"{number:,}{ending}"


def opponent(comparison: Comparison) -> str:
    """The key of the version shown beside DLF at first: the best of the classical codecs."""
    peers = comparison.versions[2:]
    if not peers:
        return comparison.versions[0].key
    return max(peers, key=lambda peer: _rank(peer, comparison.judge)).key


def _rank(version: Version, judge: str) -> tuple[bool, float]:
    """Those within the bytes allowed come first, and among them the one that the judge prefers."""
    value = version.metrics[judge]
    if value is None:  # equal to the original
        return version.fits, float("inf")
    return version.fits, value if METRICS[judge].higher_is_better else -value


def choices(side: str, versions: Sequence[Version], checked: str) -> str:
    """The radio buttons of one side."""
    return "".join(
        f'<label><input type="radio" name="{side}" value="{v.key}"'
        f"{' checked' if v.key == checked else ''}><span>{escape(v.label)}</span></label>"
        for v in versions
    )


def tag(version: Version) -> str:
    """What stands in the corner of the picture."""
    return (
        version.label if version.key == "original" else f"{version.label}, {version.size:,} bytes"
    )


def spoken(version: Version) -> str:
    """One version in words, for a screen reader."""
    if version.key == "original":
        return "the original"
    value = version.metrics.get("lpips")
    quality = "" if value is None else f", LPIPS {value:.3f}"
    return f"{tag(version)}, {version.setting}{quality}"


def alternative(name: str, version: Version) -> str:
    """The alternative text of a version's picture."""
    if version.key == "original":
        return f"{name}, the original"
    return f"{name} as decoded from {version.size:,} bytes of {version.label}"


def figure(name: str, version: Version, source: str) -> str:
    """One picture of the gallery; the viewer takes its pixels from here."""
    height, width = version.picture.shape[:2]
    facts = "" if version.key == "original" else f"{version.size:,} bytes, "
    return (
        f'<figure><img id="version-{version.key}" src="{source}" width="{width}" '
        f'height="{height}" alt="{escape(alternative(name, version))}">'
        f"<figcaption><strong>{escape(version.label)}</strong> "
        f"{escape(facts + version.setting)}</figcaption></figure>"
    )


def numbers_table(comparison: Comparison) -> str:
    """Bytes and metrics of every version but the original."""
    versions = comparison.versions[1:]
    metrics = [m for m in SHOWN_METRICS if any(v.metrics.get(m) is not None for v in versions)]
    heads = [_head("Codec"), _head("Coded as", "text"), _head("Bytes"), _head("Bits per pixel")]
    for name in metrics:
        info = METRICS[name]
        better = "higher is better" if info.higher_is_better else "lower is better"
        heads.append(_head(info.label, arrow=_arrow(name), spoken=f", {better}"))
    best = {name: _best(name, versions) for name in metrics}
    rows = []
    for version in versions:
        cells = [f'<th scope="row" role="rowheader">{escape(version.label)}</th>']
        cells.append(_cell("Coded as", escape(version.setting), "text"))
        cells.append(_cell("Bytes", f"{version.size:,}{'' if version.fits else '*'}"))
        cells.append(_cell("Bits per pixel", f"{version.bpp:.4f}"))
        cells += [_metric_cell(name, version, best[name]) for name in metrics]
        rows.append(f'<tr role="row">{"".join(cells)}</tr>')
    # On a narrow screen each row is a block (style.css), and would no longer be a row by itself.
    return (
        '<table class="numbers" role="table"><caption>Bytes are those of whole files.</caption>'
        f'<thead role="rowgroup"><tr role="row">{"".join(heads)}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def _head(text: str, kind: str = "", arrow: str = "", spoken: str = "") -> str:
    """The head of a column; `spoken` says what an arrow means."""
    classes = f' class="{kind}"' if kind else ""
    more = ""
    if arrow:
        more = f' <span aria-hidden="true">{arrow}</span><span class="unseen">{spoken}</span>'
    return f'<th scope="col" role="columnheader"{classes}>{escape(text)}{more}</th>'


def _cell(label: str, content: str, kind: str = "") -> str:
    """A cell; `label` stands before its content where the heads of the columns are not seen."""
    classes = f' class="{kind}"' if kind else ""
    return f'<td role="cell" data-label="{escape(label)}"{classes}>{content}</td>'


def _label(metric: str) -> str:
    return f"{METRICS[metric].label} {_arrow(metric)}"


def _arrow(metric: str) -> str:
    return "↑" if METRICS[metric].higher_is_better else "↓"


def table_note(comparison: Comparison) -> str:
    """What the marks in the table mean."""
    text = "• the best of a column."
    if any(not version.fits for version in comparison.versions):
        text += " * more bytes than allowed: the codec makes no smaller file, so it is not ranked."
    return escape(text)


def _best(name: str, versions: Sequence[Version]) -> float | None:
    values = [v.metrics[name] for v in versions if v.fits]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return max(known) if METRICS[name].higher_is_better else min(known)


def _metric_cell(name: str, version: Version, best: float | None) -> str:
    value = version.metrics.get(name)
    if value is None:
        return _cell(_label(name), "–")
    text = f"{value:.{METRICS[name].digits}f}"
    if version.fits and value == best:
        return _cell(_label(name), f'{text}<span class="unseen"> best</span>', "best")
    return _cell(_label(name), text)


def bits_text(bits: BitMap) -> str:
    """The map of bits in words."""
    rows, columns = bits.windows.shape
    down, across = bits.positions.shape
    importance = ""
    if bits.rates is not None:
        importance = (
            f" Importance: the map takes {map_cost(bits)}; rate points {bits.rates.min()} to "
            f"{bits.rates.max()}, and {bits.header.rate} where nothing is more or less important."
        )
    windows = "1 window" if rows * columns == 1 else f"{rows * columns} windows"
    return escape(
        f"Tokens of {windows}: {bits.semantic_bytes:,.0f} bytes, {bits.windows.min():.0f} to "
        f"{bits.windows.max():.0f} bits each. Detail at {across} × {down} positions: "
        f"{bits.detail_bytes:,.0f} bytes, {bits.positions.min():.0f} to "
        f"{bits.positions.max():.0f} bits each. Header and coder: {bits.other_bytes:,.0f} bytes."
        f"{importance}"
    )


def map_cost(bits: BitMap) -> str:
    """What the importance map takes of the file, in words."""
    size = bits.map_bits / 8
    return f"{size:.1f} bytes, {100 * size / bits.header.file_bytes:.1f} % of the file"


def rates_choice(bits: BitMap) -> str:
    """The button that shows the importance map, where there is one."""
    if bits.rates is None:
        return ""
    return '<label><input type="radio" name="map" value="rates"><span>Importance</span></label>'


def bits_table(bits: BitMap) -> str:
    """The share of the bits in each ninth of the picture."""
    heads = "".join(f'<th scope="col">{name}</th>' for name in _NINTHS_COLUMNS)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{100 * share:.0f} %</td>" for share in row)
        + "</tr>"
        for name, row in zip(_NINTHS_ROWS, bits.shares(), strict=True)
    )
    return (
        '<table class="ninths"><caption>Share of tokens and detail in each ninth of the picture.'
        f"</caption><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def notes(comparison: Comparison) -> str:
    """How the page came about, and what is missing from it."""
    model = comparison.model
    judge = METRICS[comparison.judge].label
    items = [f"dlf {dlf.__version__}, model {model.name}, id {model.id}, SHA-256 {model.sha256}."]
    if comparison.identities:
        items.append(
            "Each classical codec is shown at the best, by "
            f"{judge}, of its full, half and quarter size, at the highest quality that fits."
        )
        items += [f"{identity}." for identity in comparison.identities]
    items.append("The pictures in this page are stored without loss: they are what was decoded.")
    items += comparison.remarks
    return "".join(f"<li>{escape(item)}</li>" for item in items)
