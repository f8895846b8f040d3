"""Every Python program in docs/cookbook.md and README.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dlf_pillow
import pytest
from conftest import scene
from PIL import Image, ImageFile

pytestmark = pytest.mark.usefixtures("model_environment")

ROOT = Path(__file__).resolve().parents[1]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder`, with the modules that this process finds."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def programs(document: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, photo: Image.Image, photo_dlf: bytes) -> Path:
    """A landscape picture under the name of the recipes, and a portrait beside it."""
    for name in ("photo.png", "photo.jpg"):
        photo.save(tmp_path / name)
    photo.rotate(90, expand=True).save(tmp_path / "portrait.png")
    with Image.open(tmp_path / "portrait.png") as portrait:
        dlf_pillow.save(portrait, tmp_path / "portrait.dlf")
    (tmp_path / "photo.dlf").write_bytes(photo_dlf)
    (tmp_path / "cut.dlf").write_bytes(photo_dlf[:-20])
    return tmp_path


@pytest.mark.parametrize("number", range(len(programs("docs/cookbook.md"))))
def test_cookbook(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = programs("docs/cookbook.md")[number]
    for name in re.findall(r"^import (matplotlib|skimage)", program, re.MULTILINE):
        pytest.importorskip(name)
    if "__main__" in program:  # worker processes that are spawned import the program again
        (folder / "cut.dlf").unlink()
        (folder / "recipe.py").write_text(program)
        result = run(["recipe.py"], folder)
        assert result.returncode == 0, result.stderr
    else:
        execute(program, folder, monkeypatch)


def test_readme(shipped_default: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As written, with the model that is shipped and a picture of usual size."""
    monkeypatch.setenv("DLF_MODEL_PATH", str(shipped_default.parent))
    photograph = Image.fromarray(scene(384, 512, seed=3))
    for name in ("photo.png", "photo.jpg"):
        photograph.save(tmp_path / name)
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda image: shown.append(image))
    execute("\n".join(programs("README.md")), tmp_path, monkeypatch)
    assert [type(image) for image in shown] == [dlf_pillow.DlfImageFile]
    with Image.open(tmp_path / "photo.dlf") as image:
        assert isinstance(image, dlf_pillow.DlfImageFile)


def execute(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a program in this process; what it changes for all images is undone afterwards."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    try:
        exec(compile(program, "recipe.py", "exec"), {"__name__": "__main__"})  # noqa: S102
    finally:
        dlf_pillow.register()


def test_recipes_are_numbered() -> None:
    headings = re.findall(r"^## (\d+)\. ", (ROOT / "docs/cookbook.md").read_text(), re.MULTILINE)
    assert headings == [str(number) for number in range(1, 14)]
