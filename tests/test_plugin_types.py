"""The type hints of the public packages, as a user's own strict checker sees them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGES = ("dlf", "dlf_pillow", "dlf_imageio")

CONSUMER = """
from pathlib import Path
from typing import assert_type

import dlf
import dlf_imageio
import dlf_pillow
import numpy as np
import numpy.typing as npt
from PIL import Image

image = Image.new("RGB", (8, 8))
data = dlf.encode(image, quality=50, exif=Image.Exif(), xmp="<x/>")
assert_type(data, bytes)
assert_type(dlf.decode(data, layers="semantic"), npt.NDArray[np.uint8])
header = dlf.info(data)
assert_type(header, dlf.Info)
assert_type(header.size, tuple[int, int])
assert_type(header.exif, bytes | None)
codec = dlf.Codec(model=Path("x.dlfm"), device="cpu", threads=1)
assert_type(codec.encode(image, max_bytes=500), bytes)

dlf_pillow.register(threads=2, model=Path("x.dlfm"), layers="semantic")
dlf_pillow.save(image, Path("x.dlf"), quality=50)
opened = Image.open("x.dlf")
if isinstance(opened, dlf_pillow.DlfImageFile):
    opened.decode_options(threads=1, layers="all")
    assert_type(opened.n_frames, int)
    assert_type(opened.is_animated, bool)
    opened.verify()
dlf_imageio.register()


def first_size(file: bytes) -> tuple[int, int]:
    try:
        return dlf.info(file).size
    except (dlf.TruncatedFile, dlf.InvalidFile) as error:
        raise OSError(error.exit_status) from error
"""

MISTAKES = {
    'dlf.encode("x.png")': "arg-type",
    "dlf.decode(data, layers='none')": "arg-type",
    "dlf.info(data).widht": "attr-defined",
    "dlf_pillow.register(thread=1)": "call-arg",
    "dlf_imageio.registre()": "attr-defined",
}


def mypy(*arguments: str) -> str:
    """Run mypy on the packages as they are here; return what it says."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYPATH": f"{ROOT / 'python'}{os.pathsep}{ROOT / 'models'}"},
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (resources.files(package) / "py.typed").is_file()


def test_a_strict_user_finds_everything_typed(tmp_path: Path) -> None:
    consumer = tmp_path / "consumer.py"
    first = CONSUMER.count("\n") + 1
    consumer.write_text(CONSUMER + "\n".join(MISTAKES) + "\n")
    # A cache of an earlier run would tell the paths of that run.
    cache = f"--cache-dir={tmp_path / 'cache'}"
    said = mypy("mypy", "--strict", "--no-pretty", "--config-file=", cache, str(consumer))
    assert "internal error" not in said.lower()
    ours = [
        line for line in said.splitlines() if line.startswith(str(consumer)) and "error" in line
    ]
    expected = enumerate(MISTAKES.values(), first)
    assert [(int(line.split(":")[1]), line[line.rindex("[") :]) for line in ours] == [
        (number, f"[{kind}]") for number, kind in expected
    ], said


@pytest.mark.slow
def test_the_stubs_say_what_the_compiled_modules_have(tmp_path: Path) -> None:
    accepted = tmp_path / "accepted"
    accepted.write_text(
        "dlf._core.File\ndlf._core.Package\ndlf._core.Call\ndlf._core.Call.__init__\n"
        "dlf._core.Codec\n"
    )  # pybind11's metaclass
    modules = ("dlf._core",)
    said = mypy("mypy.stubtest", *modules, "--ignore-missing-stub", "--allowlist", str(accepted))
    assert "Success: no issues found" in said, said
