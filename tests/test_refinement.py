"""Refining files: a better picture in as many bytes; everything but symbols of latents stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dlf
import dlf_pillow
import imageio.v3 as iio
import numpy as np
import pytest
import torch
from command_line import run
from dlf.header import opened
from dlf.symbols import decode_symbols
from dlf_models.evaluation.lpips import LPIPS
from dlf_models.evaluation.metrics import psnr, to_tensor
from dlf_models.evaluation.ms_ssim import ms_ssim
from dlf_models.evaluation.weights import Weights
from dlf_models.small import refinement, refinement_parts
from dlf_models.small.refinement import Refiner
from evaluation_samples import SHARED, random_weights, write_random_weights
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

LPIPS_FILE = SHARED / "lpips" / "lpips_squeeze.npz"

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture(scope="module")
def refiner(model_environment: None) -> Iterator[Refiner]:
    """For the test model, with weights of LPIPS that mean nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Refiner(steps=4, lpips=random_weights())
    torch.set_num_threads(threads)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_only_symbols_change(refiner: Refiner, pictures: dict[str, Image.Image], mode: str) -> None:
    plain = dlf.encode(pictures[mode], 70, xmp="<x/>")
    refined = dlf.encode(pictures[mode], 70, xmp="<x/>", refine=refiner)
    assert len(refined) <= len(plain)
    assert refined != plain
    assert dlf.info(refined).mode == mode
    before, after = decode_symbols(plain), decode_symbols(refined)
    assert np.array_equal(before["tokens"], after["tokens"])
    assert not np.array_equal(before["symbols"], after["symbols"])
    kept = ("width", "height", "rate", "model_id", "orientation", "has_chunks", "has_trailer")
    assert [opened(plain).header[k] for k in kept] == [opened(refined).header[k] for k in kept]
    if "A" in mode:
        assert np.array_equal(dlf.decode(plain)[..., -1], dlf.decode(refined)[..., -1])


def test_the_same_picture_gives_the_same_file(refiner: Refiner, photo: Image.Image) -> None:
    state = torch.random.get_rng_state()
    first, second = (dlf.encode(photo, 80, refine=refiner) for _ in range(2))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)  # the caller's own draws go on


@pytest.mark.parametrize("max_bytes", [300, 500, 901])
def test_a_limit_is_kept(refiner: Refiner, photo: Image.Image, max_bytes: int) -> None:
    assert len(dlf.encode(photo, max_bytes=max_bytes, refine=refiner)) <= max_bytes


def test_an_importance_map_stays(refiner: Refiner, photo: Image.Image) -> None:
    boxes = [(20, 20, 64, 64)]
    plain, refined = (
        dlf.encode(photo, 40, importance=boxes, refine=chosen) for chosen in (None, refiner)
    )
    maps = [decode_symbols(data)["rate_index"] for data in (plain, refined)]
    assert np.array_equal(*maps)
    assert np.ptp(maps[0]) > 0


def test_the_plugins_refine_too(refiner: Refiner, photo: Image.Image, tmp_path: Path) -> None:
    expected = dlf.encode(photo, max_bytes=500, refine=refiner)
    dlf_pillow.register()
    photo.save(tmp_path / "pillow.dlf", max_bytes=500, refine=refiner)
    iio.imwrite(tmp_path / "imageio.dlf", np.asarray(photo), max_bytes=500, refine=refiner)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == expected, path
    for wrong in (5, "yes"):
        with pytest.raises(ValueError, match=f"refine must be a Refiner .*, not {wrong!r}"):
            photo.save(tmp_path / "wrong.dlf", refine=wrong)


def test_pictures_of_several_parts(
    refiner: Refiner, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refinement_parts, "TILE", 128)
    steps: list[tuple[int, int]] = []
    monkeypatch.setattr(refiner, "progress", lambda done, total: steps.append((done, total)))
    large = photo.resize((300, 200))
    data = dlf.encode(large, 80, refine=refiner)
    parts = 3 * 2
    assert steps == [(n + 1, parts * refiner.steps) for n in range(parts * refiner.steps)]
    changed = decode_symbols(data)["symbols"] != decode_symbols(dlf.encode(large, 80))["symbols"]
    columns = np.flatnonzero(changed.any(axis=(0, 1)))
    assert columns.min() < 4 and columns.max() >= 8  # in the first window and in the last


