"""The importance head: training finds what is marked, a package with it the same in integers."""

from __future__ import annotations

from pathlib import Path

import dlf
import numpy as np
import pytest
import torch
from dlf import models
from dlf.symbols import importance_map
from dlf_models.small.export.package import build_package
from dlf_models.small.importance import ImportanceHead
from dlf_models.small.model import DLF
from dlf_models.small.train_importance import (
    Batches,
    Labelled,
    detail_of,
    fit,
    halve,
    precision_and_recall,
)
from tiny_networks import TINY_NETWORK

SIDE = 512


def marked_picture(rng: np.random.Generator) -> Labelled:
    """Grey with a few red cells, which are marked."""
    cells = np.zeros((SIDE // 32, SIDE // 32), np.uint8)
    cells[rng.integers(0, 16, 6), rng.integers(0, 16, 6)] = 1
    picture = rng.integers(80, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    picture[np.kron(cells, np.ones((32, 32), np.uint8)) > 0] = (220, 30, 30)
    return Labelled(picture, cells)


@pytest.fixture(scope="module")
def network() -> DLF:
    torch.manual_seed(0)
    network = DLF(TINY_NETWORK).eval().requires_grad_(False)
    network.start(torch.rand(8, 3, 128, 128))
    return network


@pytest.fixture(scope="module")
def photographs() -> list[Labelled]:
    rng = np.random.default_rng(4)
    return [marked_picture(rng) for _ in range(8)]


@pytest.fixture(scope="module")
def head(network: DLF, photographs: list[Labelled]) -> ImportanceHead:
    torch.manual_seed(1)
    return fit(network, Batches(photographs[:6], 1), 100)


def test_training_finds_what_is_marked(
    network: DLF, head: ImportanceHead, photographs: list[Labelled]
) -> None:
    precision, recall = precision_and_recall(network, head, photographs[6:])
    assert precision > 0.8
    assert recall > 0.8
    untrained = ImportanceHead(network.config.detail_width)
    assert precision_and_recall(network, untrained, photographs[6:])[1] < 0.5


def test_crops_lie_on_whole_cells(photographs: list[Labelled]) -> None:
    batches = Batches(photographs, 3)
    shapes = set()
    for _ in range(12):
        images, marked = batches.draw(16)
        shapes.add(tuple(images.shape))
        cells = images.shape[2] // 32
        assert marked.shape == (len(images), cells, cells)
        red = images[:, 0].unflatten(1, (cells, 32)).unflatten(3, (cells, 32)).mean(dim=(2, 4))
        assert torch.all(marked[red > 0.5] == 1)
        assert torch.all(marked[red < 0.4] == 0)
        assert 0 < float(marked.mean()) < 0.5
    assert shapes == {(16, 3, 256, 256), (4, 3, 512, 512)}


def test_halving_is_a_mean() -> None:
    pixels = np.array([[0, 1], [2, 3]], np.uint8)[..., None].repeat(3, axis=2)
    assert np.array_equal(halve(pixels), [[[2, 2, 2]]])


def test_a_package_finds_the_same(
    network: DLF, head: ImportanceHead, photographs: list[Labelled], tmp_path: Path
) -> None:
    calibration = [p.picture for p in photographs[:3]]
    package, _ = build_package(network, calibration, {"name": "tiny"}, head)
    path = tmp_path / "tiny.dlfm"
    path.write_bytes(package)
    picture = photographs[7].picture
    codec = dlf.Codec(path)
    data = codec.encode(picture, quality=50, importance="auto")
    rates, _ = importance_map(data, models.find(path))
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    wanted = head(head.features(detail_of(network, image)))[0, 0].clamp(0, 1).numpy()
    assert rates[wanted > 0.9].min() > rates[wanted < 0.1].max()
    assert data != codec.encode(picture, quality=50)
