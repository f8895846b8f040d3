"""The picture at 1/2, 1/4 and 1/8 of its size, from a part of the synthesis (BITSTREAM.md §9.7).

The trunk of the synthesis (transformers, interaction, fusion) invents what is finer than these sizes
show, and costs more than half of the work. A *shortcut*, one linear convolution, stands in for it; then
the renderer runs as far as the size asks for, and a *head*, another one, makes the picture. Both are
fitted by least squares when a network is exported (:mod:`dlf_models.export.reduced`): training knows
nothing of them.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .fusion import Renderer
from .layers import PixelShuffleUp

DOWNSCALES = (2, 4, 8)
NEIGHBOURS = 3
"""Side of the square of features from which shortcut and heads compute."""


class LinearMap(nn.Module):
    """A convolution and depth-to-space, ``[B, C, h, w] -> [B, C', h*factor, w*factor]``.

    Features beyond the edge are those on it: zeros would be as strange to a map without any activation
    as nothing that it was fitted on.
    """

    def __init__(self, channels_in: int, channels_out: int, factor: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out * factor**2, NEIGHBOURS)
        self.shuffle = nn.PixelShuffle(factor)
        self.edge = NEIGHBOURS // 2

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.conv(F.pad(x, [self.edge] * 4, mode="replicate")))


def renderer_depths(renderer: Renderer) -> dict[int, int]:
    """How many stages of the renderer run for each downscale.

    For 1/8 none: the latent at 1/16 holds it. For 1/4 those that work at 1/16 and 1/8, for 1/2 also those at 1/4.
    """
    ups = [i for i, stage in enumerate(renderer.stages) if isinstance(stage, PixelShuffleUp)]
    return {8: 0, 4: ups[1], 2: ups[2]}


def head_inputs(renderer: Renderer) -> dict[int, tuple[int, int]]:
    """Channels that the head of each downscale reads, and by how much it enlarges them."""
    channels = []
    for stage in renderer.stages:
        if isinstance(stage, PixelShuffleUp):
            channels.append(stage.expand.in_channels)
    return {8: (channels[0], 2), 4: (channels[1], 2), 2: (channels[2], 2)}


def base_at(base: Tensor, scale: float, downscale: int) -> Tensor:
    """The base picture of the linear path, at 1/scale, brought to 1/downscale of the size; heads give what it lacks."""
    if downscale > scale:
        return F.avg_pool2d(base, int(downscale / scale))
    if downscale < scale:
        factor = scale / downscale
        return F.interpolate(base, scale_factor=factor, mode="bilinear", align_corners=False)
    return base


class ReducedHeads(nn.Module):
    """Shortcut and heads of one network; :class:`dlf_models.export.torchscript.Transforms` joins them to it."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        depths, inputs = renderer_depths(renderer), head_inputs(renderer)
        self.downscales = list(DOWNSCALES)
        self.depths = [depths[d] for d in DOWNSCALES]
        width = inputs[8][0]
        self.shortcut = LinearMap(width, width)
        self.heads = nn.ModuleList(
            LinearMap(inputs[d][0], 3, factor=inputs[d][1]) for d in DOWNSCALES
        )
