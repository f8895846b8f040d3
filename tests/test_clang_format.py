"""C and C++ are laid out as .clang-format says."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from conftest import ROOT

VERSION = 14
"""Another version lays some lines out otherwise."""


def test_c_and_cpp_are_formatted() -> None:
    program = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
    if program is None:
        pytest.skip("clang-format is not installed")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"version {VERSION}\.", said):
        pytest.skip(f"{said.strip()} lays some lines out otherwise than version {VERSION}")
    files = [
        path
        for folder in ("core", "python/bindings", "web/native")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".c", ".cpp", ".h") and "third_party" not in path.parts
    ]
    assert len(files) > 200
    checked = subprocess.run(
        [program, "--dry-run", "--Werror", *files], capture_output=True, text=True, check=False
    )
    wrong = {line.split(":")[0] for line in checked.stderr.splitlines() if "error:" in line}
    assert (checked.returncode, sorted(wrong)) == (0, []), "run clang-format -i on these"
