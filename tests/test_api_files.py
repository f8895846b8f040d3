"""Writing files: all or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dlf.files import write_atomically


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_file_gets_the_permissions_that_open_would_give(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "new", b"data")
    assert (tmp_path / "new").read_bytes() == b"data"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert names(tmp_path) == {"plain", "new"}


def test_an_existing_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old")
    target.chmod(0o640)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", os.fspath(self))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(target, b"new")
    assert caught.value.filename == os.fspath(target)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == {"x.dlf"}


def test_an_interrupt_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x.dlf", b"new")
    assert names(tmp_path) == set()


def test_a_missing_folder_and_a_folder_are_errors_that_name_the_target(tmp_path: Path) -> None:
    for target in (tmp_path / "missing" / "x.dlf", tmp_path):
        with pytest.raises(OSError) as caught:
            write_atomically(target, b"data")
        assert caught.value.filename == os.fspath(target)
    assert names(tmp_path) == set()


def test_a_device_is_written_directly() -> None:
    write_atomically(os.devnull, b"data")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"data")
    reader.join(60)
    assert read == [b"data"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_the_name_of_a_descriptor_is_written_where_it_stands(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb", buffering=0) as file:
        file.write(b"before ")
        target = name.format(file.fileno())
        if name == "link":
            (tmp_path / name).symlink_to(f"/dev/fd/{file.fileno()}")
            target = str(tmp_path / name)
        write_atomically(target, b"data")
        file.write(b" after")
    assert out.read_bytes() == b"before data after"


def test_a_closed_descriptor_is_an_error_that_names_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        name = f"/dev/fd/{file.fileno()}"
    with pytest.raises(OSError) as caught:
        write_atomically(name, b"data")
    assert (caught.value.errno, caught.value.filename) == (errno.EBADF, name)


def test_another_process_has_descriptors_of_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file, subprocess.Popen(["sleep", "60"], stdout=file) as process:
        write_atomically(f"/proc/{process.pid}/fd/1", b"data")
        process.kill()
    assert out.read_bytes() == b"data"


# --- where no file can be put beside the target, it is written in place


@pytest.fixture(params=[errno.EACCES, errno.EPERM, errno.EROFS])
def unwritable_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder that takes no new file; root may do everything, so the system call says it."""
    real = os.open

    def refuse(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_EXCL:
            raise OSError(request.param, os.strerror(request.param), os.fspath(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    return tmp_path


def test_a_file_in_an_unwritable_folder_is_written_in_place(unwritable_folder: Path) -> None:
    target = unwritable_folder / "x.dlf"
    for old in (b"", b"old", b"old and longer"):
        target.write_bytes(old)
        before = target.stat()
        write_atomically(target, b"the new")
        assert target.read_bytes() == b"the new"
        assert target.stat().st_ino == before.st_ino
    with pytest.raises(OSError) as caught:
        write_atomically(unwritable_folder / "new.dlf", b"data")
    assert caught.value.filename == str(unwritable_folder / "new.dlf")
    assert names(unwritable_folder) == {"x.dlf"}


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EPERM])
def test_a_file_that_gives_its_name_to_no_other_is_written_in_place(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), os.fspath(self))

    monkeypatch.setattr(Path, "replace", fail)
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old and longer")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == {"x.dlf"}


def test_a_mounted_file_is_written_in_place(tmp_path: Path) -> None:
    outside, mounted = tmp_path / "outside", tmp_path / "mounted"
    outside.write_bytes(b"old")
    mounted.write_bytes(b"")
    done = subprocess.run(["mount", "--bind", outside, mounted], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this user cannot mount")
    try:
        write_atomically(mounted, b"new")
        assert outside.read_bytes() == b"new"
    finally:
        subprocess.run(["umount", mounted], check=True)


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let files grow no larger, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_content_in_place_too(unwritable_folder: Path) -> None:
    target = unwritable_folder / "x.dlf"
    target.write_bytes(b"old")
    with pytest.raises(OSError) as caught, room_for(100):
        write_atomically(target, bytes(1000))
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"


# --- owner and mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old")
    os.chown(target, 65534, 65533)
    target.chmod(0o4751)
    write_atomically(target, b"new")
    found = target.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o4751)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "fchown", refuse)  # as for those who are not root
    write_atomically(target, b"newer")
    assert (target.read_bytes(), target.stat().st_uid) == (b"newer", 65534)
    assert names(tmp_path) == {"x.dlf"}


def test_what_others_must_not_read_is_never_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old")
    target.chmod(0o600)
    modes: list[int] = []
    real = os.fchmod

    def watch(descriptor: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", watch)
    write_atomically(target, b"new")
    assert modes == [0o600]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    target = tmp_path / ("\u00fc" * 125 + ".dlf")  # 254 bytes
    write_atomically(target, b"data")
    write_atomically(target, b"again")
    assert target.read_bytes() == b"again"
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / ("n" * 252 + ".dlf"), b"data")
    assert caught.value.errno == errno.ENAMETOOLONG
