"""Show what .dlf files say about themselves: header, sizes of its parts, model and chunks.

Needs neither torch nor the model; where the model is installed, the sizes of the layers are shown.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from dlf.cli import arguments as shared
from dlf.cli.several import Reporter, work_through
from dlf.images import inputs
from dlf.progress import ProgressBar

if TYPE_CHECKING:
    from dlf.header import File
    from dlf.limits import Limits
    from dlf.types import Progress

__all__ = ["SUMMARY", "configure", "run"]

_MAP_COLUMNS = 60
_SHOWN_OF_MAPS = ("importance_bytes",)
_OF_MAPS = ("importance_map", *_SHOWN_OF_MAPS, "rates")
_OF_REDUCTIONS = ("display_width", "display_height")

SUMMARY = "show header, model, sizes and chunks of .dlf files"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("inputs", nargs="+", metavar="IN.dlf", help="file, folder or pattern")
    shared.add_limits(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, a list for several files")


def run(arguments: argparse.Namespace) -> int:
    """Describe one file, or each of several."""
    from dlf.files import read_bytes

    sources = [found.path for found in inputs.expand(arguments.inputs, inputs.is_dlf)]
    limits = shared.limits_of(arguments)
    reporter = Reporter(arguments.json, quiet=False)

    def describe(source: str, bar: ProgressBar, progress: Progress) -> None:
        facts = _describe(read_bytes(source), limits)
        lines = [f"{'file':<16} {source}"] if len(sources) > 1 else []
        lines += [
            f"{name.replace('_', ' '):<16} {'-' if value is None else value}"
            for name, value in facts.items()
            if name not in ("chunks", *_OF_MAPS, *_OF_REDUCTIONS)
            or (facts["importance_map"] and name in _SHOWN_OF_MAPS)
            or (facts["display_width"] != facts["width"] and name in _OF_REDUCTIONS)
        ]
        lines += map_lines(facts["rates"] or [], facts["rate"])
        for chunk in facts["chunks"]:
            lines.append(
                f"{'chunk':<16} {chunk['type']}, {chunk['stored_bytes']} bytes in the file"
            )
        if len(sources) > 1:
            lines.append("")
        reporter.add({"file": source, **facts}, "\n".join(lines), bar)

    return work_through("reading", sources, describe, reporter)


def _describe(data: bytes, limits: Limits) -> dict[str, Any]:
    from dlf import models
    from dlf.errors import DlfError
    from dlf.header import check_contents, info, opened

    file = opened(data)
    header = info(file, limits=limits)
    check_contents(header)
    try:
        model: models.Model | None = models.find_id(header.model_id)
    except DlfError:
        model = None
    known = model if not header.missing_bytes else None
    layers = None if known is None else _layer_bytes(file, known, limits)
    found = None
    if known is not None and header.importance_map:
        found = _importance_map(file, known, limits)
    return {
        "width": header.width,
        "height": header.height,
        "display_width": header.display_size[0],
        "display_height": header.display_size[1],
        "mode": header.mode,
        "orientation": header.orientation,
        "color_space": header.color_space,
        "version": header.version,
        "model_id": header.model_id,
        "model": None if model is None else model.name,
        "rate": header.rate,
        "file_bytes": header.file_bytes,
        "bpp": round(header.bpp, 5),
        "header_bytes": header.header_bytes,
        "payload_bytes": header.payload_bytes,
        "missing_bytes": header.missing_bytes,
        "semantic_bytes": layers and layers[0],
        "detail_bytes": layers and layers[1],
        "importance_map": header.importance_map,
        "importance_bytes": found and found[1],
        "rates": found and found[0],
        "chunks": [
            {
                "type": chunk.name,
                "critical": chunk.critical,
                "content_bytes": chunk.content_bytes,
                "stored_bytes": chunk.stored_bytes,
            }
            for chunk in header.chunks
        ],
    }


def map_lines(rates: list[list[int]], rate: int) -> list[str]:
    """Return the rate points of all latent positions as text, a line for each row.

    `.` is the rate point of the header. Digits tell by how many ninths of the largest difference a
    position has more. Letters, `a` for one, tell by how many it has less. Of a map that is too wide
    for a terminal every second, third, ... row and column is shown.
    """
    every = math.ceil(max(map(len, rates), default=1) / _MAP_COLUMNS)
    shown = [row[::every] for row in rates[::every]]
    most = max((abs(point - rate) for row in shown for point in row), default=0)

    def sign(point: int) -> str:
        if point == rate:
            return "."
        ninths = math.ceil(abs(point - rate) * 9 / most)
        return str(ninths) if point > rate else chr(ord("a") + ninths - 1)

    titles = ["rates", *[""] * len(shown)]
    return [
        f"{title:<16} {''.join(map(sign, row))}" for title, row in zip(titles, shown, strict=False)
    ]


def _importance_map(file: File, model: Any, limits: Limits) -> tuple[list[list[int]], float] | None:
    """Return the rate points of all positions, and the bytes of the map; None for a damaged one."""
    from dlf.errors import DlfError
    from dlf.symbols import importance_map

    try:
        rates, bits = importance_map(file, model, limits=limits)
    except DlfError:
        return None
    return rates.tolist(), round(bits / 8, 1)


def _layer_bytes(file: File, model: Any, limits: Limits) -> tuple[int, int] | None:
    """Return the bytes of the semantic and of the detail layer; None for a damaged payload."""
    from dlf.errors import DlfError
    from dlf.symbols import layer_bytes

    try:
        return layer_bytes(file, model, limits=limits)
    except DlfError:
        return None
