#!/usr/bin/env python3
"""Decodes integer conformance vectors with many builds of libdlf and compares the SHA-256 of \
their pixels.

usage: scripts/same_pixels.py FOLDER [VECTOR...]

Builds lie in FOLDER and are kept: gcc and clang, -O0 and -O3, and under qemu-user aarch64 (NEON)
and s390x (big-endian). Needs clang, qemu-user-static and Debian's cross compilers for the two.
Prints one line per build, and ends with status 1 when any of them draws another sample.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VECTORS = (
    "integer-33-tall",
    "integer-36-wide",
    "integer-36-map-two-faces",
    "integer-27-many-windows",
)
WAYS = (
    ("--noise", "vivid"),
    ("--noise", "faithful"),
    ("--region", "1,2,4,5"),
    ("--downscale", "4"),
    ("--threads", "1"),
    ("--threads", "2"),
    ("--threads", "3"),
)


@dataclass(frozen=True)
class Build:
    """A compiler, its optimisation, and the emulator that runs what it makes."""

    name: str
    compiler: tuple[str, str]
    level: str
    system: tuple[str, ...] = ()
    emulator: str = ""
    kernels: tuple[str, ...] = ("plain",)


HERE = ("plain", "avx2", "vnni")
BUILDS = (
    Build("gcc-O3", ("gcc", "g++"), "-O3", kernels=HERE),
    Build("gcc-O0", ("gcc", "g++"), "-O0", kernels=HERE),
    Build("clang-O3", ("clang", "clang++"), "-O3", kernels=HERE),
    Build("clang-O0", ("clang", "clang++"), "-O0", kernels=HERE),
    Build(
        "aarch64-O3",
        ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++"),
        "-O3",
        ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"),
        "qemu-aarch64-static",
        ("plain", "neon"),
    ),
    Build(
        "s390x-O3",
        ("s390x-linux-gnu-gcc", "s390x-linux-gnu-g++"),
        "-O3",
        ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=s390x"),
        "qemu-s390x-static",
    ),
)


def build(kind: Build, folder: Path) -> Path:
    """Configure and build ``dlfdec`` statically; returns its path."""
    where = folder / kind.name
    subprocess.run(
        [
            *("cmake", "-S", str(ROOT / "core"), "-B", str(where), "-DCMAKE_BUILD_TYPE=None"),
            f"-DCMAKE_C_COMPILER={kind.compiler[0]}",
            f"-DCMAKE_CXX_COMPILER={kind.compiler[1]}",
            f"-DCMAKE_C_FLAGS={kind.level}",
            f"-DCMAKE_CXX_FLAGS={kind.level}",
            "-DBUILD_SHARED_LIBS=OFF",
            "-DCMAKE_EXE_LINKER_FLAGS=-static",
            "-DDLF_TORCH=OFF",
            "-DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON",
            *kind.system,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(["cmake", "--build", str(where), "--target", "dlfdec", "-j1"], check=True)
    return where / "tools" / "dlfdec"


def hashes(kind: Build, program: Path, kernels: str, vectors: list[Path]) -> list[str]:
    """SHA-256 of the pixels of every vector in every way."""
    found = []
    for vector in vectors:
        for way in WAYS:
            command = [str(program), "--format", "pam", *way, str(vector / "input.dlf"), "-"]
            if kind.emulator:
                command.insert(0, kind.emulator)
            packages = str(ROOT / "conformance" / "packages")
            environment = {**os.environ, "DLF_KERNELS": kernels, "DLF_MODEL_PATH": packages}
            done = subprocess.run(command, check=True, capture_output=True, env=environment)
            found.append(hashlib.sha256(done.stdout).hexdigest())
    return found


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    vectors = [ROOT / "conformance" / "vectors" / name for name in sys.argv[2:] or VECTORS]
    wanted: list[str] = []
    differs = False
    for kind in BUILDS:
        program = build(kind, folder)
        for kernels in kind.kernels:
            found = hashes(kind, program, kernels, vectors)
            wanted = wanted or found
            differs |= found != wanted
            digest = hashlib.sha256("".join(found).encode()).hexdigest()[:16]
            same = "same" if found == wanted else "DIFFERENT"
            print(f"{kind.name} {kernels}: {len(found)} pictures, {digest}, {same}", flush=True)
    raise SystemExit(int(differs))


if __name__ == "__main__":
    main()
