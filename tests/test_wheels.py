"""scripts/wheels.py: what setuptools is told of an interpreter that it does not run in, and a wheel."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import wheels
from wheel_target import Target

TAGS = """
import sysconfig
from setuptools import Distribution, Extension
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
made = Distribution({"name": "x", "ext_modules": [Extension("x", ["x.cpp"])]})
wheel = bdist_wheel(made)
wheel.finalize_options()
build = build_ext(made)
build.finalize_options()
print(*wheel.get_tag(), build.get_ext_filename("x._core"))
"""


@pytest.mark.parametrize(
    ("version", "arch"), [("3.11", "aarch64"), ("3.14", "x86_64"), ("3.14", "aarch64")]
)
def test_setuptools_builds_for_the_target(
    version: str, arch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "WORK", tmp_path)
    target = Target(version, arch, tmp_path, ())
    environment = wheels.configuration(target, "c++", "ar", "gcc")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TAGS],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    tag = "cp" + version.replace(".", "")
    module = f"x/_core.cpython-{tag[2:]}-{arch}-linux-gnu.so"
    assert done.stdout.split() == [tag, tag, f"linux_{arch}", module]


@pytest.mark.slow  # compiles the core once more, and brings the tools
@pytest.mark.skipif(sys.platform != "linux", reason="the wheels are Linux's")
def test_a_wheel_is_built_checked_and_tried(tmp_path: Path) -> None:
    version = f"3.{sys.version_info.minor}"
    words = ("--compiler", "gcc", "--python", version, "--arch", platform.machine())
    command = [sys.executable, "scripts/wheels.py", *words, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    tag = f"cp3{sys.version_info.minor}"
    assert wheel.name.startswith(f"dlf-0.1.0-{tag}-{tag}-manylinux_2_")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    modules = {name.split(".")[0] for name in names if name.endswith(".so")}
    assert modules == {"dlf/_core"}
    assert "dlf_pretrained/dlf-s.dlfm" in names
    assert not [name for name in names if ".libs/" in name]
