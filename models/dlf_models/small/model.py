"""The whole network of the convolutional profile, as training sees it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .analysis import Analysis, Bottleneck, fold, rate_grid
from .config import STRIDE, NetworkConfig
from .layers import Conv
from .linear_path import start_linear_path
from .prior import DetailPrior
from .start import balance
from .synthesis import Synthesis

LINEAR_STEP = 0.1
"""What a latent unit is worth at the middle rate when training begins, in samples of [-1, 1]."""

DEEP_SHARE = 0.1
"""What the deep path adds to a channel at first, in deviations of the channel's component."""
SMALLEST_VARIANCE = 1e-6


@dataclass
class Coded:
    """What a pass through the codec gives."""

    image: Tensor
    """`[B, 3, H, W]`, nominally in [0, 1], not clamped."""
    digits: Tensor
    """int64 `[B, T*D, nH, nW]`."""
    bits: Tensor
    """`[B, h, w]`: ideal code length of the detail symbols of each position."""
    saturation: Tensor
    """Scalar: see `saturation`."""
    sketch: Tensor
    """Scalar: see `DLF.sketch_error`."""
    grain: Tensor | None = None
    """`[B, 1, H, W]`: the strength of the grain, in samples of [0, 1]."""


def draw_noise(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Planes at /4, /2 and full size for images `[B, 3, H, W]`: sums of four uniform bytes.

    As the hash of BITSTREAM.md §9 gives them.
    """

    def plane(cell: int) -> Tensor:
        size = (4, image.shape[0], 1, image.shape[2] // cell, image.shape[3] // cell)
        return (torch.rand(size, device=image.device).sum(dim=0) - 2) * 3**0.5

    return plane(4), plane(2), plane(1)


def saturation(before: Tensor) -> Tensor:
    """How far digits' inputs `[B, T*D, nH, nW]` are from mean 0 and deviation 1 in a batch; scalar.

    The quantiser's tanh has no gradient far out. Without this term all digits became constants
    within 40,000 crops, and stayed so (models/EXPERIMENTS.md).
    """
    flat = before.transpose(0, 1).flatten(1)
    deviation = (flat.var(dim=1, correction=0) + 1e-6).sqrt()
    return (flat.mean(dim=1).square() + (deviation - 1).square()).mean()


class DLF(nn.Module):
    """Analysis, bottleneck, prior and synthesis."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.analysis = Analysis(config)
        self.bottleneck = Bottleneck(config)
        self.prior = DetailPrior(config)
        self.synthesis = Synthesis(config)
        # In training only: asked for a small picture, tokens soon say something that the networks
        # can build on.
        self.cells = config.window // STRIDE
        self.sketch = Conv(config.token_channels, 3 * self.cells**2)

    def start(self, images: Tensor) -> None:
        """Start from data, `images [B, 3, H, W]`: the linear path begins as a transform codec."""
        start_linear_path(self.analysis.linear, self.synthesis.linear, images, LINEAR_STEP)
        self.start_deep(images)

    def start_deep(self, images: Tensor) -> None:
        """The deep analysis begins with unit samples.

        Its share of each channel begins as a part of what the channel holds.
        """
        rate = torch.rand(len(images), *rate_grid(images), device=images.device)
        balance(self.analysis.deep_layers(), lambda: self.analysis(images))
        features = self.analysis(images)[2]
        balance([self.bottleneck], lambda: self.bottleneck.deep(features.deep, rate))
        with torch.no_grad():
            target = self.analysis.linear.components(fold(images)).transpose(0, 1).flatten(1)
            project = self.bottleneck.project
            assert project.bias is not None
            project.weight.mul_(DEEP_SHARE * target.std(dim=1)[:, None, None, None])
            project.bias.copy_(target.mean(dim=1) * (1 - self.analysis.linear.mine))

    def misfit(self, image: Tensor, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How far the deep path is from the components that the linear path leaves to it.

        The components are those of the transform. All are scalars: the mean squared error in units
        of each component's variance; then the error of the sketch, and `saturation`. Learned first:
        a latent that begins within one rounding interval never comes to life.
        """
        before, features = self.analysis.encode(image)
        deep = self.bottleneck.deep(features.deep, rate).float()
        with torch.no_grad():
            target = self.analysis.linear.components(fold(image)).float()
            variance = target.transpose(0, 1).flatten(1).var(dim=1) + SMALLEST_VARIANCE
        theirs = 1 - self.analysis.linear.mine
        error = (deep - target).square().mean(dim=(0, 2, 3)) / variance
        misfit = (error * theirs).sum() / theirs.sum().clamp(min=1)
        _, values = self.analysis.tokens(before)
        return misfit, self.sketch_error(values, image), saturation(before.float())

    def sketch_error(self, values: Tensor, image: Tensor) -> Tensor:
        """Mean absolute error of one linear layer's picture at 1/32 from the tokens; scalar."""
        small = F.avg_pool2d(image, STRIDE)
        drawn = F.pixel_shuffle(self.sketch(values), self.cells).float()
        return (drawn - small).abs().mean()

    def forward(self, image: Tensor, rate: Tensor, keep: Tensor | None = None) -> Coded:
        """Image `[B, 3, H, W]` in [0, 1]; rate map and keep `[B, h, w]` (see `DetailPrior`)."""
        before, features = self.analysis.encode(image)
        digits, values = self.analysis.tokens(before)
        y = self.bottleneck(features, rate)
        with torch.autocast(image.device.type, enabled=False):
            latent, bits = self.prior(y.float(), rate, values.float(), keep)
        drawn, grain = self.synthesis.draw(values, latent, rate, draw_noise(image))
        sketch = self.sketch_error(values, image)
        return Coded(drawn.float(), digits, bits, saturation(before.float()), sketch, grain)
