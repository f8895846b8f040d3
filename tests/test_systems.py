"""Where the system is not Linux: what Windows lacks is not needed, the stand-ins do the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import scene
from dlf import systems
from integer_models import encoding_package
from PIL import Image
from programs import TIMEOUT

# Read by every Python that is started with its folder on the path, those of a batch too.
WINDOWS = """
import os, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("O_CLOEXEC", "fchmod", "fchown", "fork", "posix_fallocate", "pread", "pwrite",
             "register_at_fork", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
"""


def run(folder: Path, *words: object) -> str:
    """Run ``dlf`` where the modules and functions above are missing; return what it printed."""
    (folder / "sitecustomize.py").write_text(WINDOWS)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "dlf", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "small.dlfm"
    path.write_bytes(encoding_package())
    return path


def test_files_are_coded_without_what_windows_lacks(tmp_path: Path, package: Path) -> None:
    photo, coded, again = (tmp_path / name for name in ("photo.png", "photo.dlf", "again.png"))
    Image.fromarray(scene(40, 56, seed=3)).save(photo)
    for _ in range(2):  # the second time there is a file to be replaced
        run(tmp_path, "encode", photo, coded, "--model", package)
        run(tmp_path, "decode", coded, again, "--model", package)
    with Image.open(again) as image:
        assert image.size == (56, 40)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_batch_runs_and_goes_on_without_what_windows_lacks(tmp_path: Path, package: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(2):
        Image.fromarray(scene(24, 24, seed=number)).save(source / f"{number}.png")
    words = ("batch", source, out, "--model", package, "--workers", "0")
    run(tmp_path, *words)
    made = {path.name: path.stat().st_mtime_ns for path in out.glob("*.dlf")}
    assert sorted(made) == ["0.dlf", "1.dlf"]
    run(tmp_path, *words)  # reads the manifest
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.dlf")} == made


def test_reading_without_pread_leaves_the_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digits"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDWR)
    try:
        with_pread = systems.read_at(descriptor, 4, 5)
        monkeypatch.delattr(os, "pread")
        os.lseek(descriptor, 2, os.SEEK_SET)
        assert systems.read_at(descriptor, 4, 5) == with_pread == b"5678"
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 2
    finally:
        os.close(descriptor)


def test_a_lock_of_windows_is_beyond_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: set[int] = set()

    def locking(descriptor: int, mode: int, count: int) -> None:
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        if place in taken:
            raise PermissionError(13, "Permission denied")
        taken.add(place)
        assert (mode, count) == (2, 1)

    monkeypatch.setattr(systems, "fcntl", None)
    monkeypatch.setitem(
        sys.modules,
        "msvcrt",
        SimpleNamespace(locking=locking, LK_NBLCK=2),  # type: ignore[arg-type]
    )
    path = tmp_path / "file"
    path.write_bytes(b"content")
    descriptor = os.open(path, os.O_RDWR)
    try:
        systems.lock(descriptor)
        with pytest.raises(BlockingIOError):
            systems.lock(descriptor)
        assert min(taken) > 1 << 32
        assert os.read(descriptor, 7) == b"content"
    finally:
        os.close(descriptor)


def test_peak_memory_is_unknown_rather_than_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert systems.peak_memory() > 1 << 20
    monkeypatch.setattr(systems, "resource", None)
    monkeypatch.setattr("builtins.open", lambda *_, **__: (_ for _ in ()).throw(OSError))
    assert systems.peak_memory() == 0
