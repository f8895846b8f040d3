"""`dlf eval` as a user runs it: reports, resuming, and inputs that are wrong in every usual way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from dlf.cli import main
from dlf_models.evaluation import command
from dlf_models.evaluation import worker as worker_module
from dlf_models.evaluation.codecs import Setting
from dlf_models.evaluation.command import CARD_BEGIN, CARD_END
from dlf_models.evaluation.metrics import psnr
from dlf_models.evaluation.peers import Peer
from dlf_models.evaluation.pictures import read_picture
from dlf_models.evaluation.run import picture_names
from evaluation_samples import pair, write_random_weights
from PIL import Image

HEIGHT, WIDTH = 90, 100
Evaluate = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.npz"
    write_random_weights(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of one size."""
    images = tmp_path / "images"
    images.mkdir()
    for name, picture in zip("ab", pair(HEIGHT, WIDTH), strict=True):
        Image.fromarray(picture).save(images / f"{name}.png")
    return images


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Run `dlf eval` without DLF, in this process; returns exit status and JSON report."""

    def call(*words: object, against: tuple[str, ...] = ("jpeg:10", "webp:0,0/2")) -> Any:
        target = tmp_path / "out.json"
        common = ["--no-dlf", "--quiet", "--processes", "1", "--json", target]
        common += ["--cache", tmp_path / "cache", "--against", *against]
        status = main(["eval", *map(str, (*words, *common))])
        return status, json.loads(target.read_text())

    return call


def test_figures_are_those_of_real_files(evaluate: Evaluate, folder: Path) -> None:
    status, report = evaluate(folder, "--metrics", "psnr")
    assert status == 0
    assert [(r["image"], r["codec"], r["scale"], r["quality"]) for r in report["images"]] == [
        (name, *setting)
        for name in "ab"
        for setting in (("jpeg", 1, 10), ("webp", 1, 0), ("webp", 2, 0))
    ]
    expected = []
    for name in "ab":
        picture, _ = read_picture(folder / f"{name}.png")
        peer, setting = Peer("webp"), Setting("webp", 2, 0)
        data = peer.encode(picture, setting)
        record = next(r for r in report["images"] if (r["image"], r["scale"]) == (name, 2))
        assert record["bytes"] == len(data)
        assert record["bpp"] == pytest.approx(8 * len(data) / (HEIGHT * WIDTH))
        assert record["psnr"] == pytest.approx(
            psnr(picture, peer.decode(data, setting, HEIGHT, WIDTH)), rel=1e-9
        )
        assert record["encode_seconds"] > 0 and record["decode_seconds"] > 0
        expected.append(record)
    mean = next(m for m in report["means"] if m["scale"] == 2)
    for field in ("bpp", "psnr"):
        assert mean[field] == pytest.approx(sum(r[field] for r in expected) / 2)
    assert mean["pictures"] == 2 and mean["complete"]


def test_two_processes_measure_the_same(
    evaluate: Evaluate,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "SECONDS_BETWEEN_LINES", 0.0)
    _, alone = evaluate(folder, "--metrics", "psnr")
    target = tmp_path / "two.json"
    words = [folder, "--no-dlf", "--no-cache", "--processes", 2, "--metrics", "psnr"]
    words += ["--json", target, "--against", "jpeg:10", "webp:0,0/2"]
    assert main(["eval", *map(str, words)]) == 0
    together = json.loads(target.read_text())
    timings = re.compile("seconds|peak")

    def without_costs(report: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in record.items() if not timings.search(key)}
            for record in report["images"]
        ]

    assert without_costs(alone) == without_costs(together)
    assert "6/6" in capsys.readouterr().err


def test_a_second_run_codes_nothing_again(
    evaluate: Evaluate, folder: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded: list[Setting] = []
    encode = Peer.encode

    def counting(self: Peer, picture: Any, setting: Setting) -> bytes:
        coded.append(setting)
        return encode(self, picture, setting)

    monkeypatch.setattr(worker_module.Peer, "encode", counting)
    _, first = evaluate(folder, "--metrics", "psnr")
    assert len(coded) == 6
    _, second = evaluate(folder, "--metrics", "psnr")
    assert len(coded) == 6
    assert first["images"] == second["images"] and first["means"] == second["means"]
    # The same pixels under another name and in another format are the same picture.
    Image.open(folder / "a.png").save(folder / "c.bmp")
    evaluate(folder, "--metrics", "psnr")
    assert len(coded) == 6
    # A metric more is added to what is there.
    _, third = evaluate(folder, "--metrics", "psnr", "lpips", "--lpips", weights_file)
    assert len(coded) == 12  # the third picture has the first one's results
    assert third["images"][0]["psnr"] == first["images"][0]["psnr"]
    assert third["images"][0]["encode_seconds"] == first["images"][0]["encode_seconds"]
    assert third["images"][0]["lpips"] > 0


def test_a_damaged_cache_is_measured_again(
    evaluate: Evaluate, folder: Path, tmp_path: Path
) -> None:
    _, first = evaluate(folder, "--metrics", "psnr")
    files = list((tmp_path / "cache").rglob("*.json"))
    assert len(files) == 6
    for file in files:
        file.write_text(file.read_text()[:20])
    _, second = evaluate(folder, "--metrics", "psnr")
    assert [r["bytes"] for r in first["images"]] == [r["bytes"] for r in second["images"]]


def test_everything_is_written(
    evaluate: Evaluate,
    folder: Path,
    weights_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    plots, saved, card = tmp_path / "plots", tmp_path / "saved", tmp_path / "card.md"
    card.write_text(f"# Card\n{CARD_BEGIN}\nold figures\n{CARD_END}\n\nLicence.\n")
    words = [folder, "--metrics", "psnr", "lpips", "--lpips", weights_file]
    words += ["--plots", plots, "--sheet", "1.5", "--save", saved, "--card", card, "--per-image"]
    status, report = evaluate(*words)
    assert status == 0
    for metric in ("psnr", "lpips", "frechet_64"):
        assert (plots / f"rd_{metric}.png").stat().st_size > 5000
        assert "<svg" in (plots / f"rd_{metric}.svg").read_text()
    with Image.open(plots / "sheet_1.500.jpg") as sheet:
        assert sheet.width > 2 * WIDTH and sheet.height > 2 * HEIGHT
    text = (plots / "report.md").read_text()
    assert "![rd_lpips](rd_lpips.svg)" in text and "(sheet_1.500.jpg)" in text
    assert "| b | jpeg q10 |" in capsys.readouterr().out
    assert f"| WebP q0, half size | {report['means'][2]['bpp']:.4f} |" in text
    assert "| b | jpeg q10 |" in text
    written = card.read_text()
    assert written.startswith("# Card\n") and written.endswith("\n\nLicence.\n")
    assert "old figures" not in written and "WebP q0, half size" in written
    assert "![rd_lpips](plots/rd_lpips.svg)" in written
    data = (saved / "webp_q0_2" / "a.webp").read_bytes()
    assert len(data) == report["images"][2]["bytes"]
    picture, _ = read_picture(saved / "webp_q0_2" / "a.png")
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert report["means"][0]["frechet_64"] > 0
    assert report["means"][0]["frechet_256"] is None  # the pictures are smaller


def test_an_unreadable_picture_among_many(
    evaluate: Evaluate, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (folder / "text.jpg").write_text("not a picture")
    status, report = evaluate(folder, folder / "nowhere.png", "--metrics", "psnr")
    assert status == 1
    assert {r["image"] for r in report["images"]} == {"a", "b"}
    assert all(mean["complete"] for mean in report["means"])
    assert len(report["unreadable"]) == 2
    out, errors = capsys.readouterr()
    for words in ("broken.png: not a readable image", "text.jpg: not a", "no such file or folder"):
        assert words in errors and words in out


def test_sizes_and_modes_may_be_mixed(evaluate: Evaluate, folder: Path) -> None:
    Image.fromarray(pair(170, 180)[0]).save(folder / "large.png")
    base = Image.fromarray(pair(40, 30)[0])
    base.convert("L").save(folder / "grey.png")
    base.convert("RGBA").resize((33, 200)).save(folder / "clear.png")
    status, report = evaluate(folder, "--metrics", "psnr", "ms_ssim")
    assert status == 0
    notes = " ".join(report["notes"])
    assert "One picture is of mode L measured as 8-bit RGB" in notes
    assert "One picture is of mode RGBA" in notes
    assert "differ in size" in notes
    assert "MS-SSIM is a mean over 1 of the pictures" in notes
    grey = next(r for r in report["images"] if r["image"] == "grey")
    assert grey["ms_ssim"] is None and grey["psnr"] > 5
    mean = report["means"][0]
    assert mean["pooled_bpp"] != pytest.approx(mean["bpp"])


def test_missing_weights_leave_the_rest_measured(
    evaluate: Evaluate, folder: Path, tmp_path: Path
) -> None:
    status, report = evaluate(
        folder, "--metrics", "psnr", "lpips", "--lpips", tmp_path / "gone.npz"
    )
    assert status == 0
    assert any("LPIPS" in note and "gone.npz" in note for note in report["notes"])
    record = report["images"][0]
    assert "lpips" not in record and record["psnr"] > 0
    assert "frechet_64" not in report["means"][0]


def test_a_picture_that_a_codec_refuses_stops_nothing(
    evaluate: Evaluate, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = Peer.encode

    def refusing(self: Peer, picture: Any, setting: Setting) -> bytes:
        if setting.scale == 2 and picture[0, 0, 0] == pair(HEIGHT, WIDTH)[1][0, 0, 0]:
            raise ValueError("no half-size pictures on Sundays")
        return encode(self, picture, setting)

    monkeypatch.setattr(worker_module.Peer, "encode", refusing)
    status, report = evaluate(folder, "--metrics", "psnr")
    assert status == 1
    assert any("b webp q0 1/2: ValueError: no half-size" in note for note in report["notes"])
    mean = next(m for m in report["means"] if m["scale"] == 2)
    assert mean["pictures"] == 1 and not mean["complete"]
    assert next(m for m in report["means"] if m["codec"] == "jpeg")["pictures"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{empty}", "--no-dlf", "--against", "jpeg"], "no images in the folder .*empty"),
        (["{folder}/x.png", "--no-dlf", "--against", "jpeg"], "no such file or folder"),
        (["{folder}", "--no-dlf"], "nothing to measure without --against"),
        (["{folder}", "--no-dlf", "--against", "bpg"], "no codec 'bpg'"),
        (["{folder}", "--quality", "5,eleven"], "not 'eleven'"),
        (["{folder}", "--no-dlf", "--against", "jpeg", "--metrics", "vmaf"], "no metric 'vmaf'"),
        (["{folder}", "--no-dlf", "--against", "jpeg", "--card", "{card}"], "has no lines"),
    ],
)
def test_wrong_usage_is_said_in_words(
    words: list[str],
    message: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "card.md").write_text("# Card without markers\n")
    places = {"folder": folder, "empty": tmp_path / "empty", "card": tmp_path / "card.md"}
    filled = [word.format(**places) for word in words]
    assert main(["eval", *filled, "--cache", str(tmp_path / "cache"), "--quiet"]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_names_are_short_and_unique(tmp_path: Path) -> None:
    paths = [
        Path(tmp_path, *parts)
        for parts in (("a", "x.png"), ("a", "x.jpg"), ("b", "y.png"), ("c", "y.png"), ("z.png",))
    ]
    names = picture_names(paths)
    assert names[paths[4]] == "z"
    assert (names[paths[0]], names[paths[1]]) == ("x.png", "x.jpg")
    assert len(set(names.values())) == 5
    assert names[paths[2]].endswith("b_y.png")
