"""The strength of grain: measured on photographs, and learned by encoder and decoder."""

from __future__ import annotations

import pytest
import torch
from dlf_models.small.texture import MOST_GRAIN, grain_floor


@pytest.mark.parametrize("levels", [0.0, 1.0, 2.0])
def test_grain_is_measured_where_a_picture_is_smooth(levels: float) -> None:
    torch.manual_seed(1)
    picture = torch.full((2, 3, 128, 128), 0.5) + torch.linspace(0, 0.2, 128)
    picture[:, :, :, 64:] += 0.3 * torch.rand(2, 1, 128, 64)  # texture, which does not count
    picture += levels / 255 * torch.randn(2, 1, 128, 128)
    found = grain_floor(picture)
    assert found.shape == (2, 4, 4)
    assert float(found[:, :, 0].mean() * 255) == pytest.approx(levels, abs=0.15)
    assert float(found[:, :, 3].min()) == pytest.approx(MOST_GRAIN)
