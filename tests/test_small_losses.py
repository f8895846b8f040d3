"""The loss of the pixels: what each term asks for, at which rate, in which precision."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from conftest import scene
from dlf_models.evaluation.weights import Weights
from dlf_models.small.losses import LossWeights, PixelLoss, turned
from dlf_models.small.texture import CELL, repetition, texture_mismatch
from evaluation_samples import random_weights
from torch import Tensor


@pytest.fixture(scope="module")
def weights() -> Weights:
    return random_weights()


def picture(seed: int = 3) -> Tensor:
    return torch.from_numpy(scene(128, 128, seed)).permute(2, 0, 1)[None].float() / 255


ONLY = LossWeights(l1=(0, 0), l1_coarse=0, ms_ssim=(0, 0), lpips=(0, 0))


def rates(*values: float) -> Tensor:
    """One rate a sample, the same everywhere."""
    return torch.tensor(values)[:, None, None].expand(-1, 4, 4)


@pytest.mark.parametrize(
    ("term", "ends"), [("l1", (0.25, 1.0)), ("ms_ssim", (0.25, 1.0)), ("texture", (1.0, 0.25))]
)
def test_weights_follow_the_rate(weights: Weights, term: str, ends: tuple[float, float]) -> None:
    loss = PixelLoss(weights, replace(ONLY, **{term: ends}))
    target = picture().repeat(2, 1, 1, 1)
    total = loss(target * 0.5, target, rates(0.0, 1.0))[0]
    assert float(total.min()) > 0
    ratio = float(total[1]) / float(total[0])
    assert ratio == pytest.approx(ends[1] / ends[0], rel=1e-4)


def test_exactness_weighs_by_position(weights: Weights) -> None:
    loss = PixelLoss(weights, replace(ONLY, l1=(0.0, 1.0)))
    target = picture()
    rate = rates(0.0).clone()
    rate[:, :2] = 1
    worse = target.clone()
    worse[:, :, 64:] = 0
    assert float(loss(worse, target, rate)[0]) == 0
    assert float(loss(worse.flip(2), target.flip(2), rate)[0]) > 0


def test_terms_survive_bfloat16(weights: Weights) -> None:
    """In bfloat16 the variances in MS-SSIM became negative, and the loss infinite."""
    loss = PixelLoss(weights, replace(ONLY, l1=(4, 4), ms_ssim=(1, 1), texture=(1, 0.5)))
    target = torch.cat([picture(seed) for seed in range(4)])
    image = (target + 0.02 * torch.randn_like(target)).requires_grad_()
    total = loss(image, target, rates(0.5, 0.5, 0.5, 0.5))[0]
    total.sum().backward()
    assert image.grad is not None
    assert bool(torch.isfinite(total).all())
    assert bool(torch.isfinite(image.grad).all())


def test_texture_is_judged_by_its_energy_not_its_place() -> None:
    torch.manual_seed(1)
    flat, weave = torch.full((1, 3, 128, 128), 0.5), torch.zeros(1, 3, 128, 128)
    weave[..., ::2, ::2] = 8 / 255
    texture = 0.5 + 0.1 * torch.randn(1, 1, 128, 128).expand(1, 3, -1, -1)
    blurred = torch.nn.functional.avg_pool2d(texture, 3, 1, 1)
    assert float(texture_mismatch(texture, texture)) == 0
    assert float(texture_mismatch(flat + weave, flat)) > 0.5
    # The same texture elsewhere is nearly as good; as much of it lost is not.
    moved = float(texture_mismatch(texture.roll((3, 5), (2, 3)), texture))
    assert moved < 0.3 * float(texture_mismatch(blurred, texture))


def test_a_texture_that_repeats_from_cell_to_cell_is_found() -> None:
    torch.manual_seed(2)
    texture = 0.5 + 0.1 * torch.randn(1, 1, 128, 128).expand(1, 3, -1, -1)
    other = 0.5 + 0.1 * torch.randn(1, 1, 128, 128).expand(1, 3, -1, -1)
    cell = 0.5 + 0.1 * torch.randn(1, 1, CELL, CELL).expand(1, 3, -1, -1)
    grid = cell.repeat(1, 1, 8, 8)
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat_interleave(CELL, 0)
    chequered = 0.5 + (grid - 0.5) * signs.repeat_interleave(CELL, 1).repeat(1, 1, 4, 4)
    assert float(repetition(texture, texture)) == 0
    assert float(repetition(other, texture)) < 0.1
    assert float(repetition(grid, texture)) > 0.9
    # Changing its sign from cell to cell does not hide it, and where the original repeats it is
    # right.
    assert float(repetition(chequered, texture)) > 0.9
    assert float(repetition(grid, grid)) == 0


def test_a_lattice_between_the_nearest_cells_is_found_too() -> None:
    """Cells of a chessboard: black ones alike, white ones alike, their neighbours unlike."""
    torch.manual_seed(3)
    texture = 0.5 + 0.1 * torch.randn(1, 1, 128, 128).expand(1, 3, -1, -1)
    black, white = 0.5 + 0.1 * torch.randn(2, 1, 1, CELL, CELL)
    pair = torch.cat([torch.cat([black, white], 3), torch.cat([white, black], 3)], 2)
    lattice = pair.repeat(1, 1, 4, 4).expand(1, 3, -1, -1)
    means = [float(repetition(lattice, texture)) for _ in range(20)]
    assert sum(means) / len(means) > 0.3


def test_turning_keeps_pairs_together_and_all_eight_positions_occur() -> None:
    target = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    found = set()
    for seed in range(80):
        torch.manual_seed(seed)
        first, second = turned(target, target + 1000)
        assert torch.equal(first + 1000, second)
        assert torch.equal(first.flatten().sort().values, target.flatten().sort().values)
        found.add(tuple(first[0, 0].flatten().tolist()))
    assert len(found) == 8
