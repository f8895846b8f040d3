"""`dlf compare`: one file that needs nothing else, with the pixels and numbers that are true."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from conftest import scene
from dlf.cli import main
from dlf_models.compare.bits import bit_map
from dlf_models.compare.html import opponent, ordinal
from dlf_models.compare.versions import Comparison, Version
from dlf_models.evaluation.codecs import CodecUnavailable
from dlf_models.evaluation.metrics import psnr
from dlf_models.evaluation.peers import Peer
from dlf_models.evaluation.same_bytes import best_within, largest_within, smallest
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

NAME = 'a "scene" <&> {{title}}.png'  # a name that a careless page would stumble over


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / NAME
    Image.fromarray(scene(200, 264, seed=5)).save(path)
    return path


@pytest.fixture(scope="module")
def facts(source: Path, model_environment: None) -> dict[str, Any]:
    """What --json prints; the page lies beside the picture."""
    import contextlib

    printed = io.StringIO()
    words = ["compare", str(source), "--against", "webp", "jpeg", "-o", str(page_of(source))]
    with contextlib.redirect_stdout(printed):
        assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def page_of(source: Path) -> Path:
    return source.with_name("report.html")


@pytest.fixture(scope="module")
def page(source: Path, facts: dict[str, Any]) -> str:
    return page_of(source).read_text(encoding="utf-8")


def embedded(page: str, key: str) -> np.ndarray:
    uri = re.search(rf'id="version-{key}" src="data:image/\w+;base64,([^"]+)"', page)
    assert uri
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri[1]))).convert("RGB"))


def test_pictures_are_what_was_decoded(page: str, source: Path) -> None:
    original = np.asarray(Image.open(source))
    data = dlf.encode(original)
    assert np.array_equal(embedded(page, "original"), original)
    assert np.array_equal(embedded(page, "dlf"), dlf.decode(data))
    kept = re.search(r'href="data:application/octet-stream;base64,([^"]+)"', page)
    assert kept
    assert base64.b64decode(kept[1]) == data


def test_peers_get_as_many_bytes(facts: dict[str, Any], page: str, source: Path) -> None:
    original = np.asarray(Image.open(source))
    ours, *peers = facts["versions"]
    assert (ours["codec"], ours["bytes"]) == ("dlf", len(dlf.encode(original)))
    assert [peer["codec"] for peer in peers] == ["webp", "jpeg"]
    for version in facts["versions"]:
        assert version["psnr"] == pytest.approx(psnr(original, embedded(page, version["codec"])))
        assert version["fits"] == (version["bytes"] <= ours["bytes"])
        assert f"{version['bytes']:,}" in page
    assert "LPIPS is not measured" in facts["remarks"][0]
    assert facts["judge"] == "ms_ssim"


def test_the_best_classical_codec_stands_beside_dlf_at_first(
    facts: dict[str, Any], page: str
) -> None:
    checked = dict(re.findall(r'name="(left|right)" value="(\w+)" checked', page))
    best = max(facts["versions"][1:], key=lambda peer: (peer["fits"], peer[facts["judge"]]))
    assert checked == {"left": best["codec"], "right": "dlf"}


def test_which_classical_codec_is_the_best(photo_dlf: bytes) -> None:
    picture = scene(8, 8, seed=1)
    model = dlf.Codec().model

    def best(judge: str, *peers: tuple[str, bool, float | None]) -> str:
        versions = [Version(key, key, "", picture, 9) for key in ("original", "dlf")]
        for key, fits, value in peers:
            versions.append(Version(key, key, "", picture, 9, fits, {judge: value}))
        bits = bit_map(photo_dlf, model)
        return opponent(Comparison("a.png", versions, photo_dlf, bits, model, judge, [], []))

    assert best("lpips") == "original"
    assert best("lpips", ("webp", True, 0.3), ("avif", True, 0.2)) == "avif"
    assert best("ms_ssim", ("webp", True, 0.3), ("avif", True, 0.2)) == "webp"
    assert best("lpips", ("webp", True, 0.3), ("avif", False, 0.2)) == "webp"  # too many bytes
    assert best("lpips", ("webp", False, 0.3), ("avif", False, 0.2)) == "avif"
    assert best("psnr", ("webp", True, None), ("avif", True, 50.0)) == "webp"  # without loss


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (13, "13th")),
        *((592, "592nd"), (1013, "1,013th"), (1021, "1,021st"), (240, "240th")),
    ],
)
def test_ordinals(number: int, text: str) -> None:
    assert ordinal(number) == text


def test_the_lead_says_how_small_the_file_is(page: str, facts: dict[str, Any]) -> None:
    share = ordinal(round(200 * 264 * 3 / facts["versions"][0]["bytes"]))
    assert f"one {share} of the raw picture." in page


def test_the_page_asks_the_network_for_nothing(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    without_data = re.sub(r"data:[\w/;,+=-]+", "", page)
    assert "http://" not in without_data
    assert "https://" not in without_data
    assert "{{" not in without_data.replace("{{title}}.", "")  # the name itself


def test_names_cannot_break_the_page(page: str) -> None:
    assert "<h1>a &quot;scene&quot; &lt;&amp;&gt; {{title}}.png</h1>" in page
    assert '"scene" <&>' not in page


def test_the_map_adds_up(page: str, facts: dict[str, Any]) -> None:
    document = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert document
    data = json.loads(document[1])
    bits = [np.array(data["bits"][kind]) for kind in ("windows", "positions")]
    assert bits[1].shape == (-(-data["height"] // 32), -(-data["width"] // 32))
    overhead = facts["versions"][0]["bytes"] - sum(part.sum() for part in bits) / 8
    assert 0 < overhead < 20  # header and coder; values are rounded to a hundredth of a bit


def test_shares_of_the_ninths(photo_dlf: bytes) -> None:
    found = bit_map(photo_dlf, dlf.Codec().model)
    shares = found.shares()
    assert shares.shape == (3, 3)
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()
    assert found.other_bytes < 20
    total = found.semantic_bytes + found.detail_bytes + found.other_bytes
    assert total == pytest.approx(len(photo_dlf))


def test_the_best_of_the_sizes_is_found() -> None:
    picture = scene(96, 128, seed=6)
    peer = Peer("webp")
    sizes = {scale: largest_within(peer, "webp", picture, scale, 600) for scale in (1, 2, 4)}
    for scale, coded in sizes.items():
        assert coded
        assert len(coded.data) <= 600
        assert coded.setting.scale == scale
        better = type(coded.setting)("webp", scale, coded.setting.quality + 1)
        assert coded.setting.quality == 100 or len(peer.encode(picture, better)) > 600
    best = best_within(peer, "webp", picture, 600, lambda decoded: psnr(picture, decoded))
    assert best
    assert psnr(picture, best.decoded) == max(
        psnr(picture, coded.decoded) for coded in sizes.values() if coded
    )
    assert best_within(peer, "webp", picture, 10, lambda decoded: 0.0) is None
    assert len(smallest(peer, "webp", picture).data) > 10


def test_a_peer_that_is_too_large_or_missing_is_said_to_be(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(self: Peer, name: str) -> None:
        if name == "avif":
            raise CodecUnavailable("not in this build")
        original(self, name)

    original = Peer.__init__
    monkeypatch.setattr(Peer, "__init__", refuse)
    target = tmp_path / "x.html"
    words = ["compare", str(source), "--against", "jpeg", "avif", "-q", "0", "-o", str(target)]
    assert main(words) == 0
    assert "(more than allowed)" in capsys.readouterr().out
    text = target.read_text(encoding="utf-8")
    assert "JPEG cannot make a file this small" in text
    assert "AVIF is not shown: not in this build" in text


def test_a_turned_gray_picture_without_peers(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(scene(40, 60, seed=7)).convert("L")
    picture.save(tmp_path / "turned.png", exif=exif)
    target = tmp_path / "turned.html"
    assert main(["compare", str(tmp_path / "turned.png"), "--against", "-o", str(target)]) == 0
    page = target.read_text(encoding="utf-8")
    upright = np.asarray(picture.rotate(-90, expand=True).convert("RGB"))
    assert np.array_equal(embedded(page, "original"), upright)
    assert 'name="left" value="original" checked' in page  # there is nothing else


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing.png"], 1, "No such file"),
        (["{text}"], 10, "not an image"),
        (["{source}", "--against", "gif"], 2, "invalid choice: 'gif'"),
        (["{source}", "--bytes", "20"], 2, "20 bytes"),
        (["{source}", "--lpips", "missing.npz"], 2, "no weights file missing.npz"),
        (["{source}", "-o", "-", "--json"], 2, "cannot both go to standard output"),
        (["{source}", "--model", "nowhere"], 14, "unknown model 'nowhere'; installed:"),
        (["{source}", "-o", "no/such/folder/x.html"], 1, "No such file"),
    ],
)
def test_failures(
    words: list[str],
    status: int,
    message: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("no image")
    filled = [w.format(source=source, text=text) if "{" in w else w for w in words]
    assert (
        main(
            ["compare", *filled, "--against"] if "--against" not in words else ["compare", *filled]
        )
        == status
    )
    assert message in capsys.readouterr().err
    assert names_in(tmp_path) == ["text.txt"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
