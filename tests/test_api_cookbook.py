"""Every program in docs/cookbook.md and README.md runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dlf_pillow
import pytest
from PIL import Image

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
    for name in ("photo.png", "photo.jpg"):
        photo.save(tmp_path / name)
    (tmp_path / "photo.dlf").write_bytes(photo_dlf)
    (tmp_path / "cut.dlf").write_bytes(photo_dlf[:-20])
    return tmp_path


@pytest.mark.parametrize("number", range(len(programs("docs/cookbook.md"))))
def test_cookbook(number: int, folder: Path) -> None:
    program = programs("docs/cookbook.md")[number]
    if "DataLoader" in program:
        (folder / "cut.dlf").unlink()
    # A file, because worker processes that are spawned import the program again.
    (folder / "recipe.py").write_text(program)
    result = run(["recipe.py"], folder)
    assert result.returncode == 0, result.stderr


def test_readme(folder: Path) -> None:
    shown = 'Image.open("photo.dlf").show()'
    program = "\n".join(programs("README.md"))
    assert shown in program
    # The picture below is too small for 2,000 bytes or 0.03 bpp to mean anything.
    program = program.replace(shown, "").replace("bpp=0.03", "bpp=30")
    result = run(["-c", program], folder)
    assert result.returncode == 0, result.stderr
    with Image.open(folder / "photo.dlf") as image:
        assert isinstance(image, dlf_pillow.DlfImageFile)


def test_ten_recipes() -> None:
    headings = re.findall(r"^## (\d+)\. ", (ROOT / "docs/cookbook.md").read_text(), re.MULTILINE)
    assert headings == [str(number) for number in range(1, 11)]


def test_other_doors(folder: Path) -> None:
    """matplotlib and scikit-image read through Pillow and imageio."""
    program = (
        "import sys, dlf_pillow\n"
        "try:\n"
        "    {0}\n"
        "except ImportError:\n"
        "    sys.exit(77)\n"
        "print({1}('photo.dlf').shape)"
    )
    for load, name in (
        ("from skimage import io as door", "door.imread"),
        ("from matplotlib import pyplot as door", "door.imread"),
    ):
        result = run(["-c", program.format(load, name)], folder)
        if result.returncode != 77:
            with Image.open(folder / "photo.dlf") as image:
                assert result.stdout.strip() == str((image.height, image.width, 3))
