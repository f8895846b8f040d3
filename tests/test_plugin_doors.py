"""Libraries that read images through Pillow or imageio read and write .dlf files too."""

from __future__ import annotations

from pathlib import Path

import dlf
import dlf_imageio  # noqa: F401 - registers
import dlf_pillow  # noqa: F401 - registers
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

Array = npt.NDArray[np.uint8]


@pytest.fixture
def file(photo_dlf: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "photo.dlf"
    path.parent.mkdir()
    path.write_bytes(photo_dlf)
    return path


@pytest.fixture
def pixels(photo_dlf: bytes) -> Array:
    return dlf.decode(photo_dlf)


def test_matplotlib(file: Path, pixels: Array, tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert np.array_equal(pyplot.imread(file), pixels)
    with open(file, "rb") as opened:
        assert np.array_equal(pyplot.imread(opened, format="dlf"), pixels)
    pyplot.imsave(tmp_path / "saved.dlf", pixels)
    assert dlf.info((tmp_path / "saved.dlf").read_bytes()).size == (
        pixels.shape[1],
        pixels.shape[0],
    )


def test_scikit_image(file: Path, pixels: Array, tmp_path: Path) -> None:
    io = pytest.importorskip("skimage.io")
    assert np.array_equal(io.imread(file), pixels)
    assert io.imread(file, as_gray=True).shape == pixels.shape[:2]
    assert len(io.imread_collection(str(file.parent / "*.dlf"))) == 1
    io.imsave(tmp_path / "saved.dlf", pixels, check_contrast=False)
    assert (tmp_path / "saved.dlf").read_bytes() == dlf.encode(pixels)


def test_torchvision(file: Path, pixels: Array) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    functional = pytest.importorskip("torchvision.transforms.functional")
    folder = datasets.DatasetFolder(
        str(file.parent.parent),
        loader=datasets.folder.default_loader,
        extensions=(".dlf",),
        transform=functional.pil_to_tensor,
    )
    ((tensor, label),) = folder
    assert label == 0
    assert np.array_equal(tensor.permute(1, 2, 0).numpy(), pixels)
    with Image.open(file) as image:
        assert np.array_equal(
            functional.to_tensor(image)[0].numpy(), pixels[..., 0] / np.float32(255)
        )


def test_numpy(file: Path, pixels: Array) -> None:
    with Image.open(file) as image:
        assert np.array_equal(np.asarray(image), pixels)
        assert np.array_equal(np.array(image.getchannel("G")), pixels[..., 1])
