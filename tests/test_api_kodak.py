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
SMALLEST_BPP, LARGEST_BPP = 0.02, 0.10
LOWEST_PSNR = 17.0  # at the lowest rate; a picture of something else has about 10


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


def test_byte_budgets_are_met_from_below(codec: dlf.Codec, kodak: list[Path]) -> None:
    for path in kodak[:4]:
        with Image.open(path) as photo:
            smallest, largest = (len(codec.encode(photo, quality)) for quality in (0, 100))
            for limit in (smallest, (2 * smallest + largest) // 3, largest):
                size = len(codec.encode(photo, max_bytes=limit))
                assert 0.9 * limit <= size <= limit  # rate points are a few percent apart
