"""Training of the convolutional profile: steps, resumption, optimisers, crops."""

from __future__ import annotations

import copy
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dlf_models.networks.quantise import FiniteScalarQuantiser
from dlf_models.small.model import DLF, saturation
from dlf_models.small.optimisers import make_optimisers
from dlf_models.small.pool import Crops, Pool, build_pool, people_and_text
from dlf_models.small.train import load_recipe
from PIL import Image
from tiny_networks import TINY_NETWORK
from torch import nn


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Six pictures of noise and gradients in two shards."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    for shard in range(2):
        with tarfile.open(folder / f"{shard}.tar", "w") as tar:
            for number in range(3):
                pixels = rng.integers(0, 256, (140 + 10 * number, 150, 3), dtype=np.uint8)
                data = io.BytesIO()
                Image.fromarray(pixels).save(data, "png")
                info = tarfile.TarInfo(f"{shard}{number}.png")
                info.size = data.tell()
                data.seek(0)
                tar.addfile(info, data)
    build_pool(folder / "pool", sorted(folder.glob("*.tar")))
    return Pool(folder / "pool")


def test_pool_holds_the_decoded_pictures(pool: Pool) -> None:
    assert [e.name for e in pool.entries] == ["00.png", "01.png", "02.png"] + [
        "10.png",
        "11.png",
        "12.png",
    ]
    rng = np.random.default_rng(0)
    assert np.array_equal(
        pool.picture(pool.entries[0]), rng.integers(0, 256, (140, 150, 3), dtype=np.uint8)
    )


def test_crops_leave_out_what_is_held_out_and_follow_weights(pool: Pool) -> None:
    held_out = {"00.png", "10.png"}
    crops = Crops(pool, held_out, {"01.png": 3.0}, seed=1)
    assert not held_out & {e.name for e in crops.entries}
    shares = np.diff(np.concatenate([[0], crops.share]))
    first = next(i for i, e in enumerate(crops.entries) if e.name == "01.png")
    assert shares[first] > 2.5 * np.delete(shares, first).max()
    batch = crops.batch(5, 64)
    assert batch.shape == (5, 3, 64, 64)
    assert 0 <= float(batch.min()) and float(batch.max()) <= 1


def test_faces_and_text_weigh_more(tmp_path: Path) -> None:
    tags = tmp_path / "tags.csv"
    tags.write_text("name,faces,largest_face_px,text_chars\na,1,60,0\nb,0,,12\nc,2,20,\n")
    assert people_and_text(tags) == {"a": 2.5, "b": 2.0, "c": 1.0}


@pytest.mark.parametrize("name", ["adamw", "muon", "soap"])
def test_optimisers_lower_the_loss_and_resume_exactly(name: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, 16, 1))
    x = torch.randn(8, 16, 4, 4)
    target = torch.randn(8, 16, 4, 4)

    def steps(net: nn.Module, optimisers: object, count: int) -> float:
        for _ in range(count):
            net.zero_grad()
            loss = (net(x) - target).square().mean()
            loss.backward()
            optimisers.set_rate(1e-2)  # type: ignore[attr-defined]
            optimisers.step()  # type: ignore[attr-defined]
        return float(loss)

    optimisers = make_optimisers(name, network)
    before = float((network(x) - target).square().mean())
    steps(network, optimisers, 20)
    twin = nn.Sequential(nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, 16, 1))
    twin.load_state_dict(network.state_dict())
    again = make_optimisers(name, twin)
    again.load(copy.deepcopy(optimisers.state()))
    after = steps(network, optimisers, 15)
    assert after < 0.9 * before
    assert steps(twin, again, 15) == pytest.approx(after, rel=1e-5)


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(ValueError, match="sgd"):
        make_optimisers("sgd", nn.Linear(2, 2))


def test_detail_that_is_not_sent_costs_nothing() -> None:
    torch.manual_seed(0)
    network = DLF(TINY_NETWORK)
    network.start(torch.rand(4, 3, 128, 128))
    keep = torch.ones(2, 4, 4)
    keep[0] = 0
    keep[1, 1:3, 2] = 0
    coded = network(torch.rand(2, 3, 128, 128), torch.full((2, 4, 4), 0.5), keep)
    assert coded.image.shape == (2, 3, 128, 128)
    assert torch.all(coded.bits[keep == 0] == 0)
    assert torch.all(coded.bits[keep == 1] > 0)


def test_saturated_tokens_come_back_to_life() -> None:
    torch.manual_seed(3)
    before = (30 + torch.randn(16, 4, 1, 1)).requires_grad_()
    quantiser = FiniteScalarQuantiser((5, 5, 5, 5))

    def digits() -> torch.Tensor:
        return quantiser(before.detach().movedim(1, -1))[0]

    assert len(digits().unique()) == 1
    adam = torch.optim.Adam([before], lr=0.3)
    for _ in range(300):
        adam.zero_grad()
        saturation(before).backward()
        adam.step()
    assert len(digits().unique()) == 5
    assert float(saturation(before.detach())) < 0.01


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        replace(TINY_NETWORK, window=64)
    with pytest.raises(ValueError, match="latent_channels"):
        replace(TINY_NETWORK, latent_channels=10)


def test_recipes_name_what_is_wrong(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("profile: small\ntrain: {loss: {l2: 1.0}}\n")
    with pytest.raises(ValueError, match="l2"):
        load_recipe(recipe)
