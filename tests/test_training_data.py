"""Training photographs: folders, shards, lists, broken files, crops in memory and on a device."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import scene
from dlf_models.common.data import CropSampler, centre_crops, load_images
from dlf_models.common.device_sampler import DeviceSampler
from dlf_models.common.devices import multiplies_bfloat16, precision_for
from PIL import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures, one of them small, and one that is broken."""
    images = tmp_path_factory.mktemp("images")
    for number in range(9):
        Image.fromarray(scene(70 + number, 90, number)).save(images / f"{number}.png")
    Image.fromarray(scene(20, 30, 9)).save(images / "small.png")
    (images / "broken.png").write_bytes(b"not a picture")
    return images


def test_broken_images_are_skipped_and_small_ones_enlarged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load_images(folder, smallest=64)
    assert len(loaded) == 10 and all(min(image.shape[:2]) >= 64 for image in loaded)
    assert "broken.png" in caplog.text
    batch = CropSampler(loaded, seed=3).batch(5, 64)
    assert batch.shape == (5, 3, 64, 64) and 0 <= float(batch.min()) and float(batch.max()) <= 1


def sources(images: Path, tmp_path: Path) -> list[Path]:
    """The same two pictures as a folder, a tar shard, a folder of shards and a list."""
    names = [images / f"{n}.png" for n in (0, 1)]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in names:
        (folder / name.name).write_bytes(name.read_bytes())
    shards = tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as tar:
        for name in names:
            tar.add(name, arcname=name.name)
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names) + "missing.png\n")
    return [folder, shards / "a.tar", shards, tmp_path / "list.txt"]


def test_folders_shards_and_lists_hold_the_same_images(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = [scene(70 + n, 90, n) for n in (0, 1)]
    for source in sources(folder, tmp_path):
        images = load_images(source, smallest=8)
        assert len(images) == 2 and all(map(np.array_equal, images, expected)), source
    assert "missing.png" in caplog.text
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="no image of .*empty.txt"):
        load_images(tmp_path / "empty.txt", 8)


def test_crops_cut_on_a_device_are_those_cut_in_memory() -> None:
    smooth = np.mgrid[0:90, 0:120].transpose(1, 2, 0) * 2
    images = [np.dstack([smooth, smooth[..., :1]]).astype(np.uint8), scene(70, 80, 3)]
    whole = [CropSampler(images, 4, 0.0), DeviceSampler(images, 4, 0.0)]
    first, second = (sampler.batch(6, 64) for sampler in whole)
    assert torch.equal(first, second)
    # Rescaled crops of a smooth picture differ by less than a level and a half, apart from their
    # borders.
    first, second = (
        s.batch(12, 48)
        for s in (CropSampler(images[:1], 4, 1.0), DeviceSampler(images[:1], 4, 1.0))
    )
    assert float((first - second).abs()[:, :, 3:-3, 3:-3].max()) < 1.5 / 255
    assert second.is_contiguous(memory_format=torch.channels_last)


def test_validation_sees_the_middle() -> None:
    image = np.zeros((100, 60, 3), np.uint8)
    image[40:60, 20:40] = 255
    crops = centre_crops([image, np.full((10, 20, 3), 255, np.uint8)], 20)
    assert crops.shape == (2, 3, 20, 20) and float(crops.min()) == 1


def test_precision_is_the_fast_one_unless_asked_for() -> None:
    """A CPU without bfloat16 instructions would take ten times as long with it."""
    cpu = torch.device("cpu")
    assert precision_for(cpu) == ("bf16" if multiplies_bfloat16(cpu) else "fp32")
    assert precision_for(cpu, "bf16") == "bf16"
    assert precision_for(torch.device("cuda")) == "bf16"
