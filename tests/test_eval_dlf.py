"""`dlf eval` measuring DLF itself, through the command line, with the small test model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import dlf
from dlf.cli import main
from dlf_models.evaluation.metrics import psnr
from dlf_models.evaluation.ours import quality_of
from dlf_models.evaluation.pictures import read_picture
from evaluation_samples import pair
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for name, picture in zip("ab", pair(70, 90), strict=True):
        Image.fromarray(picture).save(images / f"{name}.png")
    return images


@pytest.mark.parametrize("points", [1, 2, 7, 8, 16])
def test_qualities_reach_every_rate_point(points: int) -> None:
    from dlf.options import rate_for_quality

    qualities = [quality_of(rate, points) for rate in range(points)]
    assert [rate_for_quality(quality, points) for quality in qualities] == list(range(points))


def test_dlf_is_measured_from_its_files(model_environment: None, folder: Path) -> None:
    target, saved = folder.parent / "out.json", folder.parent / "saved"
    words = ["eval", folder, "--quality", "0,100", "--metrics", "psnr", "--against", "jpeg:5,40"]
    words += ["--no-cache", "--quiet", "--processes", 1, "--json", target, "--save", saved]
    assert main([str(word) for word in words]) == 0
    report = json.loads(target.read_text())
    ours = [record for record in report["images"] if record["codec"] == "dlf"]
    assert [(r["image"], r["quality"]) for r in ours] == [
        ("a", 0), ("a", 100), ("b", 0), ("b", 100),
    ]  # fmt: skip
    for record in ours:
        original, _ = read_picture(folder / f"{record['image']}.png")
        place = saved / f"dlf_q{record['quality']}"
        data = (place / f"{record['image']}.dlf").read_bytes()
        assert data == dlf.encode(original, quality=record["quality"])
        assert record["bytes"] == len(data) == sum(record["layers"].values())
        assert list(record["layers"]) == ["semantic", "detail", "overhead"]
        assert record["layers"]["overhead"] <= 14  # BITSTREAM's header budget
        decoded, _ = read_picture(place / f"{record['image']}.png")
        assert record["psnr"] == pytest.approx(psnr(original, decoded), rel=1e-9)
        assert (decoded == dlf.decode(data)).all()
    mean = next(m for m in report["means"] if m["codec"] == "dlf")
    assert sum(mean["layers_bpp"].values()) == pytest.approx(mean["bpp"])


def test_every_rate_point_is_the_default(
    model_environment: None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["eval", folder / "a.png", "--metrics", "psnr", "--no-cache", "--quiet"]
    assert main([str(word) for word in [*words, "--processes", 1]]) == 0
    points = dlf.Codec().model.rate_points
    table = capsys.readouterr().out.split("## All settings")[1]
    assert table.count("| DLF q") == points


def test_a_missing_model_is_said_and_peers_are_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(folder / "gone.dlfm")
    words = ["eval", str(folder), "--model", gone, "--metrics", "psnr", "--no-cache", "--quiet"]
    assert main(words) == 14
    assert "gone.dlfm" in capsys.readouterr().err
    assert main([*words, "--against", "jpeg:10", "--processes", "1"]) == 1
    out, errors = capsys.readouterr()
    assert "DLF is not measured: " in errors and "gone.dlfm" in out
    assert "JPEG q10" in out


def test_wrong_usage_has_its_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(tmp_path)]) == 2
    assert "no images in the folder" in capsys.readouterr().err
    assert main(["eval", str(tmp_path / "x.png"), "--against"]) == 2
