"""A linear path beside the detail branch: the half-size picture, straight to the latent and back.

Deep encoders of high spatial compression forget: probed by linear regression, each stage of a
network trained without this path held less of the picture than the one before
(models/EXPERIMENTS-ids-1-to-4.md). Shortcuts from space to channels and back repair that (DC-AE,
arXiv 2410.10733). Ours goes all the way: one linear map of 32x32-pixel cells into the latent
channels, and one from them to a base picture at /2 that the renderer starts from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import STRIDE, NetworkConfig
from .layers import Conv, bilinear_weights, edge_padded

FINE = STRIDE // 2
"""Samples to a side of a cell of the base picture at /2."""
COARSE = STRIDE // 4
"""The same of its coarser part at /4, whose cells overlap."""


def dealt_out(channels: int) -> Tensor:
    """Which component, strongest first, each latent channel begins with: int64 `[channels]`.

    Strong ones are dealt out to the four channel groups in turn, so that every quarter of the prior
    has its share.
    """
    channel = torch.arange(channels)
    group = channels // 4
    return channel % group * 4 + channel // group


class LinearAnalysis(nn.Module):
    """Folded image `[B, 12, H/2, W/2]` in [-1, 1] -> a summand of the latent, `[B, C, H/32, W/32]`.

    Only the `linear_channels` strongest components are its own. When it had them all, the deep path
    fell asleep.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.project = Conv(3 * FINE**2, config.latent_channels)
        mine = dealt_out(config.latent_channels) < config.linear_channels
        self.register_buffer("mine", mine.float(), persistent=False)
        average = torch.eye(3).repeat_interleave(4, dim=1) / 4
        self.register_buffer("average", average[:, :, None, None], persistent=False)

    def half(self, folded: Tensor) -> Tensor:
        """Mean of 2x2 pixels, in §8 a 1x1 convolution: `[B, 12, H/2, W/2] -> [B, 3, H/2, W/2]`."""
        return F.conv2d(folded, self.average.to(folded.dtype))

    def forward(self, folded: Tensor) -> Tensor:
        """`folded [B, 12, H/2, W/2]` in [-1, 1] -> `[B, C, H/32, W/32]`."""
        weight, bias = self.weights()
        return F.conv2d(F.pixel_unshuffle(self.half(folded), FINE), weight, bias)

    def weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias as they code: zero for the channels of the deep path."""
        assert self.project.bias is not None
        return self.project.weight * self.mine[:, None, None, None], self.project.bias * self.mine

    def components(self, folded: Tensor) -> Tensor:
        """All components of the transform, also those that the deep path has to learn to give."""
        return self.project(F.pixel_unshuffle(self.half(folded), FINE))


class LinearSynthesis(nn.Module):
    """Latent without its gain -> base picture in about [-1, 1].

    `[B, C, H/32, W/32] -> [B, 3, H/2, W/2]`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.coarse = Conv(config.latent_channels, 3 * COARSE**2, 3)
        self.fine = Conv(config.latent_channels, 3 * FINE**2)
        nn.init.zeros_(self.coarse.weight)
        nn.init.zeros_(self.fine.weight)
        self.register_buffer("bilinear", bilinear_weights(3), persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        """`latent [B, C, H/32, W/32]` without its gain -> `[B, 3, H/2, W/2]` in about [-1, 1]."""
        coarse = F.pixel_shuffle(self.coarse(latent), COARSE)
        return F.pixel_shuffle(self.enlarge(coarse), 2) + F.pixel_shuffle(self.fine(latent), FINE)

    def enlarge(self, picture: Tensor) -> Tensor:
        """Bilinear by 2, before depth to space: `[B, 3, H, W] -> [B, 12, H, W]`."""
        return edge_padded(picture, self.bilinear.to(picture.dtype))


@torch.no_grad()
def start_linear_path(
    into: LinearAnalysis, back: LinearSynthesis, images: Tensor, step: float
) -> None:
    """Begin as a transform codec: the Karhunen-Loeve transform of cells, and its inverse.

    The cells are those of the half-size picture. `images [B, 3, H, W]` in [0, 1]. `step`: what one
    unit of the latent is worth, in samples of [-1, 1].
    """
    half = into.half(F.pixel_unshuffle(images * 2 - 1, 2))
    cells = F.pixel_unshuffle(half, FINE).transpose(0, 1).flatten(1).T.double()
    mean = cells.mean(dim=0)
    _, vectors = torch.linalg.eigh((cells - mean).T @ (cells - mean))
    channels = into.project.out_channels
    count = min(channels, len(mean))
    basis = vectors.flip(1)[:, :count].T.float()
    channel = dealt_out(channels).argsort()[:count]
    for layer in (into.project, back.coarse, back.fine):
        assert layer.bias is not None
        layer.weight.zero_()
        layer.bias.zero_()
    assert into.project.bias is not None
    assert back.coarse.bias is not None
    into.project.weight[channel] = basis[:, :, None, None] / step
    into.project.bias[channel] = -(basis @ mean.float()) / step
    pictures = F.pixel_shuffle(basis[:, :, None, None], FINE)
    coarse = F.avg_pool2d(pictures, 2)
    back.coarse.weight[:, channel, 1, 1] = coarse.flatten(1).T * step
    mean_picture = F.pixel_shuffle(mean.float()[None, :, None, None], FINE)
    back.coarse.bias.copy_(F.avg_pool2d(mean_picture, 2).flatten())
    rest = pictures - F.pixel_shuffle(back.enlarge(coarse), 2)
    back.fine.weight[:, channel, 0, 0] = F.pixel_unshuffle(rest, FINE).flatten(1).T * step
