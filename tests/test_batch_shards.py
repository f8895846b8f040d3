"""Tar shards in the layout of webdataset, in and out of `dlf batch`."""

from __future__ import annotations

import gzip
import io
import signal
import tarfile
import time
from pathlib import Path

import dlf
import numpy as np
import pytest
from batch_files import batch, encoded, png, rows, start
from dlf.batch import Running, Settings, run
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

Members = dict[str, bytes]


def write_shard(path: Path, members: Members) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for member, content in members.items():
            header = tarfile.TarInfo(member)
            header.size, header.mtime, header.mode = len(content), 1_700_000_000, 0o640
            tar.addfile(header, io.BytesIO(content))
    return path


def read_shard(path: Path) -> Members:
    with tarfile.open(path) as tar:
        files = [(header, tar.extractfile(header)) for header in tar]
        return {header.name: file.read() for header, file in files if file is not None}


def samples(first: int, count: int) -> Members:
    found: Members = {}
    for number in range(first, first + count):
        found[f"d/{number:04}.cls"] = str(number).encode()
        found[f"d/{number:04}.png"] = png(number)
        found[f"d/{number:04}.meta.json"] = b"{}"
    return found


def expected(first: int, count: int) -> Members:
    return {
        name.replace(".png", ".dlf"): encoded(int(name[2:6])) if name.endswith(".png") else content
        for name, content in samples(first, count).items()
    }


def test_there_and_back(tmp_path: Path) -> None:
    folder, out, back = tmp_path / "in", tmp_path / "out", tmp_path / "back"
    for number in range(3):
        write_shard(folder / "train" / f"s-{number}.tar", samples(4 * number, 4))
    batch(folder, out, "--workers", 2)
    for number in range(3):
        shard = out / "train" / f"s-{number}.tar"
        assert list(read_shard(shard).items()) == list(expected(4 * number, 4).items())
        with tarfile.open(shard) as tar:
            assert {(header.mtime, header.mode) for header in tar} == {(1_700_000_000, 0o640)}
    lines = rows(out / "dlf-batch.jsonl")
    assert len(lines) == 3 * (4 + 1)
    member = next(line for line in lines if line["input"] == "train/s-1.tar/d/0005.png")
    assert member["output"] == "train/s-1.tar/d/0005.dlf"
    assert member["bytes"] == len(encoded(5))
    whole = next(line for line in lines if line["input"] == "train/s-1.tar")
    assert whole["bytes"] == (out / "train" / "s-1.tar").stat().st_size
    assert run([folder], out, running=Running(workers=0)).done_before == 3

    summary = run([f"{out}/**/*.tar"], back, Settings(decode=True), Running(workers=0))
    assert (summary.done, summary.pictures) == (3, 12)
    member_content = read_shard(back / "train" / "s-2.tar")["d/0009.png"]
    with Image.open(io.BytesIO(member_content)) as image:
        assert np.array_equal(np.asarray(image), dlf.decode(encoded(9)))


def test_a_failing_picture_takes_its_sample_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = samples(0, 3)
    members["d/0001.png"] = b"not a picture"
    members |= {"e/x.png": png(5), "e/x.jpg": png(6), "e/x.txt": b"two of one name"}
    members |= {"e/y.left.png": png(7), "e/y.right.png": png(8)}
    shard, out = write_shard(tmp_path / "s.tar", members), tmp_path / "out"
    batch(shard, out, "--workers", 0, status=3)
    written = read_shard(out / "s.tar")
    assert set(written) == {
        *(f"d/{number}.{end}" for number in ("0000", "0002") for end in ("cls", "dlf")),
        *("d/0000.meta.json", "d/0002.meta.json", "e/y.left.dlf", "e/y.right.dlf"),
    }
    assert written["e/y.right.dlf"] == encoded(8)
    errors = capsys.readouterr().err
    assert "d/0001.png: not an image" in errors
    assert "several members of this name" in errors
    assert rows(out / "dlf-batch.jsonl")[-1]["status"] == "partial"
    # Done as well as it can be, until that is wanted again.
    summary = run([shard], out, running=Running(workers=0))
    assert (summary.done_before, len(summary.failures)) == (1, 1)
    write_shard(shard, samples(0, 3))
    assert run([shard], out, running=Running(workers=0, retry_failed=True)).done == 1
    assert read_shard(out / "s.tar") == expected(0, 3)


def test_a_damaged_shard_fails_whole(tmp_path: Path) -> None:
    good = write_shard(tmp_path / "in" / "good.tar", samples(0, 2))
    (tmp_path / "in" / "cut.tar").write_bytes(good.read_bytes()[:-12000])
    (tmp_path / "in" / "none.tar").write_bytes(b"no tar at all" * 100)
    write_shard(tmp_path / "in" / "plain.tar", {"a.txt": b"no picture"})
    (tmp_path / "in" / "packed.tar.gz").write_bytes(gzip.compress(good.read_bytes()))
    summary = run([tmp_path / "in"], tmp_path / "out", running=Running(workers=0))
    assert (summary.done, summary.failed) == (2, 3)
    errors = dict(summary.failures)
    assert "damaged tar" in errors["cut.tar"]
    assert "damaged tar" in errors["none.tar"]
    assert "without a picture" in errors["plain.tar"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"good.tar", "packed.tar", "dlf-batch.jsonl"}
    assert read_shard(tmp_path / "out" / "packed.tar") == expected(0, 2)


def test_interrupted_in_a_shard(tmp_path: Path) -> None:
    """A shard in flight is dropped at the first picture, and leaves nothing behind."""
    members: Members = {}
    for number in range(2000):
        members |= {f"{number:05}.png": png(number % 50)}
    write_shard(tmp_path / "in" / "a.tar", samples(0, 2))
    write_shard(tmp_path / "in" / "b.tar", members)
    out = tmp_path / "out"
    process = start(tmp_path / "in", out, "--workers", 1)
    while not (out / "a.tar").exists() or not list(out.glob(".dlf-batch-*/.b.tar.*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert {path.name for path in out.iterdir()} == {"a.tar", "dlf-batch.jsonl"}
    write_shard(tmp_path / "in" / "b.tar", samples(2, 2))
    summary = run([tmp_path / "in"], out, running=Running(workers=0))
    assert (summary.done, summary.done_before) == (1, 1)
    assert read_shard(out / "b.tar") == expected(2, 2)
