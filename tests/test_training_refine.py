"""A network with a base picture at 1/2 of the size goes on from one with a base picture at 1/4."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, scene
from dlf_models.config import load_config
from dlf_models.networks.linear_path import small_picture
from dlf_models.networks.model import DLF
from dlf_models.training import refine
from dlf_models.training.start import spread_latents
from torch import Tensor

FINE_CHANNELS = 4


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.stack(
        [torch.from_numpy(scene(128, 128, n)).permute(2, 0, 1).float() / 255 for n in range(8)]
    )


@pytest.fixture(scope="module")
def pair(images: Tensor) -> tuple[DLF, DLF]:
    """The coarser network and the finer one that has its weights."""
    config = load_config(ROOT / "models" / "configs" / "test.yaml").network
    torch.manual_seed(2)
    coarser = DLF(replace(config, linear_path=True, latent_channels=16)).eval()
    spread_latents(coarser, images)
    finer = DLF(replace(coarser.config, linear_scale=2)).eval()
    state = coarser.state_dict()
    assert refine.is_coarser(finer, state)
    assert not refine.is_coarser(coarser, state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine, "FINE_CHANNELS", FINE_CHANNELS)
        refine.load_coarser(finer, state, images)
    return coarser, finer


def latents(network: DLF, images: Tensor, rate: Tensor) -> Tensor:
    _, _, features = network.analysis(images)
    return network.bottleneck(network.bottleneck.prepare(features), rate).detach()


def test_what_the_coarser_network_could_do_stays(images: Tensor, pair: tuple[DLF, DLF]) -> None:
    coarser, finer = pair
    rate = torch.full((len(images),), 0.7)
    before, after = latents(coarser, images, rate), latents(finer, images, rate)
    kept = [c for c in range(16) if torch.allclose(before[:, c], after[:, c], atol=1e-3)]
    assert len(kept) == 16 - FINE_CHANNELS
    only_kept = torch.zeros_like(after)
    only_kept[:, kept] = after[:, kept]
    assert finer.synthesis.linear is not None
    assert coarser.synthesis.linear is not None
    coarse = coarser.synthesis.linear(only_kept, rate)
    fine = finer.synthesis.linear(only_kept, rate)
    torch.testing.assert_close(fine, F.interpolate(coarse, scale_factor=2.0, mode="bilinear"))
    values = coarser.analysis(images)[1]
    # Alike but for how the base picture is enlarged: twice by 2 in place of once by 4.
    pictures = [network.synthesis(values, only_kept, rate) for network in pair]
    assert float((pictures[1] - pictures[0]).detach().abs().mean()) < 0.005


def test_new_channels_draw_what_is_finer(images: Tensor, pair: tuple[DLF, DLF]) -> None:
    """Of what the picture at 1/2 has beyond its own reduced and enlarged copy, a share of the strongest part."""
    coarser, finer = pair
    rate = torch.full((len(images),), 0.5)
    y, before = latents(finer, images, rate), latents(coarser, images, rate)
    new = [c for c in range(16) if not torch.allclose(before[:, c], y[:, c], atol=1e-3)]
    only_new = torch.zeros_like(y)
    only_new[:, new] = y[:, new]
    assert finer.synthesis.linear is not None
    base = finer.synthesis.linear
    drawn = base(only_new, rate) - base(torch.zeros_like(y), rate)
    small = F.pixel_shuffle(small_picture(images, 2), 8)
    rest = small - F.interpolate(F.avg_pool2d(small, 2), scale_factor=2.0, mode="bilinear")
    share = float((drawn * rest).sum() / drawn.square().sum()) * refine.FINE_SHARE
    assert share == pytest.approx(1, abs=0.35)
    explained = drawn / refine.FINE_SHARE
    assert float((rest - explained).square().sum()) < 0.9 * float(rest.square().sum())


def test_other_sizes_are_refused(pair: tuple[DLF, DLF], images: Tensor) -> None:
    coarser, finer = pair
    wider = DLF(replace(finer.config, detail_width=24))
    with pytest.raises(RuntimeError, match="size mismatch"):
        refine.load_coarser(wider, coarser.state_dict(), images)
