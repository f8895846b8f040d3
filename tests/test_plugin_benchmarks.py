"""Times of the Pillow plugin, a 768x512 picture: `make bench` measures, `make test` only runs.

What happens once in a process (the import, the first open) is measured by scripts/plugin_costs.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlf_pillow  # noqa: F401 - registers
import pytest
from conftest import ROOT, scene
from dlf import models
from dlf.errors import ModelError
from PIL import Image

HEIGHT, WIDTH = 512, 768
THUMBNAIL = (128, 128)
Benchmark = Callable[..., Any]


@pytest.fixture(scope="module")
def file(shipped_test_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture coded with the default model where it is installed, else with the test model."""
    try:
        model = models.find().path
    except ModelError:
        model = shipped_test_package
    path = tmp_path_factory.mktemp("benchmark") / "picture.dlf"
    Image.fromarray(scene(HEIGHT, WIDTH, seed=9)).save(path, model=model)
    Image.open(path).load()  # the networks are loaded now
    return path


def test_open(benchmark: Benchmark, file: Path) -> None:
    assert benchmark(Image.open, file).size == (WIDTH, HEIGHT)


def test_load(benchmark: Benchmark, file: Path) -> None:
    assert benchmark(lambda: Image.open(file).convert("RGB")).size == (WIDTH, HEIGHT)


def test_thumbnail(benchmark: Benchmark, file: Path) -> None:
    """Beside `test_load`: what draft() saves."""

    def thumbnail() -> Image.Image:
        image = Image.open(file)
        image.thumbnail(THUMBNAIL)
        return image

    assert benchmark(thumbnail).width == THUMBNAIL[0]


def test_the_script_measures_every_row(model_environment: None, tmp_path: Path) -> None:
    document = tmp_path / "plugins.md"
    shutil.copy(ROOT / "docs" / "plugins.md", document)
    command = [sys.executable, ROOT / "scripts" / "plugin_costs.py", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--write", document], capture_output=True, text=True, check=True
    )
    assert f"\n<!-- costs -->\n{done.stdout}<!-- end of costs -->\n" in document.read_text()
    title, _, *rows = done.stdout.splitlines()
    assert title == "| what | median | least |"
    assert len(rows) == 10
    assert all(re.fullmatch(r"\| .+ \| [\d.e+]+ \| [\d.e+]+ \|", row) for row in rows)
