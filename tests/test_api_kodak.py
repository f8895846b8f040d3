"""The shipped model on all 24 Kodak photographs, through Pillow and through imageio."""

from __future__ import annotations

import io
from pathlib import Path

import dlf
import dlf_imageio  # noqa: F401 - registers the format
import dlf_pillow  # noqa: F401 - registers the format
import imageio.v3 as iio
import numpy as np
import pytest
from dlf_models.evaluation.metrics import psnr
from PIL import Image

# What the default model is for: bits of whole file per pixel at the ends of the quality scale.
SMALLEST_BPP, LARGEST_BPP = 0.005, 0.19
LPIPS_FILE = Path(__file__).resolve().parents[2] / "shared" / "lpips" / "lpips_squeeze.npz"
LOWEST_PSNR = 14.0  # at 0.004 bpp, kodim13 has 14.5; a picture of something else has about 10

# Codes 24 photographs at up to five rates each.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def codec(shipped_default: Path) -> dlf.Codec:
    return dlf.Codec(shipped_default)


def test_file_sizes_do_not_fall_with_quality(codec: dlf.Codec, kodak: list[Path]) -> None:
    totals = np.zeros(5)
    for path in kodak:
        with Image.open(path) as photo:
            sizes = [len(codec.encode(photo, quality)) for quality in (0, 25, 50, 75, 100)]
            assert sizes == sorted(sizes)
            totals += np.array(sizes) * 8 / (photo.width * photo.height)
    means = totals / len(kodak)
    assert means[0] <= SMALLEST_BPP
    assert means[-1] >= LARGEST_BPP


def test_photographs_come_back_through_both_plugins(
    codec: dlf.Codec, shipped_default: Path, kodak: list[Path]
) -> None:
    for path in kodak:
        with Image.open(path) as photo:
            data = codec.encode(photo, 0)
            with Image.open(io.BytesIO(data)) as image:
                image.decode_options(model=str(shipped_default))  # type: ignore[attr-defined]
                assert (image.format, image.mode, image.size) == ("DLF", "RGB", photo.size)
                pixels = np.asarray(image)
            assert np.array_equal(iio.imread(data, model=shipped_default), pixels)
            assert psnr(np.asarray(photo), pixels) > LOWEST_PSNR


def test_every_way_of_decoding_gives_the_same_pixels(
    shipped_default: Path, kodak: list[Path]
) -> None:
    """An enlarged photograph: any number of threads, whole or a region, also without noise."""
    with Image.open(kodak[4]) as photo:
        larger = photo.convert("RGB").resize((1920, 1280), Image.Resampling.LANCZOS)
    one = dlf.Codec(shipped_default, threads=1)
    data = one.encode(larger, 50)
    for options in ({}, {"noise": "faithful"}, {"downscale": 4}):
        whole = one.decode(data, **options)
        for threads in (2, 3):
            other = dlf.Codec(shipped_default, threads=threads)
            assert np.array_equal(other.decode(data, **options), whole)
        left, top, width, height = 900, 500, 301, 203
        part = one.decode(data, region=(left, top, width, height), **options)
        factor = options.get("downscale", 1)
        top, left = top // factor, left // factor
        assert np.array_equal(part, whole[top : top + part.shape[0], left : left + part.shape[1]])


def test_byte_budgets_are_met_from_below(codec: dlf.Codec, kodak: list[Path]) -> None:
    for path in kodak[:4]:
        with Image.open(path) as photo:
            smallest, largest = (len(codec.encode(photo, quality)) for quality in (0, 100))
            for share in (0, 0.05, 0.1, 0.17, 0.33, 1):
                limit = round(smallest + share * (largest - smallest))
                size = len(codec.encode(photo, max_bytes=limit))
                assert 0.97 * limit <= size <= limit


def test_it_is_as_good_as_its_card_says(codec: dlf.Codec, kodak: list[Path]) -> None:
    """At most 0.04 bpp: mean LPIPS <= 0.30, PSNR >= 21 dB. More quality, no worse LPIPS."""
    import torch
    from dlf_models.evaluation.lpips import LPIPS
    from dlf_models.evaluation.weights import Weights

    if not LPIPS_FILE.is_file():
        pytest.skip("no ../shared/lpips weights")
    lpips = LPIPS(Weights.from_file(LPIPS_FILE))
    distances = []
    for quality in (0, 40, 100):
        figures = []
        for path in kodak[::3] if quality != 40 else kodak:
            with Image.open(path) as photo:
                original = np.asarray(photo)
            data = codec.encode(original, quality)
            pixels = codec.decode(data)
            pair = [
                torch.from_numpy(a.copy()).permute(2, 0, 1)[None] / 255 for a in (pixels, original)
            ]
            with torch.inference_mode():
                distance = float(lpips(*pair))
            figures.append(
                (path, distance, psnr(original, pixels), len(data) * 8 / original[..., 0].size)
            )
        if quality == 40:
            _, lp, db, bpp = zip(*figures, strict=True)
            assert np.mean(bpp) <= 0.04 and np.mean(lp) <= 0.30 and np.mean(db) >= 21
        distances.append(np.mean([f[1] for f in figures if f[0] in kodak[::3]]))
    assert distances == sorted(distances, reverse=True)
