"""Data-dependent start: what is rounded must not begin as a constant.

Latents that start well inside +-0.5, or token components that start on one side of every level, are rounded to one
value. Nothing of them reaches the decoder, so it learns to ignore them, and the rate term then keeps them dead: without
this start 8 of 64 latent channels and 7 of 16 digits were in use after 25,000 crops, and more bits bought nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..networks.linear_path import BASE_SCALE, COARSE_SCALE
from ..networks.model import DLF

LATENT_DEVIATION = 4.0
"""Standard deviation of each latent channel at the middle rate, in quantisation steps."""
SHARED_DEVIATION = 0.5
"""The same where the linear path has the first word."""
KLT_STEP = 0.3
"""Quantisation step of the linear path at the highest rate, in samples of [-1, 1]: about 27 dB at 1/4 of the size."""
DIGIT_DEVIATION = 1.0
"""Standard deviation of what the tanh of the token quantiser sees."""


def _normalise(layer: nn.Conv2d | nn.Linear, seen: Tensor, deviation: float) -> None:
    """Rescale ``layer`` so that its outputs ``seen [samples, channels]`` would have mean 0 and this deviation."""
    factor = deviation / seen.std(dim=0).clamp(min=1e-6)
    assert layer.bias is not None
    layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.dim() - 1)))
    layer.bias.copy_((layer.bias - seen.mean(dim=0)) * factor)


@torch.no_grad()
def spread_latents(network: DLF, images: Tensor) -> None:
    """Normalise the layers in front of both quantisers on ``images [B, 3, H, W]`` in [0, 1].

    With a linear path (:mod:`..networks.linear_path`) the latent is shared: see :func:`start_linear_path`.
    """
    digits = network.analysis.semantic.to_digits
    latents = network.bottleneck.project
    seen: dict[nn.Module, Tensor] = {}
    hooks = [
        layer.register_forward_hook(lambda module, _inputs, output: seen.update({module: output}))
        for layer in (digits, latents)
    ]
    try:
        _, _, features = network.analysis(images)
        middle = torch.full((images.shape[0],), 0.5, device=images.device)
        network.bottleneck(network.bottleneck.prepare(features), middle)
    finally:
        for hook in hooks:
            hook.remove()
    _normalise(digits, seen[digits].flatten(0, -2), DIGIT_DEVIATION)
    shared = network.config.linear_path
    deviation = SHARED_DEVIATION if shared else LATENT_DEVIATION
    _normalise(latents, seen[latents].transpose(0, 1).flatten(1).T, deviation)
    if shared:
        start_linear_path(network, features)


def start_linear_path(network: DLF, features: Tensor) -> None:
    """Start as a transform codec: the Karhunen-Loeve transform of small pictures' cells, and its inverse.

    ``features`` are those of the analysis. Strong components are dealt out to the four channel groups in turn.
    """
    into, back = network.bottleneck.linear, network.synthesis.linear
    assert into is not None
    assert back is not None
    small = features[:, network.config.detail_width :]
    side = 32 // network.config.linear_scale
    cells = F.pixel_unshuffle(small, 2).transpose(0, 1).flatten(1).T.double()
    mean = cells.mean(dim=0)
    _, vectors = torch.linalg.eigh((cells - mean).T @ (cells - mean))
    channels = network.config.latent_channels
    count = min(channels, len(mean))
    basis = vectors.flip(1)[:, :count].T.float()
    pictures, mean_picture = as_picture(basis, side), as_picture(mean.float()[None], side)
    rank = torch.arange(count, device=features.device)
    channel = rank % 4 * (channels // 4) + rank // 4
    for layer in (into.project, back.expand, back.fine):
        if layer is not None:
            assert layer.bias is not None
            layer.weight.zero_()
            layer.bias.zero_()
    assert into.project.bias is not None
    assert back.expand.bias is not None
    into.project.weight[channel] = basis[:, :, None, None] / KLT_STEP
    into.project.bias[channel] = -(basis @ mean.float()) / KLT_STEP
    # Analysis sees samples in [-1, 1]; synthesis adds to a picture in [0, 1] that starts at 0.5.
    size, fold = KLT_STEP / 2 / BASE_SCALE, COARSE_SCALE // network.config.linear_scale
    coarse = F.avg_pool2d(pictures, fold)
    back.expand.weight[:, channel, 1, 1] = coarse.flatten(1).T * size
    back.expand.bias.copy_(F.avg_pool2d(mean_picture, fold).flatten() / 2 / BASE_SCALE)
    if back.fine is not None:
        rest = pictures - F.interpolate(coarse, scale_factor=fold, mode="bilinear")
        back.fine.weight[:, channel, 0, 0] = rest.flatten(1).T * size


def as_picture(vectors: Tensor, side: int) -> Tensor:
    """Cells ``[N, 3*side*side]``, as two unshufflings (to 1/16, to 1/32) number their samples -> ``[N, 3, side, side]``."""
    return F.pixel_shuffle(F.pixel_shuffle(vectors[:, :, None, None], 2), side // 2)


def as_cells(pictures: Tensor) -> Tensor:
    """Inverse of :func:`as_picture`: ``[N, 3, side, side]`` -> ``[N, 3*side*side]``."""
    return F.pixel_unshuffle(F.pixel_unshuffle(pictures, pictures.shape[2] // 2), 2).flatten(1)
