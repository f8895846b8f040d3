"""Losses of the pixels and the discriminator of phase C (architecture.md 4.1 item 7 and 4.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..evaluation.lpips import LPIPS
from ..evaluation.ms_ssim import ms_ssim

SHIFTS = 16
"""Offsets at which LPIPS samples, in each direction: the stride of its deepest layers."""
SCALES = (1.0, 0.75, 0.5)
"""Sizes at which LPIPS sees both pictures, one a step."""


MS_SSIM_SCALES = 4
"""As many as a crop of 128 px has room for."""
MS_SSIM_FLOOR = 1e-3
CELL = 16
"""Pixels that the decoder draws from one position of its latent, in each direction."""
LUMINANCE = (0.299, 0.587, 0.114)
TEXTURE_BLOCK = 8
TEXTURE_FLOOR = 1 / 255
"""Texture of less than a level of 255 is as good as none."""


class PixelLoss(nn.Module):
    """Weighted sum of L1, LPIPS, 1 - MS-SSIM, texture and repetition, for samples in [0, 1].

    At low rates texture must be invented, for which L1 and MS-SSIM have only punishment; at high rates it is known, and
    inventing more of it makes pictures less exact. So the weights of these three are given for both ends of the range.

    LPIPS sees both pictures cut at a random offset and reduced by one of a few scales: always sampled at one phase
    and size, a perceptual network lets a grid of its own stride pass (architecture.md 4.3), or asks for one. The cut has one size
    and the scales are few: for each new size the convolutions would be compiled anew, which took a quarter of the
    time of LPIPS. What is reported as LPIPS is the mean over the scales.
    """

    def __init__(
        self,
        lpips_weights: str,
        l1_weight: tuple[float, float],
        lpips_weight: float,
        ms_ssim_weight: tuple[float, float] = (0.0, 0.0),
        texture_weight: tuple[float, float] = (0.0, 0.0),
        repetition_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.lpips = LPIPS(lpips_weights)
        self.l1_weight = l1_weight
        self.lpips_weight = lpips_weight
        self.ms_ssim_weight = ms_ssim_weight
        self.texture_weight = texture_weight
        self.repetition_weight = repetition_weight

    def forward(
        self, image: Tensor, target: Tensor, rate: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, 3, H, W]`` twice and rates ``[B]`` in [0, 1] -> weighted sum, L1 and LPIPS, each ``[B]``."""
        l1 = (image.float() - target).abs().mean(dim=(1, 2, 3))
        dy, dx = (int(v) for v in torch.randint(0, SHIFTS, (2,)))
        rows = slice(dy, dy + image.shape[2] - SHIFTS)
        columns = slice(dx, dx + image.shape[3] - SHIFTS)
        seen, wanted = image[:, :, rows, columns], target[:, :, rows, columns]
        scale = SCALES[int(torch.randint(0, len(SCALES), ()))]
        if scale < 1:
            side = [round(length * scale) for length in seen.shape[2:]]
            seen = F.interpolate(seen.float(), side, mode="bilinear", antialias=True)
            wanted = F.interpolate(wanted, side, mode="bilinear", antialias=True)
        perceptual = self.lpips(seen, wanted).float()
        total = weight_at(rate, self.l1_weight) * l1 + self.lpips_weight * perceptual
        # All of them subtract nearly equal numbers: in bfloat16 variances would come out negative.
        with torch.autocast(image.device.type, enabled=False):
            if max(self.ms_ssim_weight) > 0:
                similarity = ms_ssim(image.float(), target, MS_SSIM_SCALES, MS_SSIM_FLOOR)
                total = total + weight_at(rate, self.ms_ssim_weight) * (1 - similarity)
            if max(self.texture_weight) > 0:
                mismatch = texture_mismatch(image.float(), target)
                total = total + weight_at(rate, self.texture_weight) * mismatch
            if self.repetition_weight > 0:
                total = total + self.repetition_weight * repetition(image.float(), target)
        return total, l1, perceptual


def fine_texture(picture: Tensor) -> Tensor:
    """Luminance less its mean over 5x5: ``[B, 3, H, W]`` -> ``[B, H, W]``."""
    red, green, blue = picture.unbind(dim=1)
    luminance = LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue
    rows, columns = (moving_mean(side, picture) for side in luminance.shape[1:])
    return luminance - rows @ luminance @ columns.T


