"""scripts/new_default.py: a package becomes the default model, in the registry and its mirror."""

from __future__ import annotations

import sys
from pathlib import Path

import dlf
import pytest
from conftest import ROOT
from integer_models import encoding_package

sys.path.insert(0, str(ROOT / "scripts"))
import new_default
from new_default import INITIALISER, REGISTRY, RESERVED, ROW, SPECIFICATION, TARGET, entries


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with the registry, its mirror, and an entry that is reserved."""
    for path in (SPECIFICATION, REGISTRY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / path).read_text(encoding="utf-8")
        pattern = ROW if path == SPECIFICATION else INITIALISER
        for entry in entries(text, pattern):
            if entry.id == 6:
                text = text.replace(entry.sha256, RESERVED)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / TARGET).parent.mkdir(parents=True)
    return tmp_path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "new.dlfm"
    path.write_bytes(encoding_package())
    return path


def texts(tree: Path) -> list[str]:
    return [(tree / path).read_text(encoding="utf-8") for path in (SPECIFICATION, REGISTRY)]


def test_it_takes_the_reserved_entry(tree: Path, package: Path) -> None:
    before = texts(tree)
    entry = new_default.put_in(package, tree)
    sha256 = dlf.models.load(package).sha256
    assert (entry.id, entry.name, entry.sha256) == (6, "dlf-s-5", sha256)
    assert [text.replace(sha256, RESERVED) for text in texts(tree)] == before
    assert (tree / TARGET).read_bytes() == package.read_bytes()


def test_without_one_it_takes_the_next_id(tree: Path, package: Path) -> None:
    for path in (SPECIFICATION, REGISTRY):
        text = (tree / path).read_text(encoding="utf-8")
        (tree / path).write_text(text.replace(RESERVED, "1" * 64), encoding="utf-8")
    entry = new_default.put_in(package, tree)
    assert (entry.id, entry.name) == (9, "dlf-s-8")
    specification, mirror = texts(tree)
    assert entries(specification, ROW)[-1] == entry
    assert entries(mirror, INITIALISER) == entries(specification, ROW)


def test_a_second_time_changes_nothing(tree: Path, package: Path) -> None:
    first = new_default.put_in(package, tree)
    before = [(tree / path).stat().st_mtime_ns for path in (SPECIFICATION, REGISTRY)]
    assert new_default.put_in(tree / TARGET, tree) == first
    assert [(tree / path).stat().st_mtime_ns for path in (SPECIFICATION, REGISTRY)] == before


@pytest.mark.parametrize("kind", ["torch", "damaged", "large"])
def test_what_cannot_be_the_default_changes_nothing(
    kind: str, tree: Path, package: Path, torch_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(tree)
    if kind == "torch":
        package = torch_package
    elif kind == "damaged":
        data = bytearray(package.read_bytes())
        data[len(data) // 2] ^= 1
        package.write_bytes(data)
    else:
        monkeypatch.setattr(new_default, "MOST_BYTES", 1000)
    with pytest.raises(dlf.ModelError):
        new_default.put_in(package, tree)
    assert texts(tree) == before
    assert not (tree / TARGET).exists()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["new_default.py"])
    assert new_default.main() == 2
    monkeypatch.setattr(sys, "argv", ["new_default.py", str(tmp_path / "none.dlfm")])
    assert new_default.main() == 1
