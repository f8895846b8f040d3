"""Go on with a base picture at 1/2 from a network whose base picture has 1/4 of the sides (:mod:`..networks.linear_path`).

The network keeps what it can do: the coarse half of the linear path computes what it did before. Latent channels that
carried next to no bits begin anew, as the Karhunen-Loeve transform of what the picture at 1/2 has beyond the one at 1/4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.hard_coding import code_hard
from ..networks.linear_path import BASE_SCALE, COARSE_SCALE, GAIN_SPREAD, cell_values, small_picture
from ..networks.model import DLF
from ..networks.prior import SKIP_SCALE, gaussian_bits
from .start import as_cells, as_picture

FINE_CHANNELS = 96
"""Channels that begin anew: of the 107 that ``dlf-s`` used at 1/4 none is among them."""
PROJECT, BASE_IN = "bottleneck.linear.project.weight", "synthesis.renderer.base_in.weight"
FINE = "synthesis.linear.fine"
FINE_STEP = 0.8
"""Quantisation step of the new channels at the middle rate, in samples of [-1, 1]."""
FINE_SHARE = 0.25
"""How much of the fine half the base picture shows at first: the renderer has learnt to draw it without."""


def is_coarser(network: DLF, state: Mapping[str, Tensor]) -> bool:
    """Whether ``state`` is of a network like this one, but for a base picture at 1/4 where this one has 1/2."""
    before = state.get(PROJECT)
    fine = network.config.linear_path and network.config.linear_scale < COARSE_SCALE
    return fine and before is not None and before.shape[1] == cell_values(COARSE_SCALE)


@torch.no_grad()
def load_coarser(network: DLF, state: dict[str, Tensor], images: Tensor) -> None:
    """Take the weights of a network with a base picture at 1/4; fit the new channels on ``images``.

    ``images [B, 3, H, W]`` in [0, 1], sides multiples of the window. Raises ``RuntimeError`` when other sizes differ.
    """
    fold = COARSE_SCALE // network.config.linear_scale
    coarse = as_picture(state[PROJECT].flatten(1), 32 // COARSE_SCALE)
    spread = F.interpolate(coarse, scale_factor=fold, mode="nearest") / fold**2
    base_in = state[BASE_IN].repeat_interleave(fold**2, dim=1) / fold**2
    fine = {
        f"{FINE}.{name}": torch.zeros_like(value)
        for name, value in network.get_submodule(FINE).state_dict().items()
    }
    network.load_state_dict(
        {**state, **fine, PROJECT: as_cells(spread)[:, :, None, None], BASE_IN: base_in}
    )
    start_fine_channels(network, images, idle_channels(network, images, FINE_CHANNELS))


def idle_channels(network: DLF, images: Tensor, count: int) -> Tensor:
    """The ``count`` latent channels that take the fewest bits at the highest rate."""
    network.eval()
    bits = torch.zeros(network.config.latent_channels)
    window = network.config.window
    for image in images.split(8):
        _, values, features = network.analysis(image)
        rate = torch.ones(len(image))
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        tokens = network.token_map(values, image.shape[2] // window, image.shape[3] // window)
        coded = code_hard(network.prior, y, rate, tokens)
        cost = gaussian_bits(coded.symbols, coded.log2_scale)
        bits += (cost * (coded.log2_scale >= math.log2(SKIP_SCALE))).sum(dim=(0, 2, 3))
    return bits.argsort()[:count].sort().values


def start_fine_channels(network: DLF, images: Tensor, channels: Tensor) -> None:
    """Let ``channels`` carry the strongest components of the fine half; nothing else reads or writes them at first."""
    into, back, prior = network.bottleneck.linear, network.synthesis.linear, network.prior
    assert into is not None
    assert back is not None
    assert back.fine is not None
    scale, side = network.config.linear_scale, 32 // network.config.linear_scale
    cells = as_cells_of(images, scale)
    # What a cell has beyond its own reduced and enlarged copy, a linear map of its samples.
    pictures = as_picture(torch.eye(cells.shape[1]), side)
    reduced = F.avg_pool2d(pictures, COARSE_SCALE // scale)
    enlarged = F.interpolate(reduced, size=(side, side), mode="bilinear", align_corners=False)
    rest = as_cells(pictures - enlarged).double()
    covariance = rest.T @ torch.cov(cells.T.double()) @ rest
    energies, vectors = torch.linalg.eigh(covariance)
    basis = vectors.flip(1)[:, : len(channels)]
    deviation = (energies.flip(0)[: len(channels)].clamp(min=1e-6).sqrt() / FINE_STEP).float()

    size = FINE_SHARE * FINE_STEP / 2 / BASE_SCALE
    into.project.weight[channels] = ((rest @ basis).T / FINE_STEP).float()[:, :, None, None]
    assert into.project.bias is not None
    into.project.bias[channels] = 0
    back.expand.weight[:, channels] = 0
    back.fine.weight[:, channels, 0, 0] = as_picture(basis.T.float(), side).flatten(1).T * size
    line = torch.linspace(-GAIN_SPREAD, GAIN_SPREAD, network.config.rate_anchors)[:, None]
    into.log_gain.vectors[:, channels] = line
    back.log_gain.vectors[:, channels] = -line

    project = network.bottleneck.project
    assert project.bias is not None
    project.weight[channels], project.bias[channels] = 0, 0
    network.synthesis.bottleneck.project.weight[:, channels] = 0
    for adaptor in prior.adaptors:
        assert isinstance(adaptor.weight, Tensor)
        adaptor.weight[:, channels] = 0
    log2_scale = deviation.log2()
    ones, zeros = torch.ones_like(deviation), torch.zeros_like(deviation)
    for layer, biases in (
        (prior.init_out, (ones, log2_scale, zeros)),
        (prior.spatial_out, (log2_scale, zeros)),
    ):
        assert layer.bias is not None
        for part, bias in enumerate(biases):
            layer.weight[part * prior.channels + channels] = 0
            layer.bias[part * prior.channels + channels] = bias


def as_cells_of(images: Tensor, scale: int) -> Tensor:
    """The small pictures of images ``[B, 3, H, W]`` in [0, 1], by cells of the latent grid: ``[N, values]``."""
    small = F.pixel_unshuffle(small_picture(images * 2 - 1, scale), 2)
    return small.transpose(0, 1).flatten(1).T
