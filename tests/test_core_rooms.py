"""How the files of core/src use each other, read from their #include lines."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SRC = Path(__file__).parent.parent / "core/src"
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def units() -> dict[str, set[str]]:
    """Each unit, a header with its source, and the units whose headers it includes."""
    uses: dict[str, set[str]] = {}
    for path in sorted([*SRC.rglob("*.h"), *SRC.rglob("*.cpp")]):
        unit = path.relative_to(SRC).with_suffix("").as_posix()
        included = {
            name.removesuffix(".h")
            for name in INCLUDE.findall(path.read_text(encoding="utf-8"))
            if not name.startswith("../") and (SRC / name).is_file()
        }
        uses.setdefault(unit, set()).update(included - {unit})
    return uses


def test_units_have_no_loops() -> None:
    uses = units()
    assert len(uses) > 50
    assert any(uses.values())
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None
