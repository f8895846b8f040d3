"""Which package may use which: the command line is the roof, and no two packages use each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "dlf": ROOT / "python/dlf",
    "dlf_pillow": ROOT / "python/dlf_pillow",
    "dlf_imageio": ROOT / "python/dlf_imageio",
    "dlf_models": ROOT / "models/dlf_models",
    "conformance": ROOT / "conformance",
}
# Rooms inside dlf that lie above the rest of it, and the entry point, which calls the roof.
UPPER = ("dlf.cli", "dlf.batch", "dlf.images")
ENTRY = "dlf.__main__"
MAY_USE = {
    "dlf": set(),
    "dlf_pillow": {"dlf"},
    "dlf_imageio": {"dlf"},
    "dlf.images": {"dlf", "dlf_pillow"},
    "dlf.batch": {"dlf", "dlf.images"},
    "dlf_models": {"dlf", "dlf.images"},
    "dlf.cli": {"dlf", "dlf.images", "dlf.batch", "dlf_models"},
    "conformance": {"dlf", "dlf.images", "dlf_models"},
}


def imports(path: Path) -> Iterator[str]:
    """What a file imports at any time, as absolute names; not what only type checkers read."""

    def visit(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
            yield from visit(child)

    return visit(ast.parse(path.read_text()))


def room(name: str) -> str | None:
    upper = next((r for r in UPPER if name == r or name.startswith(r + ".")), None)
    package = name.partition(".")[0]
    return upper or (package if package in FOLDERS else None)


@pytest.mark.parametrize("package", FOLDERS)
def test_rooms_are_used_from_above_only(package: str) -> None:
    wrong = []
    for path in sorted(FOLDERS[package].rglob("*.py")):
        relative = path.relative_to(FOLDERS[package]).with_suffix("")
        module = ".".join((package, *relative.parts))
        own = room(module)
        assert own is not None
        for name in imports(path):
            used = room(name)
            if used not in (None, own) and used not in MAY_USE[own] and module != ENTRY:
                wrong.append(f"{module} uses {name}")
    assert wrong == []


TRAINING = ROOT / "models/dlf_models"
TRAINING_ROOMS = {
    "package": set(),
    "evaluation": set(),
    "common": {"package"},
    "small": {"common", "package", "evaluation"},
    "paper": {"common", "package", "evaluation"},
}
"""Rooms of dlf_models and those they may use: the two architectures are twins over `common`."""


@pytest.mark.parametrize("name", TRAINING_ROOMS)
def test_architectures_do_not_know_each_other(name: str) -> None:
    wrong = []
    for path in sorted((TRAINING / name).rglob("*.py")):
        folders = path.relative_to(TRAINING).parts[:-1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level > 0:
                base = folders[: len(folders) + 1 - node.level]
                used = (*base, *(node.module or "").split("."))[0]
                if used not in ({name} | TRAINING_ROOMS[name]):
                    wrong.append(f"{path.relative_to(TRAINING)}: {used}")
    assert wrong == []
