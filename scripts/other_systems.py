#!/usr/bin/env python3
"""Builds libdlf for Windows and macOS from here, and tries the Windows one under Wine.

usage: scripts/other_systems.py [--out FOLDER] [SYSTEM...]

SYSTEM is windows, macos-arm64 or macos-x86_64, by default all. Zig (from PyPI) compiles and links;
it brings the headers of both systems. What it makes lies in FOLDER, by default build/systems. For
macOS the library, the tools and the examples are linked; nothing here can run them. The Windows
examples decode every conformance vector whose pixels are exact and stored without alpha, with each
kind of kernels, and encode one picture. Wine is Debian's packages wine and wine64; without it
Windows is only built, and the status is 1.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from exact_vectors import exact_vectors
from PIL import Image
from wheel_target import ROOT, WORK
from wheels import run, tools

KERNELS = ("plain", "avx2", "vnni")
EXAMPLES = ("decode_ppm", "encode_ppm")


@dataclass(frozen=True)
class System:
    """What Zig calls it, what CMake calls it and its CPU, and how its programs end."""

    triple: str
    name: str
    cpu: str
    suffix: str = ""


WINDOWS = System("x86_64-windows-gnu", "Windows", "AMD64", ".exe")
SYSTEMS = {
    "windows": WINDOWS,
    "macos-arm64": System("aarch64-macos", "Darwin", "arm64"),
    "macos-x86_64": System("x86_64-macos", "Darwin", "x86_64"),
}


def programs(folder: Path, zig: str, triple: str) -> dict[str, Path]:
    """Commands of one name each, as CMake wants them, by the name that it has for them."""
    folder.mkdir(parents=True, exist_ok=True)
    cache = shlex.quote(str(WORK / "zig"))  # Zig's C++ library, for each system, is made once
    words = {
        "C_COMPILER": f"cc -target {triple}",
        "CXX_COMPILER": f"c++ -target {triple}",
        "AR": "ar",
        "RANLIB": "ranlib",
        "RC_COMPILER": "rc",
    }
    made = {}
    for name, what in words.items():
        path = folder / f"{triple}-{name.lower()}"
        path.write_text(
            f"#!/bin/sh\nexport ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}\n"
            f'exec {shlex.quote(zig)} {what} "$@"\n'
        )
        path.chmod(0o755)
        made[name] = path
    return made


def build(system: System, folder: Path, zig: str) -> dict[str, Path]:
    """Builds static libraries, the tools where there is POSIX, and the examples; returns these."""
    cmake = Path(sys.executable).parent / "cmake"
    found = programs(folder / "bin", zig, system.triple)
    where = folder / system.triple
    run(
        *(cmake, "-S", ROOT / "core", "-B", where, "-DCMAKE_BUILD_TYPE=Release"),
        *(f"-DCMAKE_{name}={path}" for name, path in found.items()),
        f"-DCMAKE_SYSTEM_NAME={system.name}",
        f"-DCMAKE_SYSTEM_PROCESSOR={system.cpu}",
        *("-DBUILD_SHARED_LIBS=OFF", "-DDLF_TORCH=OFF", "-DDLF_PIXBUF=OFF"),
        "-DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON",
    )
    said = run(cmake, "--build", where, "--parallel", "2")
    if "warning:" in said:
        raise SystemExit(f"{system.triple}: warnings\n{said}")
    made = {}
    for name in EXAMPLES:
        made[name] = where / (name + system.suffix)
        source = ROOT / "core" / "examples" / f"{name}.c"
        include, library = f"-I{ROOT / 'core' / 'include'}", where / "libdlf.a"
        run(found["C_COMPILER"], "-O2", include, source, library, "-o", made[name], "-lc++")
    return made


def is_opaque(picture: Path) -> bool:
    """Whether decode_ppm, which leaves alpha out, can write the whole of it."""
    with Image.open(picture) as image:
        return image.mode in ("L", "RGB")


@contextmanager
def wine_server(prefix: Path) -> Iterator[dict[str, str]]:
    """Yields the environment of programs under Wine, with one server that serves all of them.

    Without it Wine starts a server for the first program and ends it a moment after the last, so
    that a program may meet one that is ending.
    """
    prefix.mkdir(parents=True, exist_ok=True)
    environment = {"WINEPREFIX": str(prefix), "WINEDEBUG": "fixme-all"}
    with subprocess.Popen(["wineserver", "-f", "-p"], env={**os.environ, **environment}) as server:
        try:
            yield environment
        finally:
            server.send_signal(signal.SIGINT)  # ends the programs that Wine runs by itself too


def run_under_wine(folder: Path, *words: str | Path, **environment: str) -> None:
    """Runs a program to its end; stops with what it printed if it fails.

    What it prints goes to a file: Wine's own processes inherit it, outlive the program, and would
    keep a pipe open.
    """
    said = folder / "said.txt"
    with said.open("w") as file:
        done = subprocess.run(
            ["wine", *map(str, words)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        text = said.read_text(errors="replace")
        raise SystemExit(f"wine {shlex.join(map(str, words))}\n{text}\nstatus {done.returncode}")


def attempt(decoder: Path, encoder: Path, folder: Path) -> None:
    """Decodes and encodes under Wine.

    Raises:
        SystemExit: a program fails, or a sample is another one.
    """
    out = folder / "out.ppm"
    vectors = [vector for vector in exact_vectors() if is_opaque(vector.reference)]
    with wine_server(folder / "wine") as environment:
        for kernels in KERNELS:
            for vector in vectors:
                words = (decoder, vector.package, vector.file, out)
                run_under_wine(folder, *words, **environment, DLF_KERNELS=kernels)
                with Image.open(out) as image, Image.open(vector.reference) as expected:
                    if not np.array_equal(np.asarray(image), np.asarray(expected)):
                        raise SystemExit(f"{vector.name}, {kernels}: other samples")
            print(f"Windows under Wine, {kernels}: {len(vectors)} vectors, same pixels", flush=True)
        model = ROOT / "models" / "pretrained" / "dlf-s.dlfm"
        coded, limit = folder / "again.dlf", 800
        run_under_wine(folder, encoder, model, out, coded, str(limit), **environment)
    if not 0 < coded.stat().st_size <= limit:
        raise SystemExit(f"encode_ppm: {coded.stat().st_size} bytes where {limit} were asked for")
    print(f"Windows under Wine: encode_ppm made {coded.stat().st_size} of {limit} bytes")


def main() -> None:
    """Build what the command line names, try what can be tried."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "systems")
    wanted = parser.parse_args()
    folder = wanted.out.resolve()
    unknown = set(wanted.systems) - set(SYSTEMS)
    if unknown:
        parser.error(f"no system {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    zig = run(tools(), "-c", "import ziglang; print(ziglang.__path__[0] + '/zig')").strip()
    for name in wanted.systems or SYSTEMS:
        system = SYSTEMS[name]
        made = build(system, folder, zig)
        print(f"{system.triple}: built, no warning", flush=True)
        if system == WINDOWS:
            if shutil.which("wine") is None:
                raise SystemExit("not run: Wine is missing (Debian: wine, wine64)")
            attempt(made["decode_ppm"], made["encode_ppm"], folder)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
