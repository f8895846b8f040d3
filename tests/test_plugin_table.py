"""Every promise in docs/plugins.md names a test that exists, every test of the plugins a promise.

So does every door in docs/desktop.md.
"""

from __future__ import annotations

import ast
import re

from conftest import ROOT

TESTS = ROOT / "tests"
DOCUMENT = ROOT / "docs" / "plugins.md"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
PLUGIN_FILES = ("test_imageio.py", "test_pillow_*.py", "test_plugin_doors.py")


def functions_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_tests_that_exist() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    promises = [row for row in rows if "| test |" not in row and "::" in row]
    assert len(promises) > 50
    headers = sum("| test |" in row for row in rows)
    costs = [row for row in rows if row not in promises and "| test |" not in row]
    assert headers >= 5
    for row in promises:
        named = NAMED.findall(row)
        assert len(named) == row.count("::"), row
        for file, name in named:
            assert name in functions_in(file), f"{file}::{name}"
    for row in costs:  # the only other table
        assert re.search(r"\| [\d.,]+ \||\| median \|", row), row


def test_every_door_of_the_desktop_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "desktop.md").read_text()
    rows = [row for row in text.splitlines() if row.startswith("| ") and "::" in row]
    assert len(rows) >= 10
    named = NAMED.findall(text)
    assert len(named) == text.count("::")
    for file, name in named:
        assert name in functions_in(file), f"{file}::{name}"


def test_every_test_of_the_plugins_has_a_promise() -> None:
    named = set(NAMED.findall(DOCUMENT.read_text()))
    for pattern in PLUGIN_FILES:
        for path in TESTS.glob(pattern):
            for name in functions_in(path.name):
                if name.startswith("test_"):
                    assert (path.name, name) in named, f"{path.name}::{name}"
