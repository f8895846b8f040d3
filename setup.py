"""Builds the extension modules of `dlf`.

`dlf._core` is everything but the torch backend; it neither includes nor links libtorch.
`dlf._torch` is that backend. It is built where torch is present when building, for the series that
`pyproject.toml` names. DLF_TORCH=1 asks for it, so that `pip install` brings torch to the build;
DLF_TORCH=0 leaves it out.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pybind11
from pybind11.setup_helpers import ParallelCompile
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
os.chdir(ROOT)
sys.path.insert(0, str(ROOT / "scripts"))
from index_page import index_page

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]

# The last keeps the folders of this machine out of the texts of assertions.
FLAGS = ["-std=c++17", "-O3", "-g0", "-fvisibility=hidden", f"-ffile-prefix-map={ROOT}=."]
FLAGS_MSVC = ["/std:c++17", "/O2", "/EHsc", "/utf-8", "/DNOMINMAX", "/D_USE_MATH_DEFINES"]
# Rooms of the core (docs/architecture.md): dlf._core has neither, dlf._torch is the second.
C_API, TORCH = "api", "torch"
CHOICE = os.environ.get("DLF_TORCH", "")


def sources() -> dict[str, list[str]]:
    """Returns the sources of each room, from the list that core/CMakeLists.txt reads too."""
    rooms: dict[str, list[str]] = {}
    for line in Path("core/sources.txt").read_text(encoding="utf-8").splitlines():
        rooms.setdefault(line.split("/")[1], []).append(f"core/{line}")
    return rooms


def headers() -> list[str]:
    """Returns every header, so that a changed one leads to a new link as well as a new compile."""
    patterns = ["core/include/dlf/*.h", "core/src/**/*.h", "core/third_party/miniz/*.h"]
    patterns += ["python/bindings/*.h"]
    return sorted(p.as_posix() for pattern in patterns for p in Path().glob(pattern))


def headers_digest() -> str:
    """Returns a name for the C++ interface between the two modules."""
    digest = hashlib.sha256()
    for path in headers():
        digest.update(path.encode() + b"\0" + Path(path).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def write_digest() -> Path:
    """Writes the digest as a header and returns its folder.

    A define would be part of every compile: with it no compiler cache ever finds anything again.
    """
    folder = ROOT / "build" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    text = f'#define DLF_HEADERS_DIGEST "{headers_digest()}"\n'
    header = folder / "headers_digest.h"
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    return folder


def torch_series() -> str:
    """Returns the requirement on torch, as the extra `torch` has it."""
    return str(PROJECT["optional-dependencies"]["torch"][0])


def long_description() -> str:
    """Returns README.md for an index page; the repository's address is among `project.urls`."""
    readme = Path("README.md").read_text(encoding="utf-8")
    return index_page(readme, PROJECT.get("urls", {}).get("Repository"), PROJECT["version"])


def torch_folder() -> Path | None:
    """Returns where torch is installed, None to build without it."""
    if CHOICE == "0":
        return None
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def extension(
    name: str, files: list[str], system_includes: Iterable[Path] = (), **options: Any
) -> Extension:
    """Returns an extension module with the include paths and flags common to both."""
    include = [pybind11.get_include(), "core/include", "core/src"]  # joined: absolute ones stay
    return Extension(
        name,
        sources=files,
        depends=headers(),
        include_dirs=[*(str(ROOT / path) for path in include), str(write_digest())],
        extra_compile_args=[*FLAGS, *(f"-isystem{path}" for path in system_includes)],
        language="c++",
        **options,
    )


ROOMS = sources()
CORE_SOURCES = [
    path for room, paths in ROOMS.items() if room not in (C_API, TORCH) for path in paths
]
BINDINGS = [
    f"python/bindings/{name}.cpp"
    for name in ("bitstream_binding", "codec_binding", "core_module", "file_binding")
]
CORE = extension("dlf._core", [*CORE_SOURCES, *BINDINGS])


def backend() -> Extension | None:
    """Returns dlf._torch, or None where it is not to be built."""
    folder = torch_folder()
    if folder is None:
        return None
    made = extension(
        "dlf._torch",
        [*ROOMS[TORCH], "python/bindings/torch_module.cpp"],
        system_includes=[folder / "include", folder / "include/torch/csrc/api/include"],
        library_dirs=[str(folder / "lib")],
        libraries=["torch_cpu", "c10"],
        # The torch installed beside dlf. Another one is found by dlf/torchscript.py.
        extra_link_args=["-Wl,-rpath,$ORIGIN/../torch/lib"],
    )
    made.extra_compile_args.append(f"-ffile-prefix-map={folder}=torch")
    return made


BACKEND = backend()


class Build(build_ext):
    """Gives the backend those objects of the core that it calls, without compiling them again."""

    def run(self) -> None:
        """Build all; only here must torch be there: pip asks for requirements, then brings them."""
        if CHOICE == "1" and BACKEND is None:
            raise SystemExit(f"DLF_TORCH=1 needs {torch_series()} to build with")
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build one module; the core comes first."""
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = [*FLAGS_MSVC]
        if ext is BACKEND:
            objects = self.compiler.object_filenames(CORE_SOURCES, output_dir=self.build_temp)
            self.compiler.create_static_lib(objects, "dlf_core", output_dir=self.build_temp)
            archive = self.compiler.library_filename("dlf_core", output_dir=self.build_temp)
            ext.extra_objects = [archive]
            ext.depends = sorted({*ext.depends, *objects})
        super().build_extension(ext)


if __name__ == "__main__":
    ParallelCompile("MAX_JOBS").install()
    setup(
        ext_modules=[CORE, *([BACKEND] if BACKEND else [])],
        cmdclass={"build_ext": Build},
        long_description=long_description(),
        long_description_content_type="text/markdown",
        setup_requires=[torch_series()] if CHOICE == "1" else [],
        packages=[
            *find_packages("python", include=["dlf", "dlf.*", "dlf_pillow*", "dlf_imageio*"]),
            *find_packages("models", include=["dlf_models", "dlf_models.*"]),
            "dlf_pretrained",
        ],
        package_dir={
            "": "python",
            "dlf_models": "models/dlf_models",
            "dlf_pretrained": "models/pretrained",
        },
        package_data={
            "dlf": ["py.typed", "*.pyi"],
            "dlf_models.compare": ["page/*"],
            "dlf_pillow": ["py.typed"],
            "dlf_pillow_start": ["py.typed"],
            "dlf_imageio": ["py.typed"],
            "dlf_pretrained": ["*.dlfm", "*.md"],
        },
    )
