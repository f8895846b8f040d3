"""Decoding to a Pillow image or file takes no NumPy: its import costs more than a small picture."""

from __future__ import annotations

from pathlib import Path

import dlf
import numpy as np
import pytest
from PIL import Image
from programs import run_python

pytestmark = pytest.mark.usefixtures("model_environment")

DECODE = """
import sys
sys.modules["numpy"] = None
import dlf_pillow
from PIL import Image
from dlf.cli import main
folder = sys.argv[1]
Image.open(folder + "/a.dlf").save(folder + "/opened.png")
print(main(["decode", folder + "/a.dlf", folder + "/decoded.png", "--quiet"]))
"""


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pictures_are_decoded_without_it(mode: str, photo: Image.Image, tmp_path: Path) -> None:
    data = dlf.encode(photo.convert(mode), 100)
    (tmp_path / "a.dlf").write_bytes(data)
    assert run_python(DECODE, tmp_path) == "0"
    for name in ("opened.png", "decoded.png"):
        image = Image.open(tmp_path / name)
        assert image.mode == mode
        assert np.array_equal(np.asarray(image), dlf.decode(data))


def test_samples_are_those_of_the_array(photo: Image.Image) -> None:
    codec = dlf.Codec()
    data = codec.encode(photo, 100)
    told: list[int] = []
    samples = codec.decode_samples(
        data, region=(3, 5, 40, 21), downscale=2, progress=lambda done, total: told.append(done)
    )
    wanted = codec.decode(data, region=(3, 5, 40, 21), downscale=2)
    assert (samples.height, samples.width, samples.channels) == wanted.shape
    assert bytes(samples.data) == wanted.tobytes()
    assert told == sorted(told)
    assert told


def test_options_are_checked_as_for_arrays(photo_dlf: bytes) -> None:
    codec = dlf.Codec()
    with pytest.raises(ValueError, match="downscale"):
        codec.decode_samples(photo_dlf, downscale=3)
    with pytest.raises(dlf.LimitExceeded):
        codec.decode_samples(photo_dlf, limits=dlf.Limits(max_pixels=10))
