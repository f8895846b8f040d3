"""The torch-free core under the sanitizers: unit tests, failing memory, fuzz targets, threads.

Builds into `build/cmake-asan` and `build/cmake-tsan`; a second run compiles only what has changed.
The fuzz targets use libFuzzer when clang has it, and their own driver otherwise
(core/fuzz/README.md).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

FUZZ = ROOT / "core" / "fuzz"
TARGETS = ["probe", "chunks", "map", "payload", "symbols", "push", "package"]
FUZZ_SECONDS = 3
MODEL = ROOT / "models" / "pretrained" / "test.dlfm"
VECTORS = ROOT / "conformance" / "vectors"
LIBFUZZER_PROGRAM = (
    '#include <cstddef>\n#include <cstdint>\nextern "C" int LLVMFuzzerTestOneInput'
    "(const uint8_t*, size_t) { return 0; }\n"
)

# Compiles the core twice more.
pytestmark = pytest.mark.slow


def can_run(compiler: str | None, sanitizers: str, source: str, folder: Path) -> bool:
    """Whether programs built with these sanitizers work here."""
    if compiler is None:
        return False
    program = folder / f"probe-{Path(compiler).name}-{sanitizers.replace(',', '-')}"
    code = program.with_suffix(".cpp")
    code.write_text(source)
    command = [compiler, f"-fsanitize={sanitizers}", str(code), "-o", str(program)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        return False
    words = [str(program), "-runs=1"]
    return subprocess.run(words, capture_output=True, check=False, cwd=folder).returncode == 0


def build(name: str, compiler: str, sanitizers: str, targets: list[str], *options: str) -> Path:
    """Configure and build the core; returns the folder with the programs."""
    scripts = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=f"{scripts}{os.pathsep}{os.environ['PATH']}")
    if cmake is None:
        pytest.skip("cmake is not installed")
    folder = ROOT / "build" / name
    c_compiler = compiler.replace("clang++", "clang").replace("g++", "gcc")
    settings = {
        "CMAKE_CXX_COMPILER": compiler,
        "CMAKE_C_COMPILER": c_compiler if shutil.which(c_compiler) else "cc",
        "CMAKE_BUILD_TYPE": "Debug",
        "CMAKE_CXX_FLAGS_DEBUG": "-O1 -g1",
        "DLF_TORCH": "OFF",
        "DLF_BUILD_TESTS": "ON",
        "DLF_SANITIZE": sanitizers,
    }
    words = [f"-D{key}={value}" for key, value in settings.items()]
    for command in (
        ["-S", str(ROOT / "core"), "-B", str(folder), *words, *options],
        ["--build", str(folder), "--parallel", "2", "--target", *targets],
    ):
        done = subprocess.run([cmake, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


def run_program(*command: str | Path, cwd: Path) -> str:
    """Run a program that must succeed; returns what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, check=False, timeout=600)
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{words}\n{output[-6000:]}"
    return output


@pytest.fixture(scope="module")
def address_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tests and fuzz targets with the address, leak and undefined-behaviour sanitizers."""
    folder = tmp_path_factory.mktemp("probe")
    clang, default = shutil.which("clang++"), shutil.which("g++") or shutil.which("c++")
    if can_run(clang, "fuzzer,address,undefined", LIBFUZZER_PROGRAM, folder):
        compiler = clang
    elif can_run(default, "address,undefined", "int main() {}\n", folder):
        compiler = default
    else:
        pytest.skip("no compiler here has the address and undefined-behaviour sanitizers")
    assert compiler is not None
    targets = ["core_tests", "allocation_sweep", "fuzz_corpus", *(f"{t}_fuzz" for t in TARGETS)]
    return build("cmake-asan", compiler, "address,undefined", targets, "-DDLF_BUILD_FUZZERS=ON")


@pytest.fixture(scope="module")
def thread_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unit tests with the thread sanitizer."""
    compiler = shutil.which("g++") or shutil.which("c++")
    program = "#include <thread>\nint main() { std::thread([] {}).join(); }\n"
    if not can_run(compiler, "thread", program, tmp_path_factory.mktemp("probe")):
        pytest.skip("no compiler here has the thread sanitizer")
    assert compiler is not None
    return build("cmake-tsan", compiler, "thread", ["core_tests"])


@pytest.fixture(scope="module")
def corpus(address_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeds for every target, made from the conformance vectors."""
    folder = tmp_path_factory.mktemp("corpus")
    run_program(address_build / "fuzz_corpus", VECTORS, folder, cwd=folder)
    return folder


def test_unit_tests_with_the_address_sanitizer(address_build: Path, tmp_path: Path) -> None:
    output = run_program(address_build / "core_tests", cwd=tmp_path)
    assert re.search(r"^\d+ tests, 0 failed$", output, re.MULTILINE)


def test_every_allocation_may_fail(address_build: Path, tmp_path: Path) -> None:
    output = run_program(address_build / "allocation_sweep", MODEL, VECTORS, cwd=tmp_path)
    assert "every allocation failed once" in output
    calls = re.findall(r"^(.+?) +(\d+) allocations$", output, re.MULTILINE)
    assert len(calls) > 10
    assert sum(int(count) for _, count in calls) > 1000


@pytest.mark.parametrize("target", TARGETS)
def test_fuzz_target(address_build: Path, corpus: Path, tmp_path: Path, target: str) -> None:
    """A few seconds from the seeds; long runs are core/fuzz/README.md's business."""
    output = run_program(
        address_build / f"{target}_fuzz",
        f"-max_total_time={FUZZ_SECONDS}",
        f"-dict={FUZZ / 'dlf.dict'}",
        "-seed=1",
        corpus / target,
        cwd=tmp_path,
    )
    done = re.search(r"Done (\d+) runs", output)
    assert done, output[-2000:]
    assert int(done[1]) > len(list((corpus / target).iterdir()))


def test_what_once_failed_does_not_again(address_build: Path, tmp_path: Path) -> None:
    folders = sorted(folder for folder in (FUZZ / "regressions").iterdir() if folder.is_dir())
    assert folders
    for folder in folders:
        files = sorted(folder.iterdir())
        assert folder.name in TARGETS
        run_program(address_build / f"{folder.name}_fuzz", *files, cwd=tmp_path)


def test_shared_use_with_the_thread_sanitizer(
    thread_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Vectors are read whole, also where a row ends within one, and what lies beyond is dropped. The
    # sanitizer cannot know that; the plain kernels share the same work among the same threads.
    monkeypatch.setenv("DLF_KERNELS", "plain")
    ran = 0
    for part in ("shared", "workers", "threads"):
        output = run_program(thread_build / "core_tests", part, cwd=tmp_path)
        counted = re.search(r"^(\d+) tests, 0 failed$", output, re.MULTILINE)
        assert counted, output
        ran += int(counted[1])
    assert ran >= 8
