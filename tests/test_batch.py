"""`dlf batch` on one machine: what it finds, writes, leaves alone, and reports."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dlf
import numpy as np
import pytest
from batch_files import batch, check_outputs, encoded, make_folder, name, picture, png, rows
from dlf.batch import LocalStore, Running, Settings, run
from dlf.batch.budget import PixelBudget
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

COUNT = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", COUNT)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def failure(capsys: pytest.CaptureFixture[str], *words: object, status: int) -> str:
    """Run a batch that does not end well; return what it says about it."""
    batch(*words, status=status)
    return capsys.readouterr().err


def test_workers_write_what_dlf_encode_writes(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch(folder, out, "--workers", 2, "--json")
    check_outputs(out, COUNT)
    report = json.loads(capsys.readouterr().out)
    assert (report["inputs"], report["done"], report["pictures"]) == (COUNT, COUNT, COUNT)
    assert report["workers"] == 2
    assert report["output_bytes"] == sum(len(encoded(number)) for number in range(COUNT))
    assert 10e6 < report["peak_worker_memory"] < 2e9
    found = {row["output"]: row for row in rows(out / "dlf-batch.jsonl")}
    for number in range(COUNT):
        row = found[name(number, ".dlf")]
        assert row["input"] == name(number)
        assert row["status"] == "ok"
        assert row["bytes"] == len(encoded(number))
        assert row["bpp"] == pytest.approx(dlf.info(encoded(number)).bpp, abs=1e-5)


def test_the_same_as_the_command_for_one_file(folder: Path, out: Path, tmp_path: Path) -> None:
    from dlf.cli import main

    target, one = ["--bytes", "90"], tmp_path / "one.dlf"
    batch(folder, out, *target, "--workers", 0)
    for number in range(COUNT):
        assert main(["encode", str(folder / name(number)), str(one), "--quiet", *target]) == 0
        assert (out / name(number, ".dlf")).read_bytes() == one.read_bytes()


def test_decode_and_formats(folder: Path, out: Path, tmp_path: Path) -> None:
    batch(folder, out, "--workers", 0)
    back = tmp_path / "back"
    batch(out, back, "--decode", "--workers", 0, "--manifest", tmp_path / "m.csv")
    webp = tmp_path / "webp"
    batch(f"{out}/*.dlf", webp, "--decode", "--format", "webp", "--workers", 0)
    for number in range(COUNT):
        expected = dlf.decode(encoded(number))
        with Image.open(back / name(number)) as image:
            assert np.array_equal(np.asarray(image), expected)
        assert (webp / name(number, ".webp")).exists() == (number % 3 != 0)
    first, *lines = (tmp_path / "m.csv").read_text().splitlines()
    assert first == "input,output,bytes,bpp,seconds,status,error,settings"
    assert len(lines) == COUNT


def test_done_is_not_done_again_but_changed_settings_and_lost_outputs_are(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch(folder, out, "--workers", 0)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.dlf")}
    (out / name(1, ".dlf")).unlink()
    (out / name(2, ".dlf")).write_bytes(b"torn")
    capsys.readouterr()
    batch(folder, out, "--workers", 0)
    assert f"2 done, {COUNT - 2} done before" in capsys.readouterr().out
    check_outputs(out, COUNT)
    changed = {path for path in before if path.stat().st_mtime_ns != before[path]}
    assert changed == {out / name(1, ".dlf"), out / name(2, ".dlf")}
    batch(folder, out, "-q", 0, "--workers", 0)
    check_outputs(out, COUNT, quality=0)
    batch(folder, out, "-q", 0, "--workers", 0)
    assert capsys.readouterr().out.endswith(f"0 done, {COUNT} done before\n")


def test_one_bad_picture_has_no_effect_on_the_rest(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"not a picture")
    (folder / "cut.png").write_bytes(png(1)[:100])
    (folder / "gone.jpg").symlink_to("nowhere")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(png(1))
    said = failure(capsys, folder, out, "--workers", 2, status=3)
    assert said.count("\n") == 3
    assert "broken.png: not an image" in said
    assert "cut.png: damaged image" in said
    assert "gone.jpg: No such file" in said
    check_outputs(out, COUNT)
    # Failures stand in the manifest, are told again, and tried again only on request.
    said = failure(capsys, folder, out, "--workers", 0, status=3)
    assert said.count("\n") == 3
    (folder / "broken.png").write_bytes(png(COUNT))
    batch(folder, out, "--workers", 0, status=3)
    assert not (out / "broken.dlf").exists()
    capsys.readouterr()
    batch(folder, out, "--workers", 0, "--retry-failed", status=3)
    captured = capsys.readouterr()
    assert f"1 done, {COUNT} done before, 2 failed, 1 ignored" in captured.out
    assert (out / "broken.dlf").read_bytes() == encoded(COUNT)


def test_unreadable_places_are_failures(folder: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{folder / name(1)}\n\n{folder / 'absent.png'}\n../x.png\n")
    summary = run([f"@{tmp_path / 'list.txt'}"], out, running=Running(workers=0))
    assert (summary.done, summary.failed, summary.unfinished) == (1, 2, 0)
    reasons = dict(summary.failures)
    assert "No such file" in reasons[str(folder / "absent.png")]
    assert "--root" in reasons["../x.png"]
    with pytest.raises(FileNotFoundError, match="absent"):
        run([tmp_path / "absent"], out)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        run([f"{folder}/*.gif"], out)


def test_globs_files_and_lists_keep_their_trees(folder: Path, tmp_path: Path) -> None:
    def outputs(*words: object, **options: object) -> set[str]:
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        summary = run(words, out, running=Running(workers=0, **options))  # type: ignore[arg-type]
        assert not summary.failures
        return {str(path.relative_to(out)) for path in out.rglob("*.dlf")}

    everything = {name(number, ".dlf") for number in range(COUNT)}
    assert outputs(f"{folder}/**/*.png") == everything
    assert outputs(f"{folder}/bel*/**/p003.png") == {"below/deep/p003.dlf"}
    assert outputs(folder / name(0), folder / name(1)) == {"p000.dlf", "p001.dlf"}
    assert outputs(f"file://{folder}") == everything
    assert outputs(LocalStore(folder)) == everything
    lines = tmp_path / "list"
    lines.write_text("".join(f"{folder / name(number)}\n" for number in (0, 1)))
    assert outputs(f"@{lines}", root=folder) == {name(0, ".dlf"), name(1, ".dlf")}
    below = str(folder).lstrip("/")
    assert outputs(f"@{lines}") == {f"{below}/{name(number, '.dlf')}" for number in (0, 1)}


def test_colliding_names_are_refused_before_any_work(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture(1).save(folder / name(1, ".jpg"))
    assert "p001.dlf; --keep-extension" in failure(capsys, folder, out, status=2)
    assert not list(out.rglob("*.dlf"))
    batch(folder, out, "--keep-extension", "--workers", 0)
    assert (out / "p001.png.dlf").read_bytes() == encoded(1)
    assert (out / "p001.jpg.dlf").exists()
    batch(out, out / "back", "--decode", "--workers", 0, "--keep-extension")
    assert (out / "back" / "p001.png.dlf.png").exists()


def test_output_inside_input_and_the_reverse(folder: Path, tmp_path: Path) -> None:
    inside = folder / "small"
    assert run([folder], inside, running=Running(workers=0)).done == COUNT
    (inside / "stray.png").write_bytes(png(1))
    assert run([folder], inside, running=Running(workers=0)).inputs == COUNT
    assert run([f"{folder}/**/*.png"], inside, running=Running(workers=0)).inputs == COUNT
    assert run([folder], tmp_path, Settings(quality=0), Running(workers=0)).done == COUNT + 1
    (tmp_path / "shard.tar").touch()
    with pytest.raises(ValueError, match="must not be the input folder"):
        run([folder], folder)
    with pytest.raises(ValueError, match="would replace the input"):
        run([tmp_path / "shard.tar"], tmp_path)


def test_wrong_options(folder: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown model" in failure(capsys, folder, out, "--model", "absent", status=14)
    assert "'.xyz'" in failure(capsys, folder, out, "--decode", "--format", "xyz", status=2)
    assert ".jsonl" in failure(capsys, folder, out, "--manifest", "m.txt", status=2)
    assert "workers" in failure(capsys, folder, out, "--workers", -1, status=2)
    assert not out.exists()


def test_a_device_that_is_missing_stops_the_run_and_fails_no_picture(
    folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    words = (folder, out, "--device", "cuda", "--workers")
    assert "cannot start" in failure(capsys, *words, 2, status=1)
    assert "cuda" in failure(capsys, *words, 0, status=2)
    batch(folder, out, "--workers", 0)
    check_outputs(out, COUNT)


def test_orientation_and_kept_metadata(out: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "description", 6
    (tmp_path / "in").mkdir()
    picture(1).save(tmp_path / "in" / "turned.jpg", exif=exif)
    batch(tmp_path / "in", out, "--workers", 0)
    assert dlf.info((out / "turned.dlf").read_bytes()).orientation == 6
    batch(tmp_path / "in", out, "--workers", 0, "--keep", "exif")
    batch(out, tmp_path / "back", "--decode", "--workers", 0)
    with Image.open(tmp_path / "back" / "turned.png") as image:
        assert dict(image.getexif()) == dict(exif)


def test_large_pictures_take_turns(folder: Path, out: Path) -> None:
    summary = run(
        [folder], out, running=Running(workers=2, megapixels=0.001)
    )  # less than one picture
    assert (summary.done, summary.failed) == (COUNT, 0)


def test_pixel_budget() -> None:
    budget = PixelBudget(100)
    for worker, pixels in (("a", 60), ("b", 40), ("c", 300), ("d", 1)):
        budget.ask(worker, pixels)
    assert budget.granted() == ["a", "b"]
    budget.release("a")
    assert budget.granted() == []  # c waits for b, and d behind c, or c would wait for ever
    budget.release("b")
    assert budget.granted() == ["c"]
    budget.ask("c", 99)  # its next picture: the first is out of memory
    assert budget.granted() == ["d", "c"]


class Deadly(LocalStore):
    """A folder one of whose pictures kills whoever reads it."""

    def read(self, name: str) -> bytes:
        if name == "poison.png":
            os._exit(7)
        return super().read(name)


def test_a_picture_that_kills_its_worker_fails_alone(folder: Path, out: Path) -> None:
    (folder / "poison.png").write_bytes(png(1))
    summary = run([Deadly(folder)], out, running=Running(workers=2))
    assert (summary.done, summary.failed) == (COUNT, 1)
    assert summary.failures == [("poison.png", "the worker process ended (exit status 7)")]
    check_outputs(out, COUNT)


def test_other_libraries_stay_out() -> None:
    import subprocess
    import sys

    from batch_files import environment

    code = (
        "import sys, dlf.batch, dlf.cli.batch\n"
        "print([m for m in ('ray', 'torch', 'fsspec', 'pyarrow', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("workers", [0, 1])
def test_limits_hold_for_each_picture(
    folder: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    """What is refused does not count as done: a later run may allow it."""
    picture(0).resize((90, 40)).save(folder / "wide.png")
    words = [folder, out, "--workers", workers, "--max-side", 60]
    told = failure(capsys, *words, status=3)
    assert "wide.png: " in told
    assert "the width 90 exceeds the limit of 60" in told
    assert len(list(out.rglob("*.dlf"))) == COUNT
    batch(folder, out, "--workers", workers, "--retry-failed")
    assert len(list(out.rglob("*.dlf"))) == COUNT + 1

    back = tmp_path / "back"
    words = [out, back, "--decode", "--workers", workers, "--max-side", 60]
    assert "wide.dlf" in failure(capsys, *words, status=3)
    assert len(list(back.rglob("*.png"))) == COUNT
    batch(out, back, "--decode", "--workers", workers, "--retry-failed")
    assert len(list(back.rglob("*.png"))) == COUNT + 1


def test_limits_of_a_batch_are_judged_before_it(folder: Path, out: Path) -> None:
    with pytest.raises(ValueError, match=r"limits must be a dlf\.Limits"):
        run(
            [str(folder)],
            str(out),
            Settings(limits=60),  # type: ignore[arg-type]
            Running(workers=0),
        )
    assert not out.exists()
    limits = dlf.Limits(max_file_bytes=20)
    summary = run([str(folder)], str(out), Settings(limits=limits), Running(workers=0))
    assert (summary.done, summary.failed) == (0, COUNT)
    assert "exceeds the limit" in summary.failures[0][1]
