"""How the files of core/src use each other, read from their #include lines."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

CORE = Path(__file__).parent.parent / "core"
SRC = CORE / "src"
# From the lowest to the highest; a room may include what lies below it (docs/architecture.md).
ROOMS = ("base", "container", "machine", "model", "entropy", "codec", "torch", "api")
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


def test_a_room_includes_those_below_it_alone() -> None:
    assert {path.name for path in SRC.iterdir()} == set(ROOMS)
    wrong = [
        f"{unit} includes {used}"
        for unit, all_used in units().items()
        for used in all_used
        if ROOMS.index(used.split("/")[0]) > ROOMS.index(unit.split("/")[0])
    ]
    assert wrong == []


def test_includes_are_named_from_the_root() -> None:
    wrong = [
        f"{path.relative_to(CORE)} includes {name}"
        for path in [*SRC.rglob("*.h"), *SRC.rglob("*.cpp")]
        for name in INCLUDE.findall(path.read_text(encoding="utf-8"))
        if not ((SRC / name).is_file() or (CORE / "include" / name).is_file() or "miniz" in name)
    ]
    assert wrong == []


def test_the_list_of_sources_is_whole() -> None:
    listed = (CORE / "sources.txt").read_text(encoding="utf-8").splitlines()
    assert listed == sorted(path.relative_to(CORE).as_posix() for path in SRC.rglob("*.cpp"))


def test_units_have_no_loops() -> None:
    uses = units()
    assert len(uses) > 50
    assert any(uses.values())
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None
