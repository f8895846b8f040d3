"""The installed library as other builds find it, and the guide that tells how to use it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dlf
import pytest
from conftest import ROOT, STRICT, run, scene

GUIDE = ROOT / "docs" / "c-api.md"

CONSUMER = """\
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES C CXX)
find_package(dlf 0.1 REQUIRED)
set(CMAKE_C_STANDARD 99)
add_executable(probe ${EXAMPLES}/probe.c)
target_link_libraries(probe PRIVATE dlf::dlf)
if(dlf_torch_FOUND)
  add_executable(decode ${EXAMPLES}/decode_ppm.c)
  target_link_libraries(decode PRIVATE dlf::dlf_torch)
endif()
"""


@pytest.fixture(scope="module")
def cmake() -> str:
    scripts = Path(sys.executable).parent
    found = shutil.which("cmake", path=f"{scripts}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("cmake is not installed")
    return found


def consume(cmake: str, prefix: Path, folder: Path, *options: str) -> Path:
    """Configure and build CONSUMER against an installation; return its build folder."""
    (folder / "CMakeLists.txt").write_text(CONSUMER)
    settings = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DEXAMPLES={ROOT / 'core' / 'examples'}"]
    run(cmake, "-S", folder, "-B", folder / "build", *settings, *options)
    run(cmake, "--build", folder / "build")
    return folder / "build"


def test_cmake_package(
    cmake: str, installed_library: Path, photo_dlf: bytes, test_package: Path, tmp_path: Path
) -> None:
    build = consume(cmake, installed_library, tmp_path)
    coded = tmp_path / "photo.dlf"
    coded.write_bytes(photo_dlf)
    assert "168x120" in run(build / "probe", coded)
    run(build / "decode", test_package, coded, tmp_path / "photo.ppm")
    assert (tmp_path / "photo.ppm").read_bytes().startswith(b"P6\n168 120\n255\n")


def test_cmake_package_of_another_minor_version_is_refused(
    cmake: str, installed_library: Path, tmp_path: Path
) -> None:
    (tmp_path / "CMakeLists.txt").write_text(CONSUMER.replace("dlf 0.1", "dlf 0.2"))
    printed = run(
        cmake, "-S", tmp_path, "-B", tmp_path / "build",
        f"-DCMAKE_PREFIX_PATH={installed_library}", status=1,
    )  # fmt: skip
    assert "0.1.0" in printed


@pytest.mark.slow  # compiles the core once more
def test_static_library(cmake: str, compiler: str, photo_dlf: bytes, tmp_path: Path) -> None:
    """libdlf.a, by pkg-config --static and by find_package."""
    build, prefix = tmp_path / "static", tmp_path / "prefix"
    settings = ["-DBUILD_SHARED_LIBS=OFF", "-DDLF_TORCH=OFF", "-DCMAKE_BUILD_TYPE=Debug"]
    run(
        cmake, "-S", ROOT / "core", "-B", build, *settings, "-DCMAKE_INSTALL_LIBDIR=lib",
        "-DCMAKE_CXX_FLAGS_DEBUG=-O0",
    )  # fmt: skip
    run(cmake, "--build", build, "--parallel", "2")
    run(cmake, "--install", build, "--prefix", prefix)
    assert not list(prefix.rglob("*.so*"))
    coded = tmp_path / "photo.dlf"
    coded.write_bytes(photo_dlf)
    flags = pkg_config(prefix, "--static", "dlf")
    program = tmp_path / "probe"
    source = ROOT / "core" / "examples" / "probe.c"
    run(compiler, "-std=c99", *STRICT, source, "-o", program, *flags)
    assert "168x120" in run(program, coded)
    (tmp_path / "consumer").mkdir()
    assert "168x120" in run(consume(cmake, prefix, tmp_path / "consumer") / "probe", coded)


def pkg_config(prefix: Path, *words: str) -> list[str]:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    done = subprocess.run(
        ["pkg-config", "--cflags", "--libs", *words],
        env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_libraries_of_two_versions_do_not_work_together(
    compiler: str, examples: Path, photo_dlf: bytes, torch_package: Path, tmp_path: Path
) -> None:
    """The pixels of one version with the handles of another: refused when the codec is opened."""
    source, other = tmp_path / "other.c", tmp_path / "other.so"
    source.write_text('const char *dlf_version(void) { return "0.1.99"; }\n')
    run(compiler, "-shared", "-fPIC", source, "-o", other)
    coded = tmp_path / "photo.dlf"
    coded.write_bytes(photo_dlf)
    command = [str(examples / "decode_ppm"), str(torch_package), str(coded), str(tmp_path / "out")]
    done = subprocess.run(
        command,
        env={**os.environ, "LD_PRELOAD": str(other)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9
    assert "libdlf 0.1.99 and libdlf_torch" in done.stderr


def test_the_guide_is_a_program(
    compiler: str,
    installed_library: Path,
    chunky_dlf: bytes,
    test_package: Path,
    torch_package: Path,
    tmp_path: Path,
) -> None:
    blocks = re.findall(r"^```c\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 8
    source, program = tmp_path / "guide.c", tmp_path / "guide"
    source.write_text("\n".join(blocks))
    rpath = f"-Wl,-rpath,{installed_library / 'lib'}"
    flags = pkg_config(installed_library, "dlf_torch")
    run(compiler, "-std=c99", *STRICT, source, "-o", program, *flags, rpath)
    coded = tmp_path / "photo.dlf"
    coded.write_bytes(chunky_dlf)
    printed = run(program, test_package, coded)
    for line in ("83x61, 4 channels", "of EXIF", "32x16", "on the way: first", "at the end: whole"):
        assert line in printed
    assert "[3] model 5" in printed
    assert "an importance map" in printed
    coded.write_bytes(dlf.Codec(torch_package).encode(scene(61, 83, seed=1)))
    assert "no importance map" in run(program, torch_package, coded)


def test_the_guide_names_the_defaults_and_the_functions_of_the_header() -> None:
    text, header = GUIDE.read_text(), (ROOT / "core/include/dlf/dlf.h").read_text()
    for name, field in re.findall(r"^\| `(max_\w+)` \| (.*?) \|", text, re.MULTILINE):
        documented = re.search(rf"{name};.*?default ([^*]*?) \*/", header)
        assert documented is not None
        assert documented[1] == field.replace(",", "")
    for name in re.findall(r"\bdlf_[a-z_]+\b", text):
        assert re.search(rf"\b{name}\b", header) or name in ("dlf_torch",), name
