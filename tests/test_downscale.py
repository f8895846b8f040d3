"""Reduced-size decoding: sizes, places, alpha, regions, tiles, and what it is near to."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import numpy.typing as npt
import pytest
from conftest import scene
from dlf import _core, native

Pixels = npt.NDArray[np.uint8]
RATE = 5
FACTORS = (2, 4, 8)


@pytest.fixture(scope="module", params=["by averages", "by network", "by programs"])
def package(
    request: pytest.FixtureRequest,
    torch_package: Path,
    random_package: Path,
    shipped_test_package: Path,
) -> Path:
    """A package without a method for reduced sizes, one that has it, and an integer package."""
    if request.param == "by programs":
        return shipped_test_package
    by_network = request.param == "by network"
    path = random_package if by_network else torch_package
    names = [Path(name).name for name in zipfile.ZipFile(path).namelist()]
    assert ("reduced.bin" in names) == by_network
    return path


@pytest.fixture(scope="module")
def codec(package: Path) -> native.Codec:
    return native.Codec(str(package), threads=2)


def box(pixels: Pixels, factor: int) -> npt.NDArray[np.float64]:
    """The means of squares of `factor` pixels, the picture continued by its edge."""
    height, width = pixels.shape[:2]
    edges = [(0, -height % factor), (0, -width % factor)] + [(0, 0)] * (pixels.ndim - 2)
    padded = np.pad(pixels, edges, mode="edge").astype(np.float64)
    rows, columns = padded.shape[0] // factor, padded.shape[1] // factor
    squares = padded.reshape(rows, factor, columns, factor, *pixels.shape[2:])
    return np.asarray(squares.mean(axis=(1, 3)))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (64, 64), (137, 201)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_size_and_content(
    codec: native.Codec, size: tuple[int, int], channels: int, factor: int
) -> None:
    picture = scene(*size, seed=3)
    if channels in (2, 4):
        alpha = np.arange(size[0] * size[1], dtype=np.uint8).reshape(*size, 1)
        picture = np.concatenate([picture[..., : channels - 1], alpha], axis=2)
    else:
        picture = picture[..., :channels]
    file = codec.encode(picture, RATE)
    whole, small = codec.decode(file), codec.decode(file, downscale=factor)
    expected = (-(-size[0] // factor), -(-size[1] // factor))
    assert small.shape == (expected if channels == 1 else (*expected, channels))
    inside = small[: size[0] // factor, : size[1] // factor].astype(float)
    if inside.size:
        error = inside - box(whole, factor)[: inside.shape[0], : inside.shape[1]]
        assert np.sqrt((error**2).mean()) < 12


def test_averages_are_those_of_the_whole_picture(torch_package: Path, photo_pixels: Pixels) -> None:
    codec = native.Codec(str(torch_package))
    file = codec.encode(photo_pixels, RATE)
    whole = codec.decode(file)
    for factor in FACTORS:
        error = codec.decode(file, downscale=factor) - box(whole, factor)
        assert np.abs(error).max() <= 1  # rounding, before here and after there


@pytest.fixture(scope="module")
def photo_pixels() -> Pixels:
    """Sides that 8 divides: averages reach over no edge."""
    return scene(136, 200, seed=4)


@pytest.mark.parametrize("factor", FACTORS)
def test_alpha_is_the_mean_inside_the_picture(codec: native.Codec, factor: int) -> None:
    picture = np.zeros((21, 13, 4), np.uint8)
    picture[..., 3] = np.random.default_rng(5).integers(0, 256, (21, 13))
    alpha = codec.decode(codec.encode(picture, RATE), downscale=factor)[..., 3]
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            square = picture[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor, 3]
            assert alpha[y, x] == (int(square.sum()) + square.size // 2) // square.size


def test_gray_is_the_luma_of_the_reduced_colours(codec: native.Codec) -> None:
    gray = scene(60, 70, seed=6)[..., 0]
    file = codec.encode(gray, RATE)
    colours = codec.encode(np.repeat(gray[..., None], 3, axis=2), RATE)
    for factor in FACTORS:
        rgb = codec.decode(colours, downscale=factor).astype(np.int64)
        luma = (rgb @ np.array([19595, 38470, 7471]) + 32768) >> 16
        assert np.array_equal(codec.decode(file, downscale=factor), luma)


@pytest.mark.parametrize("factor", FACTORS)
def test_regions_are_parts_of_the_whole_widened_to_its_pixels(
    codec: native.Codec, factor: int
) -> None:
    file = codec.encode(scene(137, 201, seed=3), RATE)
    whole = codec.decode(file, downscale=factor)
    for x, y, width, height in [(0, 0, 201, 137), (5, 7, 1, 1), (63, 64, 90, 40), (200, 136, 1, 1)]:
        part = codec.decode(file, region=(x, y, width, height), downscale=factor)
        top, left = y // factor, x // factor
        bottom, right = -(-(y + height) // factor), -(-(x + width) // factor)
        assert np.array_equal(part, whole[top:bottom, left:right])


def test_tiles_and_threads(package: Path) -> None:
    picture = scene(1650, 1700, seed=4)
    one, two = native.Codec(str(package)), native.Codec(str(package), threads=2)
    file = one.encode(picture, RATE)
    steps: list[tuple[int, int]] = []
    for factor in FACTORS:
        small = two.decode(file, downscale=factor, progress=lambda *step: steps.append(step))
        assert np.array_equal(small, one.decode(file, downscale=factor))
        # A region in the middle runs the tiles around it alone, and gives the same.
        part = one.decode(file, downscale=factor, region=(1000, 1010, 60, 40))
        top, left = 1010 // factor, 1000 // factor
        assert np.array_equal(part, small[top : top + part.shape[0], left : left + part.shape[1]])
    assert max(steps)[1] >= 4


def test_semantic_layer_and_truncated_files(codec: native.Codec) -> None:
    file = codec.encode(scene(137, 201, seed=3), RATE)
    assert codec.decode(file, downscale=4, layers="semantic").shape == (35, 51, 3)
    cut = file[:-20]
    assert codec.decode(cut, downscale=4, allow_truncated=True).shape == (35, 51, 3)
    with pytest.raises(dlf.TruncatedFile):
        codec.decode(cut, downscale=4)


def test_other_factors_are_refused(codec: native.Codec, small_dlf: bytes) -> None:
    for factor in (-1, 0, 3, 16, 2**31 - 1):
        with pytest.raises(ValueError, match="1, 2, 4 or 8"):
            codec.decode(codec.encode(scene(8, 8, seed=1), RATE), downscale=factor)
    wrong: Any
    for wrong in (0, 3, 16, 2.5, "2", None, True):
        with pytest.raises(ValueError, match="downscale must be 1, 2, 4 or 8"):
            dlf.decode(small_dlf, downscale=wrong)


@pytest.fixture
def small_dlf(photo_dlf: bytes) -> bytes:
    return photo_dlf


def test_python_functions(small_dlf: bytes) -> None:
    whole = dlf.decode(small_dlf)
    for factor in FACTORS:
        size = tuple(-(-side // factor) for side in whole.shape[:2])
        assert dlf.decode(small_dlf, downscale=factor).shape == (*size, 3)
    assert np.array_equal(
        dlf.decode(small_dlf, downscale=np.int64(1)),  # type: ignore[arg-type]
        whole,
    )


def test_estimates_say_what_is_saved(package: Path, torch_package: Path) -> None:
    """Where the package has a method, the work falls with the size; the memory always does."""
    loaded = _core.Package(str(package))
    file = native.Codec(str(package)).encode(scene(300, 500, seed=7), RATE)
    estimates = [_core.estimate(file, loaded, downscale=factor) for factor in (1, *FACTORS)]
    assert [estimate["output_bytes"] for estimate in estimates] == [
        -(-300 // factor) * -(-500 // factor) * 3 for factor in (1, *FACTORS)
    ]
    macs = [estimate["macs"] for estimate in estimates]
    if package == torch_package:
        assert len(set(macs)) == 1
    else:
        assert macs == sorted(set(macs), reverse=True)
    memory = [estimate["memory_bytes"] for estimate in estimates]
    assert memory == sorted(set(memory), reverse=True)


def test_a_method_that_is_promised_must_be_there(torch_package: Path, tmp_path: Path) -> None:
    from dlf_models.package.torchscript import assemble_package, read_package

    normative, description = read_package(torch_package.read_bytes())
    broken = {"promised": bytes(12), "malformed": bytes(11)}
    for name, costs in broken.items():
        bare = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(torch_package) as old, zipfile.ZipFile(bare, "w") as new:
            for member in old.namelist():
                if not re.search("normative.bin|model.json", member):
                    new.writestr(member, old.read(member))
            root = old.namelist()[0].split("/")[0]
            new.writestr(f"{root}/extra/reduced.bin", costs)
        path = tmp_path / f"{name}.dlfm"
        path.write_bytes(assemble_package(bare.read_bytes(), normative, description))
        with pytest.raises(dlf.ModelError, match="synthesis_reduced|malformed"):
            native.Codec(str(path))
