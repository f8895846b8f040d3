"""B.1, B.2: model ids, read from the table in BITSTREAM.md itself."""

from __future__ import annotations

import re
from pathlib import Path

SPECIFICATION = Path(__file__).resolve().parents[2] / "core" / "BITSTREAM.md"
UNREGISTERED = 2**27


def registered() -> dict[str, int]:
    """B.1: the ids of registered models, by the SHA-256 of their normative parts in hexadecimal."""
    annex = SPECIFICATION.read_text(encoding="utf-8").split("## Annex B", 1)[1]
    annex = annex.split("\n## ", 1)[0]
    rows = re.findall(r"^\| (\d+) \| \S+ \| ([0-9a-f]{64}) \|$", annex, re.MULTILINE)
    return {digest: int(model_id) for model_id, digest in rows if set(digest) != {"0"}}


def model_id(sha256: str) -> int:
    """B.2: the id of the model whose normative part has this hash."""
    derived = UNREGISTERED + int(sha256[:8], 16) % UNREGISTERED
    return registered().get(sha256, derived)
