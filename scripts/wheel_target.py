"""Where the wheels of scripts/wheels.py run: headers to build with, an interpreter to try with.

The interpreters are those of this machine (on the path, or pyenv's). Every other one is Debian's,
unpacked below build/wheels and run by its own loader, or by qemu-user for another CPU.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "wheels"
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
# The first that has the version is taken.
SUITES = ("bookworm", "trixie", "sid")
# Where an apt of its own looks for files, and may find none.
FOLDERS = ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d")


class Missing(Exception):
    """There is no such interpreter here, nor in Debian."""


@dataclass(frozen=True)
class Target:
    """One CPython on one CPU."""

    version: str  # "3.11"
    arch: str  # "x86_64"
    include: Path  # has Python.h
    interpreter: tuple[str, ...]  # the command that runs it
    installed: bool = False  # on this machine, so that it makes environments

    @property
    def tag(self) -> str:
        """As wheels name it: "cp311"."""
        return "cp" + self.version.replace(".", "")


def find(version: str, arch: str) -> Target:
    """Returns the target, bringing what it lacks.

    Raises:
        Missing: it cannot be had.
    """
    if arch == platform.machine():
        for program in _installed(version):
            asked = "import json, sys, sysconfig; v = sys.version_info; print(json.dumps(["
            asked += "f'{v.major}.{v.minor}', sysconfig.get_path('include')]))"
            done = subprocess.run(
                [program, "-c", asked], capture_output=True, text=True, check=False
            )
            is_version, include = json.loads(done.stdout or '["", ""]')
            if is_version == version and (Path(include) / "Python.h").exists():
                return Target(version, arch, Path(include), (str(program),), installed=True)
    return _of_debian(version, arch)


def _installed(version: str) -> Iterator[Path]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(pyenv.glob(f"{version}.*/bin/python"))


def _of_debian(version: str, arch: str) -> Target:
    root = WORK / "roots" / f"{version}-{arch}"
    triple = f"{arch}-linux-gnu"
    qemu = () if arch == platform.machine() else (f"qemu-{arch}-static", "-L", str(root))
    for tool in ("apt-get", "dpkg-deb", *qemu[:1]):
        if shutil.which(tool) is None:
            raise Missing(
                f"CPython {version} for {arch} is not installed; for Debian's {tool} lacks"
            )
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        names = [f"python{version}-minimal", f"libpython{version}-stdlib", "libstdc++6"]
        headers = [f"libpython{version}-dev"]
        archives = _debian_archives(names, headers, DEBIAN[arch])
        root.mkdir(parents=True)
        for archive in archives:
            subprocess.run(["dpkg-deb", "-x", str(archive), str(root)], check=True)
        for name in ("lib", "lib64"):  # newer packages leave these links to the installed system
            if not (root / name).exists():
                (root / name).symlink_to(f"usr/{name}")
        # Without the folder above them, which may have the headers of another libc.
        include = root / "headers"
        shutil.copytree(root / "usr/include" / f"python{version}", include)
        own = f"{triple}/python{version}"
        shutil.copytree(root / "usr/include" / own, include / own)
        (root / "complete").touch()
    program = str(root / "usr/bin" / f"python{version}")
    if qemu:
        return Target(version, arch, root / "headers", (*qemu, program))
    loader = next(p for lib in ("lib64", "lib") for p in (root / lib).glob("ld-linux-*.so.*"))
    folders = ":".join(str(root / lib / triple) for lib in ("usr/lib", "lib"))
    runs = (str(loader), "--library-path", folders, program)
    return Target(version, arch, root / "headers", runs)


def _debian_archives(names: list[str], alone: list[str], arch: str) -> list[Path]:
    """Downloads packages with all that they need, and those of `alone` without."""
    for suite in SUITES:
        apt = _apt(suite, arch)
        known = subprocess.run(
            ["apt-cache", "show", names[0]],
            env=apt,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if known.returncode == 0:
            break
    else:
        raise Missing(
            f"{names[0]} for {arch} is neither installed nor in Debian's {', '.join(SUITES)}"
        )
    folder = WORK / "apt" / f"{suite}-{arch}" / "cache" / "archives"
    for old in folder.glob("*.deb"):
        old.unlink()
    fetch = ["apt-get", "-qq", "install", "--download-only", "--no-install-recommends", "-y"]
    subprocess.run([*fetch, *names], env=apt, check=True)
    subprocess.run(["apt-get", "-qq", "download", *alone], env=apt, cwd=folder, check=True)
    return sorted(folder.glob("*.deb"))


def _of_this_machine(setting: str) -> str:
    """Returns a setting of the machine's own apt: mirrors of a day need lists that have expired."""
    command = ["apt-config", "dump", "--no-empty", setting]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _apt(suite: str, arch: str) -> dict[str, str]:
    """Returns the environment for an apt of its own, which changes nothing on this machine."""
    base = WORK / "apt" / f"{suite}-{arch}"
    environment = {**os.environ, "APT_CONFIG": str(base / "apt.conf")}
    if (base / "updated").exists():
        return environment
    uris = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    mirror = next(uri for uri in uris if uri.rstrip("/").endswith("/debian"))
    for name in FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    (base / "status").touch()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (base / "sources.list").write_text(f"deb [signed-by={keys}] {mirror} {suite} main\n")
    (base / "apt.conf").write_text(
        f'Dir::State "{base}/state"; Dir::State::status "{base}/status"; '
        f'Dir::Cache "{base}/cache";\n'
        f'Dir::Etc "{base}/etc"; Dir::Etc::SourceList "{base}/sources.list";\n'
        f'APT::Architecture "{arch}"; APT::Architectures {{"{arch}";}}; '
        'APT::Sandbox::User "root";\n'
        'Acquire::Languages "none"; Debug::NoLocking "true";\n'
        f"{_of_this_machine('Acquire::Check-Valid-Until')}\n"
    )
    # A list that is too old or wrongly signed is refused by apt, and stays refused.
    done = subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    if done.returncode:
        raise Missing(f"Debian's {suite} for {arch} cannot be read: apt-get update failed")
    (base / "updated").touch()
    return environment
