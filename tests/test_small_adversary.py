"""The adversarial term: the critic learns what photographs have and drawn pictures lack, and says
so to the decoder.
"""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from dlf_models.evaluation.weights import Weights
from dlf_models.small.adversary import RAMP, Adversary
from dlf_models.small.losses import LossWeights, PixelLoss
from evaluation_samples import random_weights
from torch import Tensor

ONLY = LossWeights(
    l1=(0, 0), l1_coarse=0, ms_ssim=(0, 0), lpips=(0, 0), full_size=1.0, adversarial=(1.0, 0.5)
)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return random_weights()


def photographs(seed: int) -> tuple[Tensor, Tensor]:
    """Two pictures of noise, rough, and the same without what is fine."""
    rough = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(seed))
    last = {"memory_format": torch.channels_last}
    return F.avg_pool2d(rough, 5, 1, 2).contiguous(**last), rough.contiguous(**last)


@pytest.fixture(scope="module")
def loss(weights: Weights) -> PixelLoss:
    """With a critic that has seen some pairs."""
    torch.manual_seed(4)
    made = PixelLoss(weights, ONLY).to(memory_format=torch.channels_last)
    made.adversary = Adversary(torch.device("cpu"))
    for seed in range(8):
        drawn, real = photographs(seed)
        made(drawn, real, torch.zeros(2, 3, 3))
        made.adversary.learn()
    made.adversary.steps = RAMP
    return made


def test_the_critic_learns_and_the_decoder_is_told(loss: PixelLoss) -> None:
    assert loss.adversary is not None
    drawn, real = photographs(99)
    drawn.requires_grad_()
    loss.adversary.critic.zero_grad(set_to_none=True)
    total, terms = loss(drawn, real, torch.zeros(2, 3, 3))
    as_real = loss(real.clone().requires_grad_(), real, torch.zeros(2, 3, 3))[0]
    assert float(total.detach().mean()) > float(as_real.detach().mean()) + 0.05
    torch.testing.assert_close(total, terms["adversarial"])
    total.sum().backward()
    # A step against the gradient looks more like a photograph, and judging alone teaches the critic
    # nothing.
    assert drawn.grad is not None
    better = (drawn - 0.2 * drawn.grad / drawn.grad.abs().amax()).detach().requires_grad_()
    again = loss(better, real, torch.zeros(2, 3, 3))[0]
    assert float(again.detach().mean()) < float(total.detach().mean())
    assert all(p.grad is None for p in loss.adversary.critic.parameters())


def test_its_gradient_has_the_size_of_that_of_l1(loss: PixelLoss) -> None:
    assert loss.adversary is not None
    sizes = []
    for contrast in (1.0, 0.01):  # the critic's own gradient differs, what it gives does not
        loss.adversary.usual = None
        drawn, real = (0.5 + contrast * (p - 0.5) for p in photographs(7))
        drawn.requires_grad_()
        loss(drawn, real, torch.zeros(2, 3, 3))[0].sum().backward()
        assert drawn.grad is not None
        sizes.append(float(drawn.grad.square().mean().sqrt()) * drawn[0].numel())
    assert sizes == pytest.approx([1.0, 1.0], rel=1e-3)


def test_the_weight_follows_the_rate(loss: PixelLoss) -> None:
    drawn, real = photographs(7)
    ends = [
        loss(drawn.clone().requires_grad_(), real, torch.full((2, 3, 3), rate))[0]
        for rate in (0.0, 1.0)
    ]
    torch.testing.assert_close(ends[1], ends[0] / 2, rtol=1e-4, atol=1e-6)


def test_validation_sees_no_critic(loss: PixelLoss) -> None:
    drawn, real = photographs(8)
    with torch.no_grad():
        total, terms = loss(drawn, real, torch.zeros(2, 3, 3))
    assert "adversarial" not in terms
    assert float(total.abs().sum()) == 0


def test_a_critic_goes_on_from_its_state(loss: PixelLoss) -> None:
    first = loss.adversary
    assert first is not None
    second = Adversary(torch.device("cpu"))
    second.load(copy.deepcopy(first.state()))
    drawn, real = photographs(50)
    found = []
    for adversary in (first, second):
        for _ in range(2):
            judged = adversary.judge(drawn, real)
            found.append((judged, adversary.learn()))
    torch.testing.assert_close(found[0][0], found[2][0])
    assert found[1][1] == pytest.approx(found[3][1], rel=1e-5)
    with pytest.raises(RuntimeError, match="nothing"):
        first.learn()
