"""Builds the two extension modules of `dlf`.

`dlf._bitstream` reads headers and decodes symbols; it neither includes nor links libtorch.
`dlf._codec` adds the transforms, and with them libtorch. Both hold the same core; its objects are
compiled once, for the first, and linked again into the second.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pybind11
from setuptools import Extension, find_packages, setup
from torch.utils.cpp_extension import TORCH_LIB_PATH, BuildExtension, include_paths

ROOT = Path(__file__).resolve().parent
os.chdir(ROOT)

# Sources of core/src that stay out of dlf._bitstream. The C API is built by core/CMakeLists.txt.
PIXEL_SOURCES = [
    "codec_decode.cpp",
    "codec_encode.cpp",
    "tile_groups.cpp",
    "tiles.cpp",
    "torch_host.cpp",
    "torch_module.cpp",
    "torchscript_transform.cpp",
]
C_API_SOURCES = ["c_api.cpp", "c_api_codec.cpp", "c_api_decoder.cpp"]

FLAGS = ["-std=c++17", "-O3", "-g0", "-fvisibility=hidden"]


def core_sources() -> list[str]:
    """Returns the torch-free core, relative to the repository root, in a stable order."""
    apart = set(PIXEL_SOURCES + C_API_SOURCES)
    found = sorted(p for p in Path("core/src").glob("*.cpp") if p.name not in apart)
    return [p.as_posix() for p in found]


def headers() -> list[str]:
    """Returns every header, so that a changed one leads to a new link as well as a new compile."""
    patterns = ["core/include/dlf/*.h", "core/src/*.h", "core/third_party/miniz/*.h"]
    patterns += ["python/bindings/*.h"]
    return sorted(p.as_posix() for pattern in patterns for p in Path().glob(pattern))


def extension(
    name: str, sources: list[str], system_includes: Iterable[str] = (), **options: Any
) -> Extension:
    """Returns an extension module with the include paths and flags common to both."""
    include = [pybind11.get_include(), "core/include", "core/src"]  # joined: absolute ones stay
    return Extension(
        name,
        sources=sources,
        depends=headers(),
        include_dirs=[str(ROOT / path) for path in include],
        extra_compile_args={"cxx": [*FLAGS, *(f"-isystem{path}" for path in system_includes)]},
        language="c++",
        **options,
    )


CORE_SOURCES = core_sources()
BITSTREAM = extension("dlf._bitstream", [*CORE_SOURCES, "python/bindings/bitstream_module.cpp"])
CODEC = extension(
    "dlf._codec",
    [f"core/src/{name}" for name in PIXEL_SOURCES] + ["python/bindings/codec_module.cpp"],
    system_includes=include_paths(),
    library_dirs=[TORCH_LIB_PATH],
    libraries=["c10", "torch_cpu", "torch"],
    # First the torch installed beside dlf, then the one that the build has seen (in-place builds).
    extra_link_args=["-Wl,-rpath,$ORIGIN/../torch/lib", f"-Wl,-rpath,{TORCH_LIB_PATH}"],
)


class Build(BuildExtension):
    """torch's parallel, incremental build; the core's objects are shared by both modules."""

    def build_extension(self, ext: Extension) -> None:
        if ext is CODEC:
            objects = self.compiler.object_filenames(CORE_SOURCES, output_dir=self.build_temp)
            ext.extra_objects = objects
            ext.depends = sorted({*ext.depends, *objects})
        super().build_extension(ext)


setup(
    ext_modules=[BITSTREAM, CODEC],
    cmdclass={"build_ext": Build.with_options(no_python_abi_suffix=False)},
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
        "dlf_imageio": ["py.typed"],
        "dlf_pretrained": ["*.dlfm", "*.md"],
    },
)