def test_a_small_picture(refiner: Refiner) -> None:
    for side in (1, 20, 40):
        picture = np.full((side, side, 3), 90, np.uint8)
        assert dlf.decode(dlf.encode(picture, 50, refine=refiner)).shape == picture.shape


def test_progress_may_stop_it(
    refiner: Refiner, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(refiner, "progress", stop)
    with pytest.raises(KeyboardInterrupt):
        dlf.encode(photo, 50, refine=refiner)


@given(rows=st.integers(1, 130), columns=st.integers(1, 130))
def test_each_latent_belongs_to_one_part(rows: int, columns: int) -> None:
    seen = np.zeros((rows, columns), np.int64)
    for whole, free in refinement_parts.tiles(rows, columns):
        assert all(s.start % 4 == 0 and s.stop - s.start <= 32 for s in whole)
        seen[whole[0], whole[1]][free] += 1
    assert np.array_equal(seen, np.ones_like(seen))


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps"):
        Refiner(steps=0, lpips=random_weights())
    with pytest.raises(dlf.ModelError, match="nowhere"):
        Refiner("nowhere", lpips=random_weights())


def test_a_file_of_another_model(
    refiner: Refiner, encoding_codec: dlf.Codec, photo: Image.Image
) -> None:
    with pytest.raises(dlf.ModelError):
        encoding_codec.encode(photo, 50, refine=refiner)


def test_the_command(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_random_weights(working_folder / "w.npz")
    words = ("encode", "a.png", "-q", "70", "--json")
    assert run(*words, "-o", "plain.dlf") == 0
    assert run(*words, "-o", "refined.dlf", "--refine", "3", "--lpips", "w.npz") == 0
    plain, refined = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert 0 < refined["bytes"] <= plain["bytes"]
    assert Path("plain.dlf").read_bytes() != Path("refined.dlf").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--refine", "0"), "at least 1"),
        (("--lpips", "w.npz"), "--lpips is for --refine"),
        (("--refine", "2", "--lpips", "missing.npz"), "no weights file missing.npz"),
    ],
)
def test_what_the_command_refuses(
    words: tuple[str, ...], said: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("encode", "a.png", "b.dlf", *words) == 2
    assert said in capsys.readouterr().err
    assert not Path("b.dlf").exists()


def test_the_weights_are_no_output(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_random_weights(working_folder / "w.npz")
    before = Path("w.npz").rename("w.dlf").read_bytes()
    assert run("encode", "a.png", "w.dlf", "--refine", "1", "--lpips", "w.dlf", "--force") == 2
    assert Path("w.dlf").read_bytes() == before
    assert capsys.readouterr().err


@pytest.mark.slow
def test_photographs_gain(shipped_default: Path, kodak: list[Path]) -> None:
    """At 0.12 bpp: LPIPS at most 0.9 of what it was; PSNR and MS-SSIM no lower, on average."""
    if not LPIPS_FILE.is_file():
        pytest.skip("no ../shared/lpips weights")
    lpips = LPIPS(Weights.from_file(LPIPS_FILE))
    refiner = Refiner(shipped_default, refinement.STEPS, LPIPS_FILE)
    codec = dlf.Codec(shipped_default)
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    for path in kodak[3::7]:
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))[128:384, 192:576]
        for refined, rows in found.items():
            data = codec.encode(picture, bpp=0.12, refine=refiner if refined else None)
            assert len(data) * 8 <= 0.12 * picture.shape[0] * picture.shape[1]
            drawn = codec.decode(data)
            pair = to_tensor(drawn), to_tensor(picture)
            with torch.no_grad():
                values = float(lpips(*pair)), psnr(picture, drawn), float(ms_ssim(*pair))
            rows.append(list(values))
    plain, better = (np.mean(found[refined], axis=0) for refined in (False, True))
    assert better[0] <= 0.9 * plain[0]
    assert better[1] >= plain[1]
    assert better[2] >= plain[2]
