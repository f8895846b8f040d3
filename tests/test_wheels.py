"""scripts/wheels.py: what setuptools is told of an interpreter it does not run in, and a wheel."""

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
import wheel_target
import wheels
from wheel_target import Missing, Target

FOREIGN = "x86_64" if platform.machine() == "aarch64" else "aarch64"
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
    try:
        environment = wheels.configuration(target, "c++", "ar")
    except SystemExit as reason:
        if arch == platform.machine():
            raise
        pytest.skip(str(reason))
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


def test_auditwheel_takes_the_architecture_of_the_wheel(tmp_path: Path) -> None:
    """By itself it offers the platforms of this machine's alone, and refuses all others."""
    (tmp_path / "auditwheel").mkdir()
    (tmp_path / "auditwheel" / "main.py").write_text(
        "import platform, sys\ndef main():\n    print(platform.machine(), sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", wheels.AUDITWHEEL, FOREIGN, "repair", "x.whl"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"{FOREIGN} ['repair', 'x.whl']\n"


def program(path: Path, text: str) -> None:
    """Write a program for the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_interpreter_behind_a_shim_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim of pyenv is on the path also where the version that it is for is not chosen."""
    arch = platform.machine()
    program(tmp_path / "shims" / "python3.12", "echo python3.12: command not found >&2; exit 127")
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "Python.h").touch()
    own = tmp_path / "pyenv" / "versions" / "3.12.9" / "bin" / "python"
    program(own, f"""echo '["3.12", "{tmp_path / "include"}"]'""")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"), prepend=os.pathsep)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = wheel_target.find("3.12", arch)
    assert found == Target("3.12", arch, tmp_path / "include", (str(own),), installed=True)


def test_a_list_that_apt_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = 'case "$1" in indextargets) echo https://mirror.example/debian/;; *) exit 100;; esac'
    program(tmp_path / "bin" / "apt-get", apt)
    for tool in ("apt-cache", "dpkg-deb", "qemu-aarch64-static", "qemu-x86_64-static"):
        program(tmp_path / "bin" / tool, "exit 100")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(wheel_target, "WORK", tmp_path / "work")
    with pytest.raises(Missing, match="bookworm for .* cannot be read: apt-get update failed"):
        wheel_target.find("3.14", FOREIGN)
    assert not list((tmp_path / "work").rglob("complete"))


@pytest.mark.parametrize("lacks", ["apt-get", "qemu"])
def test_a_tool_that_lacks_is_told(
    lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("apt-get", "dpkg-deb", "qemu-aarch64-static", "qemu-x86_64-static"):
        if not tool.startswith(lacks):
            program(tmp_path / "bin" / tool, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(wheel_target, "WORK", tmp_path / "work")
    with pytest.raises(Missing, match=rf"CPython 3\.14 .*{lacks}\S* lacks"):
        wheel_target.find("3.14", FOREIGN)


def test_sizes_count_the_package_its_models_and_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "WORK", tmp_path)
    target = Target("3.13", "aarch64", tmp_path, ())
    site = wheels.environment(target) / "lib"
    for name, size in (
        ("dlf/_core.so", 1_500_000),
        ("dlf/cli/__pycache__/x.pyc", 7_000_000),
        ("dlf_pretrained/dlf-s.dlfm", 2_000_000),
        ("dlf-0.1.0.dist-info/RECORD", 20_000),
        ("numpy/core.so", 3_080_000),
    ):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(bytes(size))
    assert wheels.sizes(target) == (
        "installed 1.52 MB and 2.00 MB of model packages, 6.6 MB with all that it needs"
    )


def readelf(option: str, module: Path) -> list[str]:
    """Return what readelf shows, a line each."""
    command = ("readelf", "--wide", option, str(module))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow  # brings Zig, and compiles the core and the C++ library with it
@pytest.mark.skipif(sys.platform != "linux", reason="the wheels are Linux's")
def test_a_wheel_is_built_checked_and_tried(tmp_path: Path) -> None:
    try:
        wheels.tools()
    except SystemExit as error:
        pytest.skip(f"Zig and the other tools cannot be had: {str(error)[-200:]}")
    version, arch = f"3.{sys.version_info.minor}", platform.machine()
    words = ("--python", version, "--arch", arch, "--out", str(tmp_path))
    command = [sys.executable, "scripts/wheels.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    tag = "cp" + version.replace(".", "")
    assert wheel.name.endswith(f"-{tag}-{tag}-manylinux_2_28_{arch}.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path)
    (module,) = tmp_path.rglob("*.so*")
    assert module.relative_to(tmp_path).as_posix().startswith("dlf/_core.")
    assert (tmp_path / "dlf_pretrained" / "dlf-s.dlfm").is_file()
    symbols = [line.split() for line in readelf("--dyn-syms", module)]
    symbols = [words for words in symbols if len(words) > 6 and words[4] not in ("Bind", "LOCAL")]
    assert [words[-1] for words in symbols if words[6] != "UND"] == ["PyInit__core"]
    needed = " ".join(line for line in readelf("--dynamic", module) if "(NEEDED)" in line)
    assert "libgcc_s" in needed
    assert "c++" not in needed
