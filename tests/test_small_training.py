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
from dlf_models.small.layers import Conv
from dlf_models.small.model import DLF, saturation
from dlf_models.small.optimisers import boost, make_optimisers
from dlf_models.small.pool import COLOURED, Crops, Pool, build_pool, people_and_text, with_grain
from dlf_models.small.token_quantiser import FiniteScalarQuantiser
from dlf_models.small.train import load_recipe
from dlf_models.small.trainer import Recipe, Trainer
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


def test_a_few_crops_are_one_colour_or_a_run_of_colours(pool: Pool) -> None:
    """The photographs here are noise, so a crop without second differences was drawn."""
    batch = Crops(pool, set(), {}, seed=1).batch(400, 32)
    bent = batch.diff(n=2, dim=2).abs().amax(dim=(1, 2, 3))
    drawn = batch[bent < 1e-4]
    assert 4 <= len(drawn) <= 30
    spread = drawn.amax(dim=(2, 3)) - drawn.amin(dim=(2, 3))
    flat = spread.amax(dim=1) == 0
    assert 0 < int(flat.sum()) < len(drawn)
    assert float(drawn.min()) == 0 and float(drawn.max()) == 1


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


def test_layers_of_the_analysis_begin_with_unit_deviation() -> None:
    torch.manual_seed(1)
    network = DLF(TINY_NETWORK)
    images = torch.rand(8, 3, 1, 1) * torch.rand(
        8, 1, 128, 128
    )  # mostly brightness, as photographs
    found: dict[str, float] = {}
    layers = [(n, m) for n, m in network.analysis.named_modules() if isinstance(m, Conv)]
    for name, layer in layers:
        if bool(layer.weight.any()):
            layer.register_forward_hook(
                lambda _m, _i, output, name=name: found.update({name: float(output.detach().std())})
            )
    network.start_deep(images)
    network.analysis(images)
    assert len(found) > 10
    assert all(0.8 < deviation < 1.25 for deviation in found.values()), found


def test_wide_layers_learn_with_smaller_steps() -> None:
    assert boost(torch.zeros(8)) == boost(torch.zeros(64, 256, 1, 1)) == 1
    assert boost(torch.zeros(4, 1024, 1, 1)) == pytest.approx(0.5)


def _trainer(pool: Pool, recipe: Recipe) -> Trainer:
    crops = Crops(pool, set(), {}, seed=1)
    held_out = torch.rand(1, 3, 128, 128)
    weights = Path(__file__).parents[2] / "shared/lpips/lpips_squeeze.npz"
    if not weights.exists():
        pytest.skip("no ../shared/lpips")
    return Trainer(TINY_NETWORK, recipe, crops, held_out, str(weights))


def test_wide_steps_come_evenly(pool: Pool) -> None:
    trainer = _trainer(pool, Recipe(wide=0.25))
    wide = []
    for trainer.steps in range(40):
        wide.append(trainer.wide())
    assert sum(wide) == 10
    assert all(sum(wide[at : at + 4]) == 1 for at in range(0, 40, 4))


def test_the_deep_path_can_learn_its_components() -> None:
    torch.manual_seed(0)
    network = DLF(TINY_NETWORK)
    images = nn.functional.interpolate(torch.rand(24, 3, 16, 16), scale_factor=8, mode="bilinear")
    network.start(images)
    rate = torch.full((24, 4, 4), 0.5)
    learning = [*network.analysis.parameters(), *network.bottleneck.parameters()]
    adam = torch.optim.Adam(learning, lr=3e-3)
    losses = []
    for _ in range(60):
        adam.zero_grad()
        misfit = network.misfit(images, rate)[0]
        misfit.backward()
        adam.step()
        losses.append(float(misfit.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_only_the_analysis_learns_at_first(pool: Pool) -> None:
    trainer = _trainer(pool, Recipe(batch=4, fit=8, warmup=1))

    def changed_by_a_step() -> dict[str, bool]:
        parts = {"analysis": trainer.network.analysis, "drawing": trainer.network.synthesis}
        before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
        trainer.step()
        return {
            name: any(not torch.equal(v, before[name][k]) for k, v in part.state_dict().items())
            for name, part in parts.items()
        }

    assert changed_by_a_step() == {"analysis": True, "drawing": False}
    trainer.usual = 1e-9  # the loss that follows is not judged by the gradients of this one
    assert changed_by_a_step()["drawing"] is False
    assert changed_by_a_step() == {"analysis": True, "drawing": True}


def test_the_linear_path_leaves_most_channels_to_the_deep_one() -> None:
    torch.manual_seed(0)
    network = DLF(TINY_NETWORK)
    network.start(torch.rand(4, 3, 128, 128))
    latent = network.analysis(torch.rand(1, 3, 128, 128))[2].linear
    used = latent.detach().flatten(2).any(dim=2)[0]
    assert used.sum() == TINY_NETWORK.linear_channels


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
    recipe.write_text("profile: small\nnetwork: {windwo: 128}\n")
    with pytest.raises(ValueError, match="windwo"):
        load_recipe(recipe)


def test_grain_is_a_cameras() -> None:
    torch.manual_seed(3)
    crops = torch.full((3, 3, 96, 96), 0.5).contiguous(memory_format=torch.channels_last)
    found = with_grain(crops, torch.tensor([0.0, 0.01, 0.5]))
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found[0], crops[0])
    assert float(found[1].std()) == pytest.approx(0.01 * (1 + COLOURED**2) ** 0.5, rel=0.05)
    shared = torch.corrcoef(found[1].flatten(1))[0, 1]
    assert float(shared) == pytest.approx(1 / (1 + COLOURED**2), abs=0.03)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
