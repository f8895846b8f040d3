"""The whole network of the convolutional profile, as training sees it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .analysis import Analysis, Bottleneck, rate_grid
from .config import STRIDE, NetworkConfig
from .layers import Conv
from .linear_path import start_linear_path
from .prior import DetailPrior
from .start import balance
from .synthesis import Synthesis

LINEAR_STEP = 0.1
"""What one unit of the latent is worth at the middle rate when training begins, in samples of [-1, 1]."""

DEEP_SHARE = 0.1
"""What the deep path adds to the latent at first, deviation: it must not drown the linear one before it has learned."""


@dataclass
class Coded:
    """What a pass through the codec gives."""

    image: Tensor
    """``[B, 3, H, W]``, nominally in [0, 1], not clamped."""
    digits: Tensor
    """int64 ``[B, T*D, nH, nW]``."""
    bits: Tensor
    """``[B, h, w]``: ideal code length of the detail symbols of each position."""
    saturation: Tensor
    """Scalar: see :func:`saturation`."""
    sketch: Tensor
    """``[B, 3, h, w]``: what one linear layer makes of the tokens, a reduced picture (:attr:`DLF.sketch`)."""


def draw_noise(image: Tensor) -> tuple[Tensor, Tensor]:
    """Planes at /4 and /2 for images ``[B, 3, H, W]``, as the hash of BITSTREAM.md §9 gives them: sums of four uniform bytes."""

    def plane(cell: int) -> Tensor:
        size = (4, image.shape[0], 1, image.shape[2] // cell, image.shape[3] // cell)
        return (torch.rand(size, device=image.device).sum(dim=0) - 2) * 3**0.5

    return plane(4), plane(2)


def saturation(before: Tensor) -> Tensor:
    """How far the digits' inputs ``[B, T*D, nH, nW]`` are from mean 0 and deviation 1 over the batch; scalar.

    The quantiser's tanh has no gradient far out. Without this term all digits became constants within 40,000
    crops, and stayed so (models/EXPERIMENTS.md).
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
        # In training only: asked for a small picture, tokens soon say something that the networks can build on.
        self.cells = config.window // STRIDE
        self.sketch = Conv(config.token_channels, 3 * self.cells**2)

    def start(self, images: Tensor) -> None:
        """Data-dependent start on ``images [B, 3, H, W]``: the linear path begins as a transform codec."""
        self.start_deep(images)
        start_linear_path(self.analysis.linear, self.synthesis.linear, images, LINEAR_STEP)

    def start_deep(self, images: Tensor) -> None:
        """The deep analysis begins awake, on ``images [B, 3, H, W]``; its share of the latent begins small."""
        rate = torch.rand(len(images), *rate_grid(images), device=images.device)

        def run() -> Tensor:
            return self.bottleneck(self.analysis(images)[2], rate)

        balance(self.analysis, run)
        balance(self.bottleneck, run)
        with torch.no_grad():
            self.bottleneck.project.weight.mul_(DEEP_SHARE)

    def forward(self, image: Tensor, rate: Tensor, keep: Tensor | None = None) -> Coded:
        """Image ``[B, 3, H, W]`` in [0, 1]; rate map and keep ``[B, h, w]`` (see :class:`DetailPrior`)."""
        before, features = self.analysis.encode(image)
        digits, values = self.analysis.tokens(before)
        y = self.bottleneck(features, rate)
        with torch.autocast(image.device.type, enabled=False):
            latent, bits = self.prior(y.float(), rate, values.float(), keep)
        image_out = self.synthesis(values, latent, rate, draw_noise(image))
        sketch = F.pixel_shuffle(self.sketch(values), self.cells)
        return Coded(image_out.float(), digits, bits, saturation(before.float()), sketch.float())
