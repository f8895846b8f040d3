"""`dlf batch` that ends early, in every way that there is, and goes on when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batch_files import batch, check_outputs, encoded, make_folder, rows, start

pytestmark = pytest.mark.usefixtures("model_environment")

MANY = 200
SOME = 40
WORKERS = 2
PATIENCE = 120.0


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for `ready`; fail when the process ends before."""
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end
        if process.poll() is not None:
            pytest.fail(f"ended too early: {process.communicate()}")
        time.sleep(0.01)


def children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not path.exists():
        pytest.skip("this kernel does not list the children of a process")
    return [int(word) for word in path.read_text().split()]


def wait_for_orphans(pids: list[int]) -> None:
    end = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.01)


def test_killed_in_the_middle(tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", MANY), tmp_path / "out"
    manifest = out / "dlf-batch.jsonl"
    process = start(folder, out, "--workers", WORKERS)
    wait_until(lambda: len(rows(manifest)) >= MANY // 4, process)
    workers = children(process)
    process.kill()
    process.communicate()
    wait_for_orphans(workers)
    first = rows(manifest)
    assert MANY // 4 <= len(first) < MANY
    # Whatever is there is whole, recorded or in flight when the end came.
    there = {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("*.dlf")}
    recorded = {row["output"] for row in first}
    assert recorded <= there.keys()
    assert len(there) - len(recorded) <= WORKERS
    for path in there:
        assert (out / path).read_bytes() == encoded(int(Path(path).stem[1:]))
    staging = list(out.glob(".dlf-batch-*"))
    assert len(staging) == 1
    (staging[0] / ".p001.dlf.0123456789ab.part").write_bytes(b"half")

    batch(folder, out, "--workers", WORKERS)
    check_outputs(out, MANY)
    second = rows(manifest)[len(first) :]
    assert len(second) == MANY - len(first)  # nothing that was recorded was done again
    assert {row["output"] for row in second}.isdisjoint(recorded)
    assert all((out / path).stat().st_mtime_ns == there[path] for path in recorded)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: signal.Signals, tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", MANY), tmp_path / "out"
    manifest = out / "dlf-batch.jsonl"
    process = start(folder, out, "--workers", WORKERS)
    wait_until(lambda: len(rows(manifest)) >= SOME, process)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: the workers get it too
    else:
        process.send_signal(number)
    said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "interrupted; the same command goes on" in complaints
    assert "Traceback" not in complaints
    assert f"{MANY - len(rows(manifest))} unfinished" in said
    # What was in flight has been finished and recorded.
    assert {row["output"] for row in rows(manifest)} == {
        str(path.relative_to(out)) for path in out.rglob("*.dlf")
    }
    batch(folder, out, "--workers", 0)
    check_outputs(out, MANY)
    assert len(rows(manifest)) == MANY


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", MANY), tmp_path / "out"
    process = start(folder, out, "--workers", WORKERS)
    wait_until(lambda: len(rows(out / "dlf-batch.jsonl")) >= SOME, process)
    victims = [pid for pid in children(process) if b"spawn_main" in cmdline(pid)]
    assert len(victims) == WORKERS
    os.kill(victims[0], signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    check_outputs(out, MANY)


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 30 pages."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("no right to mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("manifest_there", [True, False])
def test_full_disk(
    small_disk: Path, tmp_path: Path, manifest_there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = make_folder(tmp_path / "in", SOME), small_disk / "out"
    manifest = out / "dlf-batch.jsonl" if manifest_there else tmp_path / "m.jsonl"
    words = (folder, out, "--workers", WORKERS, "--manifest", manifest)
    batch(*words, status=1)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device" in said
    assert "stopped" in said
    written = sorted(out.rglob("*.dlf"))
    assert 5 < len(written) < SOME
    for path in written:
        assert path.read_bytes() == encoded(int(path.stem[1:]))
    assert not list(out.rglob("*.part"))
    done = rows(manifest)
    assert all(row["status"] == "ok" for row in done)

    batch(*words, status=1)  # still full: no worse than before
    assert sorted(out.rglob("*.dlf")) == written
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    batch(*words)
    if not manifest_there:
        (out / "dlf-batch.jsonl").touch()
    check_outputs(out, SOME)
    assert len(rows(manifest)) == SOME
