"""`python -m dlf_pillow --enable`: Pillow knows .dlf files in every program, nobody else notices.

Nothing is written to the environment of the tests: `--enable` writes to a folder of the test, which
the programs take for one of packages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dlf_pillow import enabling
from dlf_pillow.__main__ import main

MOST = 2.0  # milliseconds at the start of a program


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(enabling.sysconfig, "get_path", lambda name: str(folder))
    return folder


@pytest.fixture
def enabled(packages: Path) -> Path:
    assert main(["--enable"]) == 0
    return packages


def run(folder: Path, program: str, *words: object, options: tuple[str, ...] = ()) -> str:
    """Run a program in a Python that starts with the .pth files of `folder`."""
    starts = f"import site; site.addsitedir({str(folder)!r})\n"
    customize = folder.parent / "customize"
    customize.mkdir(exist_ok=True)
    (customize / "sitecustomize.py").write_text(starts)
    path = [str(customize), *(os.path.abspath(entry) for entry in sys.path)]
    done = subprocess.run(
        [sys.executable, *options, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


OPENS = """
import sys
from PIL import Image
before = "dlf_pillow" in sys.modules
with Image.open(sys.argv[1]) as image:
    print(before, image.format, image.size)
    image.load()
    image.save(sys.argv[2])
print(Image.open(sys.argv[2]).format)
"""


def test_any_program_opens_and_saves(
    enabled: Path, photo_dlf: bytes, model_environment: None, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.dlf", tmp_path / "b.dlf"
    source.write_bytes(photo_dlf)
    assert run(enabled, OPENS, source, target) == "False DLF (168, 120)\nDLF\n"


def test_a_start_that_reads_the_line_twice(
    enabled: Path, photo_dlf: bytes, model_environment: None, tmp_path: Path
) -> None:
    """As Python does in every virtual environment: once for it, and once for the installation."""
    (line,) = enabled.glob("*.pth")
    line.write_text(2 * line.read_text())
    source, target = tmp_path / "a.dlf", tmp_path / "b.dlf"
    source.write_bytes(photo_dlf)
    assert run(enabled, OPENS, source, target) == "False DLF (168, 120)\nDLF\n"


def test_others_may_wait_for_pillow_in_the_same_way(enabled: Path) -> None:
    program = """
import sys
class Other:
    def find_spec(self, name, path=None, target=None):
        if name != "PIL.Image":
            return None
        sys.meta_path.remove(self)
        spec = next(filter(None, (f.find_spec(name, path, target) for f in list(sys.meta_path))))
        load = spec.loader.exec_module
        def then(module):
            del spec.loader.exec_module
            load(module)
        spec.loader.exec_module = then
        return spec
sys.meta_path.insert(0, Other())
import PIL.Image
print("DLF" in PIL.Image.OPEN)
"""
    assert run(enabled, program) == "True\n"


def test_saving_comes_first_too(enabled: Path, model_environment: None, tmp_path: Path) -> None:
    program = "import sys; from PIL import Image; Image.new('RGB', (9, 9)).save(sys.argv[1])"
    assert run(enabled, program, tmp_path / "a.dlf") == ""
    assert (tmp_path / "a.dlf").read_bytes()[:4] == b"\xc4LF\n"


def test_importing_the_plugin_works_as_ever(
    enabled: Path, photo_dlf: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.dlf").write_bytes(photo_dlf)
    program = (
        "import sys, dlf_pillow; from PIL import Image; "
        "print(Image.open(sys.argv[1]).size, Image.OPEN['DLF'][0].__name__)"
    )
    assert run(enabled, program, tmp_path / "a.dlf") == "(168, 120) DlfImageFile\n"


def test_it_is_off_before_and_after(
    packages: Path, photo_dlf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.dlf").write_bytes(photo_dlf)
    program = """
import sys
from PIL import Image
try:
    print(Image.open(sys.argv[1]).format)
except OSError as error:
    print(type(error).__name__)
"""
    assert run(packages, program, tmp_path / "a.dlf") == "UnidentifiedImageError\n"
    assert main(["--disable"]) == 0
    assert "was not enabled" in capsys.readouterr().out
    for _ in range(2):
        assert main(["--enable"]) == 0
    assert run(packages, program, tmp_path / "a.dlf") == "DLF\n"
    assert main(["--disable"]) == 0
    assert list(packages.iterdir()) == []
    assert run(packages, program, tmp_path / "a.dlf") == "UnidentifiedImageError\n"


BROKEN = """
import io, sys, warnings
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in sys.argv[2].split():
            raise ImportError(f"no {name} here")
sys.meta_path.insert(0, Missing())
from PIL import Image
file = io.BytesIO()
Image.new("RGB", (5, 4)).save(file, "PNG")
print(Image.open(file).size)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        Image.open(sys.argv[1])
    except Image.UnidentifiedImageError:
        print("unidentified", *(str(each.message) for each in told))
"""


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("dlf", ""),
        ("dlf.signature", ""),
        ("dlf_pillow", " the plugin for .dlf files cannot be loaded: no dlf_pillow here"),
    ],
)
def test_a_broken_installation_harms_no_other_program(
    enabled: Path, photo_dlf: bytes, tmp_path: Path, missing: str, told: str
) -> None:
    (tmp_path / "a.dlf").write_bytes(photo_dlf)
    printed = run(enabled, BROKEN, tmp_path / "a.dlf", missing)
    assert printed == f"(5, 4)\nunidentified{told}\n"


def test_a_file_that_stays_when_dlf_is_gone_does_nothing(enabled: Path, tmp_path: Path) -> None:
    """In a Python without our packages: alone with its own library."""
    line = (enabled / "dlf_pillow.pth").read_text()
    command = [sys.executable, "-I", "-S", "-c", f"{line}print('fine')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_the_start_costs_next_to_nothing(enabled: Path) -> None:
    """The least of twenty runs: other work only adds, and single runs differ by half."""
    costs = []
    for _ in range(20):
        told = run(enabled, "import sys; print('PIL' in sys.modules)", options=("-X", "importtime"))
        assert "False" in told
        found = re.search(r"\|\s*(\d+) \| +dlf_pillow_start$", told, re.MULTILINE)
        assert found is not None
        costs.append(int(found[1]) / 1000)
        assert not re.search(r"\| +(dlf|dlf_pillow|numpy|typing)$", told, re.MULTILINE)
    assert min(costs) < MOST


def test_a_folder_that_cannot_be_written_is_told(
    packages: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(enabling.sysconfig, "get_path", lambda name: str(packages / "absent"))
    assert main(["--enable"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("failed: ")
    assert "absent" in told
