"""Envelopes, BD-rate, Frechet distance and peers of `dlf eval`, against hand-made figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from dlf_models.evaluation.bd_rate import bd_rate
from dlf_models.evaluation.codecs import Setting
from dlf_models.evaluation.envelope import Point, best_within, envelope
from dlf_models.evaluation.frechet import Spread, frechet_distance, patch_features
from dlf_models.evaluation.metrics import psnr
from dlf_models.evaluation.peers import PEERS, Peer, default_settings, parse_against
from dlf_models.evaluation.pictures import picture_digest, read_picture
from dlf_models.evaluation.squeezenet import SqueezeFeatures
from evaluation_samples import SHARED, pair, random_weights
from PIL import Image, features

KODAK = sorted((SHARED / "kodak").glob("*.png"))


def curve(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(bpp, value, f"{bpp:g}") for bpp, value in pairs]


def test_envelope_keeps_what_nothing_beats() -> None:
    points = curve((0.4, 30), (0.1, 25), (0.2, 24), (0.3, 30), (0.1, 24), (0.2, 28))
    assert [(p.bpp, p.value) for p in envelope(points, True)] == [(0.1, 25), (0.2, 28), (0.3, 30)]
    assert [(p.bpp, p.value) for p in envelope(points, False)] == [(0.1, 24)]
    assert envelope([], True) == []


def test_best_within_a_rate() -> None:
    points = curve((0.1, 0.5), (0.2, 0.3), (0.3, 0.4))
    best = best_within(points, 0.3, higher_is_better=False)
    assert best is not None and best.bpp == 0.2
    assert best_within(points, 0.09, higher_is_better=False) is None


def test_bd_rate_of_a_curve_at_half_the_bytes() -> None:
    pytest.importorskip("scipy")
    anchor = curve((0.1, 0.5), (0.2, 0.4), (0.4, 0.32), (0.8, 0.2))
    tested = curve((0.05, 0.5), (0.1, 0.4), (0.2, 0.32), (0.4, 0.2))
    result = bd_rate(tested, anchor, higher_is_better=False)
    assert result.percent == pytest.approx(-50.0)
    assert result.common == result.tested == result.anchor == (0.2, 0.5)
    back = bd_rate(anchor, tested, higher_is_better=False)
    assert back.percent == pytest.approx(100.0)


def test_bd_rate_states_the_overlap_and_extrapolates_nothing() -> None:
    pytest.importorskip("scipy")
    anchor = curve((0.1, 20.0), (0.2, 30.0))
    tested = curve((0.1, 25.0), (0.4, 45.0))
    result = bd_rate(tested, anchor, higher_is_better=True)
    assert result.common == (25.0, 30.0)
    assert result.share_of(result.tested) == pytest.approx(0.25)
    assert result.share_of(result.anchor) == pytest.approx(0.5)
    # log2 rate is linear in quality here: over 25..30 the anchor's mean is that at 27.5, +0.75 of
    # an octave over 0.1; the tested curve's is +0.25 of an octave.
    assert result.percent == pytest.approx(100 * (2 ** (0.25 - 0.75) - 1))
    apart = bd_rate(curve((0.1, 40.0), (0.2, 50.0)), anchor, higher_is_better=True)
    assert apart.percent is None and apart.common is None
    assert (apart.tested, apart.anchor) == ((40.0, 50.0), (20.0, 30.0))
    single = bd_rate(curve((0.1, 25.0)), anchor, higher_is_better=True)
    assert single.percent is None and single.tested is None


def test_bd_rate_agrees_with_the_package() -> None:
    pytest.importorskip("scipy")
    package = pytest.importorskip("bjontegaard")
    rates, psnrs = [0.1, 0.2, 0.45, 0.8], [26.0, 28.5, 31.0, 33.0]
    others, lower = [0.12, 0.25, 0.4, 0.9], [25.5, 28.0, 30.5, 34.0]
    theirs = package.bd_rate(
        rates, psnrs, others, lower, method="pchip", require_matching_points=False
    )
    ours = bd_rate(
        curve(*zip(others, lower, strict=True)), curve(*zip(rates, psnrs, strict=True)), True
    )
    assert ours.percent == pytest.approx(float(theirs), abs=0.05)


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(1)
    base = rng.standard_normal((500, 6))
    base -= base.mean(axis=0)
    spread = Spread.of(base)
    assert frechet_distance(spread, spread) == pytest.approx(0.0, abs=1e-9)
    # Moved by 3 along one axis: the covariances are equal, so it is the square of the way.
    moved = Spread.of(base + np.array([3.0, 0, 0, 0, 0, 0]))
    assert frechet_distance(spread, moved) == pytest.approx(9.0)
    # Twice as wide: tr(C + 4C - 2 * 2C) = tr C.
    trace = float(np.trace(np.cov(base.T)))
    assert frechet_distance(spread, Spread.of(2 * base)) == pytest.approx(trace)
    # Fewer rows than dimensions: rows a, -a and b, -b with |a| = |b| at right angles.
    a, b = np.eye(4)[0], np.eye(4)[1]
    few = frechet_distance(Spread.of([a, -a]), Spread.of([b, -b]))
    assert few == pytest.approx(4.0)  # both covariances have trace 2 and share no direction
    with pytest.raises(ValueError, match="two rows"):
        Spread.of(base[:1])


def test_patch_features_cover_the_picture() -> None:
    network = SqueezeFeatures(random_weights())
    picture = pair(256, 300)[0]
    rows = patch_features(network, picture)
    assert rows[64].shape == (4 * 5, 512)  # 300 is not a multiple of 64: one column more
    assert rows[256].shape == (2, 512)
    small = patch_features(network, picture[:100, :70])
    assert small[64].shape == (4, 512) and small[256].shape == (0, 512)
    expected = patch_features(network, picture[:64, 236:])[64]
    np.testing.assert_allclose(rows[64][4].astype(float), expected[0].astype(float), rtol=1e-2)


@pytest.mark.parametrize("name", list(PEERS))
def test_peers_code_at_every_size(name: str) -> None:
    if name == "jxl":
        pytest.importorskip("pillow_jxl")
    if name == "avif" and not features.version("avif"):
        pytest.skip("this Pillow has no AVIF")
    peer, picture = Peer(name), pair(65, 43)[0]
    sizes = []
    for scale in (1, 2, 4):
        setting = Setting(name, scale, 40)
        data = peer.encode(picture, setting)
        sizes.append(len(data))
        decoded = peer.decode(data, setting, 65, 43)
        assert decoded.shape == picture.shape and decoded.dtype == np.uint8
        assert psnr(picture, decoded) > 8
    assert sizes[0] > sizes[1] > sizes[2]
    better = peer.encode(picture, Setting(name, 1, 90))
    assert len(better) > sizes[0]
    assert psnr(picture, peer.decode(better, Setting(name, 1, 90), 65, 43)) > psnr(
        picture,
        peer.decode(peer.encode(picture, Setting(name, 1, 10)), Setting(name, 1, 10), 65, 43),
    )
    tiny = picture[:1, :1]
    setting = Setting(name, 4, 50)
    assert peer.decode(peer.encode(tiny, setting), setting, 1, 1).shape == (1, 1, 3)


def test_parse_against() -> None:
    assert parse_against("jpeg") == default_settings("jpeg")
    assert {setting.scale for setting in default_settings("avif")} == {1, 2, 4}
    assert parse_against("avif:0,10/2") == [Setting("avif", 1, 0), Setting("avif", 2, 10)]
    for wrong, words in (
        ("heic", "no codec 'heic'.*jpeg, webp, avif, jxl"),
        ("jpeg:ten", "'ten' is not QUALITY"),
        ("jpeg:10/3", "scale is 1, 2 or 4"),
        ("jpeg:101", "quality is 0 to 100"),
    ):
        with pytest.raises(ValueError, match=words):
            parse_against(wrong)


# Measured independently of this code, on the 24 Kodak pictures: bpp, PSNR.
@pytest.mark.skipif(len(KODAK) != 24, reason="no ../shared/kodak")
@pytest.mark.parametrize(
    ("setting", "bpp", "decibels"),
    [
        (Setting("jpeg", 1, 10), 0.2555, 26.67),
        (Setting("webp", 1, 0), 0.1026, 25.67),
        (Setting("webp", 4, 0), 0.0103, None),
        (Setting("jxl", 1, 1), 0.1548, None),
    ],
    ids=str,
)
def test_peers_agree_with_independent_figures(
    setting: Setting, bpp: float, decibels: float | None
) -> None:
    if setting.codec == "jxl":
        pytest.importorskip("pillow_jxl")
    peer = Peer(setting.codec)
    rates, quality = [], []
    for path in KODAK:
        picture, _ = read_picture(path)
        data = peer.encode(picture, setting)
        rates.append(8 * len(data) / (picture.shape[0] * picture.shape[1]))
        if decibels is not None:
            quality.append(psnr(picture, peer.decode(data, setting, *picture.shape[:2])))
    assert np.mean(rates) == pytest.approx(bpp, rel=0.01)  # library versions differ a little
    if decibels is not None:
        assert np.mean(quality) == pytest.approx(decibels, abs=0.05)


def test_pictures_of_every_mode_become_rgb(tmp_path: Path) -> None:
    rgb = pair(20, 30)[0]
    image = Image.fromarray(rgb)
    for mode in ("L", "P", "RGBA", "LA", "CMYK", "1"):
        path = tmp_path / f"{mode}.tif" if mode == "CMYK" else tmp_path / f"{mode}.png"
        image.convert("LA" if mode == "LA" else mode).save(path)
        picture, found = read_picture(path)
        assert found == mode
        assert picture.shape == (20, 30, 3) and picture.dtype == np.uint8
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(deep).save(tmp_path / "deep.png")
    picture, _ = read_picture(tmp_path / "deep.png")
    np.testing.assert_array_equal(picture[..., 0], deep >> 8)
    assert picture_digest(rgb) != picture_digest(rgb.reshape(30, 20, 3))
    assert math.isfinite(psnr(rgb, read_picture(tmp_path / "P.png")[0]))
