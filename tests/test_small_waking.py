"""Idle channels of the latent begin anew, as what the others leave unexplained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from dlf_models.small.analysis import rate_grid
from dlf_models.small.model import DLF
from dlf_models.small.waking import IDLE_BITS, TOP_RATE, Seen, in_turn, models_of, wake
from tiny_networks import TINY_NETWORK
from torch import Tensor

IDLE = [1, 2, 6, 7, 11, 12]


def photographs(count: int) -> Tensor:
    """Smooth noise: strong low frequencies and weak high ones, `[count, 3, 128, 128]` in [0, 1]."""
    picture = torch.full((count, 3, 128, 128), 0.5)
    for cells, strength in ((2, 0.2), (8, 0.1), (32, 0.05)):
        noise = torch.randn(count, 3, cells, cells) * strength
        picture += F.interpolate(noise, size=128, mode="bicubic")
    return picture.clamp(0, 1)


@pytest.fixture
def asleep() -> DLF:
    """A network that begins as a transform codec, but for channels within one rounding interval."""
    torch.manual_seed(3)
    network = DLF(replace(TINY_NETWORK, latent_channels=16, linear_channels=16)).eval()
    network.start(photographs(64))
    with torch.no_grad():
        for layer in (network.analysis.linear.project, network.bottleneck.project):
            assert layer.bias is not None
            layer.weight[IDLE] *= 1e-3
            layer.bias[IDLE] = 0
        _expect_nothing(network, IDLE)
        network.synthesis.renderer.out.weight.zero_()  # the base picture, enlarged, is all
    return network


def _expect_nothing(network: DLF, channels: list[int]) -> None:
    """The prior has learned that these channels are always nearly 0."""
    prior = network.prior
    for layer, offset in ((prior.init_out, prior.channels), (prior.spatial_out, 0)):
        rows = [channel + offset for channel in channels]
        layer.weight[rows] = 0
        layer.bias[rows] = -4


def error(network: DLF, images: Tensor, rate: float) -> float:
    with torch.no_grad():
        drawn = network(images, torch.full((len(images), *rate_grid(images)), rate)).image
    return float(F.mse_loss(drawn, images))


def test_idle_channels_take_up_what_the_others_leave(asleep: DLF) -> None:
    images = photographs(48)
    before = Seen(asleep, images)
    idle = torch.nonzero(before.bits < IDLE_BITS).flatten().tolist()
    assert idle == IDLE
    error_before = error(asleep, images, TOP_RATE)
    assert wake(asleep, images) == len(IDLE)
    after = Seen(asleep, images)
    assert float(after.bits[IDLE].min()) > 5 * IDLE_BITS
    assert error(asleep, images, TOP_RATE) < 0.9 * error_before
    used = [c for c in range(len(before.bits)) if c not in IDLE]
    # What was in use says the same; means that were predicted from idle channels move a little.
    moved = (before.plain - after.plain)[:, used]
    assert float(moved.square().sum() / before.plain[:, used].square().sum()) < 0.02
    assert wake(asleep, images) == 0


def test_a_network_without_any_channel_in_use_is_refused(asleep: DLF) -> None:
    for layer in (asleep.analysis.linear.project, asleep.bottleneck.project):
        torch.nn.init.zeros_(layer.weight)
        assert layer.bias is not None
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        _expect_nothing(asleep, list(range(16)))
    with pytest.raises(ValueError, match="no channel"):
        wake(asleep, photographs(16))


def test_channels_are_woken_in_turn_of_their_groups() -> None:
    order = in_turn(torch.tensor([0, 1, 4, 5, 6, 15]), 16)
    assert order == [0, 4, 15, 1, 5, 6]


def test_a_channel_is_modelled_on_the_weakest_in_use_of_its_group() -> None:
    bits = torch.tensor([0, 0, 2, 3, 0, 0, 0, 5, 9, 8, 7, 6, 4, 4, 1, 0.0])
    assert models_of(bits, [0, 4, 15, 1, 5, 6]) == [2, 7, 14, 2, 7, 7]
    # In the first group none is in use: the weakest of all.
    assert models_of(bits, [0, 1, 2, 3, 4, 5, 6, 15]) == [14, 14, 14, 14, 7, 7, 7, 14]
