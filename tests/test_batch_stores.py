"""`dlf batch` on file systems that are reached through fsspec and pyarrow."""

from __future__ import annotations

import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from batch_files import check_outputs, encoded, make_folder, name, png
from dlf.batch import FsspecStore, LocalStore, Running, Settings, open_store, run

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

pytestmark = pytest.mark.usefixtures("model_environment")

COUNT = 4


@pytest.fixture
def memory() -> str:
    """The URL of a folder of pictures that exists in this process alone."""
    root = f"memory://{uuid.uuid4().hex}"
    system, path = fsspec.core.url_to_fs(root)
    for number in range(COUNT):
        system.pipe_file(f"{path}/in/{name(number)}", png(number))
    system.pipe_file(f"{path}/in/.hidden.png", b"")
    system.pipe_file(f"{path}/in/notes.txt", b"")
    return root


def content(url: str) -> bytes:
    system, path = fsspec.core.url_to_fs(url)
    data: bytes = system.cat_file(path)
    return data


def test_urls_in_and_out(memory: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"workers": 0, "manifest": tmp_path / "m.jsonl"}
    out = f"{memory}/out"
    summary = run([f"{memory}/in"], out, running=Running(**options))
    assert (summary.done, summary.failed, summary.ignored) == (COUNT, 0, 1)
    for number in range(COUNT):
        assert content(f"{out}/{name(number, '.dlf')}") == encoded(number)
    assert run([f"{memory}/in"], out, running=Running(**options)).done_before == COUNT
    system, path = fsspec.core.url_to_fs(out)
    system.rm_file(f"{path}/{name(2, '.dlf')}")
    assert run([f"{memory}/in"], out, running=Running(**options)).done == 1
    assert sorted(system.find(path)) == sorted(
        f"{path}/{name(number, '.dlf')}" for number in range(COUNT)
    )
    with pytest.raises(ValueError, match="--manifest"):
        run([f"{memory}/in"], out)


def test_globs_files_and_lists_of_urls(memory: str, tmp_path: Path) -> None:
    def outputs(word: str, **options: Any) -> set[str]:
        out = tmp_path / uuid.uuid4().hex
        assert not run([word], out, running=Running(workers=0, **options)).failures
        return {str(path.relative_to(out)) for path in out.rglob("*.dlf")}

    everything = {name(number, ".dlf") for number in range(COUNT)}
    assert outputs(f"{memory}/in/**/*.png") == everything
    assert outputs(f"{memory}/in/{name(1)}") == {name(1, ".dlf")}
    lines = tmp_path / "list.txt"
    lines.write_text(f"{memory}/in/{name(0)}\n{memory}/in/{name(1)}\n")
    assert outputs(f"@{lines}", root=f"{memory}/in") == {name(0, ".dlf"), name(1, ".dlf")}
    assert outputs(f"@{lines}") == {f"in/{name(number, '.dlf')}" for number in (0, 1)}


def test_a_shard_is_not_written_over_itself(memory: str, tmp_path: Path) -> None:
    system, path = fsspec.core.url_to_fs(memory)
    system.pipe_file(f"{path}/s.tar", b"a shard")
    with pytest.raises(ValueError, match="would replace the input"):
        run([f"{memory}/s.tar"], memory, running=Running(workers=0, manifest=tmp_path / "m.jsonl"))
    assert content(f"{memory}/s.tar") == b"a shard"


def test_output_inside_input(memory: str, tmp_path: Path) -> None:
    inside, manifest = f"{memory}/in/small", tmp_path / "m.jsonl"
    assert (
        run([f"{memory}/in"], inside, running=Running(workers=0, manifest=manifest)).done == COUNT
    )
    decoded = Settings(decode=True)
    assert run([f"{memory}/in"], inside, decoded, Running(workers=0, manifest=manifest)).inputs == 0


def test_a_store_that_cannot_put_whole_files(tmp_path: Path) -> None:
    """Such as sftp: files come whole through a staging folder, of which nothing stays."""
    system = fsspec.filesystem("dir", path=str(tmp_path), fs=fsspec.filesystem("file"))
    make_folder(tmp_path / "in", COUNT)
    source, target = FsspecStore(system, "in"), FsspecStore(system, "out")
    summary = run(
        [source], target, running=Running(workers=2, manifest=tmp_path / "out" / "dlf-batch.jsonl")
    )
    assert (summary.done, summary.failed) == (COUNT, 0)
    check_outputs(tmp_path / "out", COUNT)


def test_pyarrow_file_systems(tmp_path: Path) -> None:
    pyarrow_fs = pytest.importorskip("pyarrow.fs", reason="pyarrow is not installed")
    make_folder(tmp_path / "in", COUNT)
    system = pyarrow_fs.SubTreeFileSystem(str(tmp_path), pyarrow_fs.LocalFileSystem())
    source, target = FsspecStore(system, "in"), FsspecStore(system, "out")
    summary = run(
        [source], target, running=Running(workers=0, manifest=tmp_path / "out" / "dlf-batch.jsonl")
    )
    assert (summary.done, summary.failed) == (COUNT, 0)
    check_outputs(tmp_path / "out", COUNT)


def test_stores_by_address(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path), LocalStore)
    assert open_store(f"file://{tmp_path}").root == str(tmp_path)
    remote = pickle.loads(pickle.dumps(open_store("memory://some/where")))
    assert isinstance(remote, FsspecStore)
    assert remote.root == "memory:///some/where"
    with pytest.raises((ValueError, ImportError), match="nothing"):
        open_store("nothing://x/y")
