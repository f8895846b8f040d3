"""Losses of fine texture: as much as there was, and no more repetition (architecture.md 4.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELL = 16
"""Pixels that the decoder draws from one position of its latent, in each direction."""
FARTHEST, STEPS = 4, 8
"""Cells between a texture and what it is compared with, at most; how many such steps a picture is
judged by.
"""
LUMINANCE = (0.299, 0.587, 0.114)
TEXTURE_BLOCK = 8
MOST_GRAIN = 3 / 255
"""More than that is texture."""
GRAIN_BLOCK, GRAIN_BIAS = 8, 1.25
"""The smoothest of 36 blocks has less than white noise has on average: this makes up for it."""
TEXTURE_FLOOR = 1 / 255
"""Texture of less than a level of 255 is as good as none."""


def fine_texture(picture: Tensor) -> Tensor:
    """Luminance less its mean over 5x5: `[B, 3, H, W]` -> `[B, H, W]`."""
    red, green, blue = picture.unbind(dim=1)
    luminance = LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue
    rows, columns = (moving_mean(side, picture) for side in luminance.shape[1:])
    return luminance - rows @ luminance @ columns.T


def moving_mean(side: int, like: Tensor) -> Tensor:
    """The mean over five samples, or as many as there are, as a matrix `[side, side]`.

    With it and `cell_means` the texture term takes a quarter of the time that it took with
    poolings.
    """
    place = torch.arange(side, device=like.device)
    near = ((place[:, None] - place).abs() <= 2).to(like.dtype)
    return near / near.sum(dim=1, keepdim=True)


def cell_means(x: Tensor, cell: int) -> Tensor:
    """Means of blocks of two by two cells, one cell apart.

    `[..., H, W] -> [..., H / cell - 1, W / cell - 1]`.
    """
    height, width = (side // cell for side in x.shape[-2:])
    x = x[..., : height * cell, : width * cell]
    means = x.unflatten(-1, (width, cell)).mean(dim=-1).unflatten(-2, (height, cell)).mean(dim=-2)
    means = means[..., 1:, :] + means[..., :-1, :]
    return (means[..., 1:] + means[..., :-1]) / 4


def repetition(image: Tensor, target: Tensor) -> Tensor:
    """How much more, or less, a picture repeats itself from cell to cell than it should.

    `[B, 3, H, W]` twice -> `[B]`. Fine texture is correlated with itself some cells away, in blocks
    of two by two cells; what counts is the difference to the original's correlations. A decoder
    that sees one vector per cell likes to draw the same texture in each, and no other term minds:
    to LPIPS any texture is better than none. The steps are drawn anew each time, among all up to
    `FARTHEST` cells: a decoder that knew four of them drew lattices between them.
    """
    cells = min(image.shape[-2:]) // CELL - 2
    steps = _steps(min(cells, FARTHEST))
    chosen = [steps[int(i)] for i in torch.randperm(len(steps))[:STEPS]]
    first, second = fine_texture(image), fine_texture(target)
    differences = [
        (_correlation(first, *step) - _correlation(second, *step)).abs().flatten(1).mean(dim=1)
        for step in chosen
    ]
    return torch.stack(differences).mean(dim=0)


def _steps(farthest: int) -> list[tuple[int, int]]:
    """Cells down and to the right, each direction once."""
    across = range(-farthest, farthest + 1)
    return [(y, x) for y in range(farthest + 1) for x in across if y > 0 or x > 0]


def _correlation(texture: Tensor, down: int, right: int) -> Tensor:
    """Of fine texture `[B, H, W]` with itself `down` and `right` cells away, by blocks, -1 to 1."""
    rows, columns = (
        side - CELL * abs(n) for side, n in zip(texture.shape[1:], (down, right), strict=True)
    )
    left, start = CELL * max(0, -right), CELL * max(0, right)
    first = texture[:, :rows, left : left + columns]
    second = texture[:, CELL * down :, start : start + columns]
    product = cell_means(first * second, CELL)
    power = cell_means(first * first, CELL) * cell_means(second * second, CELL)
    return product / (power.clamp(min=0) + TEXTURE_FLOOR**4).sqrt()


def grain_floor(picture: Tensor) -> Tensor:
    """How strong a picture's grain is, `[B, 3, H, W]` -> `[B, H / 32, W / 32]`.

    It is what is left where the picture is smoothest: the least deviation of fine texture of the
    8x8 blocks around each cell of 32x32 pixels, in samples, `MOST_GRAIN` at most.
    """
    blocks = F.avg_pool2d(fine_texture(picture).square()[:, None], GRAIN_BLOCK)
    smoothest = -F.max_pool2d(-blocks, 6, 4, 1)[:, 0]
    return (GRAIN_BIAS * smoothest.clamp(min=0).sqrt()).clamp(max=MOST_GRAIN)


def texture_mismatch(image: Tensor, target: Tensor) -> Tensor:
    """How unlike the local energy of fine texture is, `[B, 3, H, W]` twice in [0, 1] -> `[B]`.

    Mean absolute logarithm of the ratio of standard deviations, in blocks: 0 for equal energy.
    LPIPS scales its features to unit length, so it likes a weave of one or two levels in flat
    places, which eyes do not. And where texture is lost, this asks for as much as there was,
    wherever it lies.
    """

    def deviation(picture: Tensor) -> Tensor:
        energy = cell_means(fine_texture(picture).square(), TEXTURE_BLOCK // 2)
        return (energy + TEXTURE_FLOOR**2).log() / 2

    return (deviation(image) - deviation(target)).abs().mean(dim=(1, 2))
