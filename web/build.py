"""Builds what web/README.md describes, in build/web: the npm package dlf-codec and the \
demonstration.

python web/build.py [--models PACKAGE ...] [--tests]

It needs Debian's emscripten and CMake; `make web` calls it. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB, BUILD = ROOT / "web", ROOT / "build"
PACKAGE, SITE = BUILD / "web" / "dlf-codec", BUILD / "web" / "site"
MODULES = {"dlf-simd.wasm": True, "dlf.wasm": False}
"""The two modules, and whether they use the instructions of WebAssembly SIMD."""
TEXTS = {
    WEB / "README.md": "README.md",
    ROOT / "LICENSE": "LICENSE",
    ROOT / "core" / "third_party" / "miniz" / "LICENSE": "LICENSE.miniz",
}


def main() -> int:
    """Build all; say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=[], help="packages for the demonstration")
    parser.add_argument("--jobs", default="1", help="compilers at a time")
    parser.add_argument("--tests", action="store_true", help="also the tests of the kernels")
    arguments = parser.parse_args()
    if shutil.which("emcmake") is None:
        print("web/build.py needs emscripten (Debian: apt-get install emscripten)", file=sys.stderr)
        return 1
    modules = [compile_module(name, arguments.jobs, arguments.tests) for name in MODULES]
    assemble_package(modules)
    assemble_site(arguments.models)
    print(PACKAGE, SITE, sep="\n")
    return 0


def compile_module(name: str, jobs: str, tests: bool) -> Path:
    """Compile one module; a second time only what has changed."""
    scripts = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=str(scripts)) or "cmake"
    simd = MODULES[name]
    folder = BUILD / "wasm" / ("simd" if simd else "plain")
    wants_tests = tests and simd
    options = {"CMAKE_BUILD_TYPE": "Release", "DLF_WASM_SIMD": simd, "DLF_WASM_TESTS": wants_tests}
    settings = [f"-D{key}={value}" for key, value in options.items()]
    targets = ["dlf_web", *(["kernel_tests"] if wants_tests else [])]
    call("emcmake", cmake, "-S", WEB / "native", "-B", folder, *settings)
    call(cmake, "--build", folder, "--parallel", jobs, "--target", *targets)
    return folder / name


def assemble_package(modules: list[Path]) -> None:
    """The folder that `npm pack` makes the package of."""
    fresh(PACKAGE)
    for source in [*modules, *(WEB / "package").iterdir()]:
        shutil.copy(source, PACKAGE)
    for source, name in TEXTS.items():
        shutil.copy(source, PACKAGE / name)


def assemble_site(models: list[str]) -> None:
    """The demonstration: static files, with the package and the models in folders of their own."""
    fresh(SITE)
    for source in (WEB / "demo").iterdir():
        shutil.copy(source, SITE)
    shutil.copytree(PACKAGE, SITE / "dlf-codec")
    if models:
        call(sys.executable, "-m", "dlf", "models", "--web", SITE / "models", *models)


def fresh(folder: Path) -> None:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def call(*words: str | Path) -> None:
    """Run a program; a failure ends this one."""
    subprocess.run([str(word) for word in words], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
