"""One self-contained HTML file: the template with style, script, pictures and data put in.

The page forbids itself any network access. Its content security policy allows data URIs for
pictures, and exactly the style and the script that it was written with, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from functools import cache
from html import escape
from importlib import resources

import dlf
from PIL import Image, features

from dlf_models.evaluation.pictures import Picture

from . import html
from .bits import BitMap
from .versions import Comparison

GENERATOR = "dlf compare"
"""What a page says that it was made by, before the version."""

_LARGEST_WEBP_SIDE = 16_383
_KINDS = {  # of maps, by what the script calls them
    "windows": {
        "title": "Semantic tokens: bits of each window",
        "per": "per window",
        "spoken": "The map shows the bits of the semantic tokens in each window",
    },
    "positions": {
        "title": "Detail: bits at each position of the latent grid",
        "per": "per position",
        "spoken": "The map shows the bits of the detail symbols at each position",
    },
}


def render(comparison: Comparison) -> str:
    """The whole page."""
    versions, name = comparison.versions, comparison.name
    style, script = _part("style.css"), _part("script.js")
    stem = name.rsplit(".", 1)[0]
    values = {
        "title": escape(f"{name}: DLF at {len(comparison.file):,} bytes"),
        "generator": f"{GENERATOR} {dlf.__version__}",
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "name": escape(name),
        "lead": html.lead(comparison),
        "left_choices": html.choices("left", versions, html.opponent(comparison)),
        "right_choices": html.choices("right", versions, "dlf"),
        "table": html.numbers_table(comparison),
        "table_note": html.table_note(comparison),
        "bits_text": html.bits_text(comparison.bits),
        "bits_table": html.bits_table(comparison.bits),
        "rates_choice": html.rates_choice(comparison.bits),
        "gallery": "".join(html.figure(name, v, _picture_uri(v.picture)) for v in versions),
        "notes": html.notes(comparison),
        "file_name": escape(f"{stem}.dlf"),
        "file_uri": _uri("application/octet-stream", comparison.file),
        "file_bytes": f"{len(comparison.file):,}",
        "data": _data(comparison),
    }
    # In one pass, so that nothing that is put in is taken for a place to fill.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], _part("template.html"))


def _data(comparison: Comparison) -> str:
    height, width = comparison.versions[0].picture.shape[:2]
    document = {
        "width": width,
        "height": height,
        "versions": {
            v.key: {"label": v.label, "tag": html.tag(v), "spoken": html.spoken(v)}
            for v in comparison.versions
        },
        "bits": comparison.bits.as_json(),
        "kinds": _kinds(comparison.bits),
    }
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")


def _kinds(bits: BitMap) -> dict[str, dict[str, str]]:
    """What the legend says of each map."""
    if bits.rates is None:
        return _KINDS
    title = f"Importance: rate point at each position; the map takes {html.map_cost(bits)}"
    spoken = f"The map shows the rate point at each position. It takes {html.map_cost(bits)}"
    return {**_KINDS, "rates": {"title": title, "per": "at most", "spoken": spoken}}


def _picture_uri(picture: Picture) -> str:
    """Lossless WebP where it can hold the picture, else PNG: what is shown is what was decoded."""
    image, file = Image.fromarray(picture), io.BytesIO()
    if max(image.size) <= _LARGEST_WEBP_SIDE and features.check("webp"):
        image.save(file, "WEBP", lossless=True, quality=100, method=4)
        return _uri("image/webp", file.getvalue())
    image.save(file, "PNG", optimize=True)
    return _uri("image/png", file.getvalue())


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")
