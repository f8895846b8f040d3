"""Layers of the convolutional profile: what the integer machine must be able to repeat."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from dlf_models.common.prior import quarter_masks
from dlf_models.small.layers import Conv, Residual, Up, bilinear_weights
from dlf_models.small.maps import draw_keep, draw_rates
from dlf_models.small.rate import RateVectors
from dlf_models.small.token_quantiser import FiniteScalarQuantiser
from dlf_models.small.wasserstein import wasserstein
from hypothesis import given
from hypothesis import strategies as st


def test_flat_pictures_stay_flat_to_their_border() -> None:
    torch.manual_seed(1)
    layer = Conv(3, 5, 3)
    out = layer(torch.full((1, 3, 6, 9), 0.7))
    assert torch.allclose(out, out[:, :, :1, :1].expand_as(out), atol=1e-6)


def test_residual_blocks_begin_as_the_identity() -> None:
    x = torch.randn(2, 8, 5, 7)
    assert torch.equal(Residual(8)(x), x)


def test_up_begins_without_a_grid() -> None:
    y = Up(6, 4)(torch.randn(1, 6, 3, 3))
    assert torch.equal(y[:, :, 0::2, 0::2], y[:, :, 1::2, 1::2])


def test_bilinear_weights_equal_interpolation() -> None:
    x = torch.rand(2, 3, 7, 5)
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    ours = F.pixel_shuffle(F.conv2d(padded, bilinear_weights(3)), 2)
    wanted = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(ours, wanted, atol=1e-6)


def test_rate_vectors_are_read_at_each_position() -> None:
    vectors = RateVectors(4, 3, std=1.0)
    rate = torch.tensor([[[0.0, 1.0], [0.5, 1 / 3]]])
    out = vectors(rate)[0]
    table = vectors.vectors
    assert torch.allclose(out[:, 0, 0], table[0], atol=1e-6)
    assert torch.allclose(out[:, 0, 1], table[3], atol=1e-6)
    assert torch.allclose(out[:, 1, 0], (table[1] + table[2]) / 2, atol=1e-6)
    assert torch.allclose(out[:, 1, 1], table[1], atol=1e-5)


def test_random_maps_cover_all_rates_and_drop_some_detail() -> None:
    torch.manual_seed(3)
    rates, keep = draw_rates(4096, 4, 4), draw_keep(4096, 4, 4)
    assert rates.min() == 0 and rates.max() == 1
    varied = (rates.amax(dim=(1, 2)) - rates.amin(dim=(1, 2)) > 0.05).float().mean()
    assert 0.2 < varied < 0.6
    assert set(keep.unique().tolist()) == {0.0, 1.0}
    nothing = (keep.sum(dim=(1, 2)) == 0).float().mean()
    places = ((keep.amin(dim=(1, 2)) == 0) & (keep.sum(dim=(1, 2)) > 0)).float().mean()
    assert 0.04 < nothing < 0.1
    assert 0.04 < places < 0.1


@pytest.mark.parametrize("sigma", [0.0, 1.5, 3.0])
def test_wasserstein_is_zero_for_equal_maps_only(sigma: float) -> None:
    torch.manual_seed(2)
    x = torch.rand(2, 4, 32, 32)
    log2_sigma = torch.full((2,), sigma)
    assert torch.all(wasserstein(x, x, log2_sigma) == 0)
    assert torch.all(wasserstein(x, x * 0.5, log2_sigma) > 0.01)


def test_wasserstein_forgives_moved_texture_where_sigma_is_large() -> None:
    torch.manual_seed(2)
    x, y = torch.rand(1, 4, 64, 64), torch.rand(1, 4, 64, 64)
    exact = wasserstein(x, y, torch.zeros(1))
    forgiving = wasserstein(x, y, torch.full((1,), 3.0))
    blurred = wasserstein(x, torch.full_like(x, 0.5), torch.full((1,), 3.0))
    assert forgiving < exact / 20
    assert blurred > 5 * forgiving


@given(st.lists(st.integers(2, 9), min_size=1, max_size=6))
def test_fsq_digits_cover_their_levels_and_values_agree(levels: list[int]) -> None:
    quantiser = FiniteScalarQuantiser(levels)
    sweep = torch.linspace(-9, 9, 401)[:, None].expand(-1, len(levels))
    digits, values = quantiser(sweep)
    for d, level in enumerate(levels):
        assert sorted(set(digits[:, d].tolist())) == list(range(level))
    assert torch.allclose(quantiser.values(digits), values.detach())
    assert float(values.detach().abs().max()) <= 1


@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from([4, 8, 64]))
def test_quarters_partition_the_latent(height: int, width: int, channels: int) -> None:
    masks = quarter_masks(channels, height, width, torch.device("cpu"))
    assert bool((masks.sum(dim=0) == 1).all())
    # At every position, each step codes exactly one group of a quarter of the channels.
    assert bool((masks.sum(dim=1) == channels // 4).all())