def moving_mean(side: int, like: Tensor) -> Tensor:
    """The mean over five samples, or as many as there are, as a matrix ``[side, side]``.

    With it and :func:`cell_means` the texture term takes a quarter of the time that it took with poolings.
    """
    place = torch.arange(side, device=like.device)
    near = ((place[:, None] - place).abs() <= 2).to(like.dtype)
    return near / near.sum(dim=1, keepdim=True)


def cell_means(x: Tensor, cell: int) -> Tensor:
    """Means of blocks of two by two cells, one cell apart: ``[..., H, W]`` -> ``[..., H / cell - 1, W / cell - 1]``."""
    height, width = (side // cell for side in x.shape[-2:])
    x = x[..., : height * cell, : width * cell]
    means = x.unflatten(-1, (width, cell)).mean(dim=-1).unflatten(-2, (height, cell)).mean(dim=-2)
    means = means[..., 1:, :] + means[..., :-1, :]
    return (means[..., 1:] + means[..., :-1]) / 4


def repetition(image: Tensor, target: Tensor) -> Tensor:
    """How much more, or less, a picture repeats itself from cell to cell than it should: ``[B, 3, H, W]`` twice -> ``[B]``.

    Fine texture is correlated with itself one and two cells beside and below, in blocks of two by two cells; what counts
    is the difference to the original's correlations. A decoder that sees one vector per cell likes to draw the same
    texture in each, and no other term minds: to LPIPS any texture is better than none.
    """

    def correlations(picture: Tensor) -> Tensor:
        texture = fine_texture(picture)
        found = []
        for lag in (CELL, 2 * CELL):
            for axis in (1, 2):
                length = texture.shape[axis] - lag
                first, second = texture.narrow(axis, 0, length), texture.narrow(axis, lag, length)
                product = cell_means(first * second, CELL)
                power = cell_means(first * first, CELL) * cell_means(second * second, CELL)
                energy = (power.clamp(min=0) + TEXTURE_FLOOR**4).sqrt()
                found.append((product / energy).flatten(1))
        return torch.cat(found, dim=1)

    return (correlations(image) - correlations(target)).abs().mean(dim=1)


def texture_mismatch(image: Tensor, target: Tensor) -> Tensor:
    """How unlike the local energy of fine texture is, ``[B, 3, H, W]`` twice in [0, 1] -> ``[B]``, 0 for equal energy.

    Mean absolute logarithm of the ratio of standard deviations, in blocks.
    LPIPS scales its features to unit length, so that it likes a weave of one or two levels in flat places, which eyes do not;
    and where texture is lost, this asks for as much as there was, wherever it lies.
    """

    def deviation(picture: Tensor) -> Tensor:
        energy = cell_means(fine_texture(picture).square(), TEXTURE_BLOCK // 2)
        return (energy + TEXTURE_FLOOR**2).log() / 2

    return (deviation(image) - deviation(target)).abs().mean(dim=(1, 2))


def weight_at(rate: Tensor | float, ends: tuple[float, float]) -> Tensor | float:
    """Linear between the weights at rates 0 and 1."""
    return ends[0] + (ends[1] - ends[0]) * rate


class PatchDiscriminator(nn.Module):
    """Spectrally normalised PatchGAN over 34-pixel patches, ``[B, 3, H, W] -> [B, 1, H/8, W/8]`` and its features."""

    def __init__(self, width: int) -> None:
        super().__init__()

        def stage(channels_in: int, channels_out: int, stride: int) -> nn.Module:
            conv = nn.Conv2d(channels_in, channels_out, 4 if stride == 2 else 3, stride, 1)
            return nn.Sequential(spectral_norm(conv), nn.LeakyReLU(0.2))

        self.stages = nn.ModuleList(
            [
                stage(3, width, 2),
                stage(width, 2 * width, 2),
                stage(2 * width, 4 * width, 2),
                stage(4 * width, 4 * width, 1),
            ]
        )
        self.judge = spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = image * 2 - 1
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return self.judge(x), features


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the discriminator."""
    return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2


def feature_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Mean L1 distance of the discriminator's features; steadies phase C."""
    terms = [(a.detach() - b).abs().mean() for a, b in zip(real, fake, strict=True)]
    return torch.stack(terms).mean()
