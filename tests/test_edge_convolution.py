"""The convolution with edge padding and its own gradient, beside torch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F
from dlf_models.small.edge_convolution import EdgePaddedConvolution


@pytest.mark.parametrize("side", [1, 2, 5, 12])
def test_it_equals_padding_and_convolution(side: int) -> None:
    torch.manual_seed(side)
    given = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 3, side, side + 1), (4, 3, 3, 3), (4,))
    ]
    padded = F.pad(given[0], (1, 1, 1, 1), mode="replicate")
    wanted = F.conv2d(padded, given[1], given[2])
    found = EdgePaddedConvolution.apply(*given)
    torch.testing.assert_close(found, wanted)
    towards = torch.randn_like(wanted)
    expected = torch.autograd.grad(wanted, given, towards)
    for ours, theirs in zip(torch.autograd.grad(found, given, towards), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_frozen_weights_get_no_gradient() -> None:
    x = torch.randn(1, 3, 4, 4, requires_grad=True)
    weight, bias = torch.randn(2, 3, 3, 3), torch.randn(2)
    EdgePaddedConvolution.apply(x, weight, bias).sum().backward()
    assert x.grad is not None
    assert weight.grad is None
