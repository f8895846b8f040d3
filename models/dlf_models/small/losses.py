"""The loss of the pixels: exactness where there are bits, statistics where there are none.

See architecture.md 4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from dlf.types import StrPath
from torch import Tensor, nn

from ..common.devices import multiplies_bfloat16
from ..evaluation.lpips import LPIPS
from ..evaluation.ms_ssim import ms_ssim
from ..evaluation.weights import Weights
from .adversary import Adversary
from .config import STRIDE
from .texture import LUMINANCE, repetition, texture_mismatch
from .wasserstein import wasserstein

SHIFTS = 16
"""Offsets of the perceptual network's samples, each way: the stride of its deepest layers."""
REDUCED = (0.75, 0.5)
"""Smaller sizes at which it sees both pictures in some steps."""
MS_SSIM_SCALES = 4
MS_SSIM_FLOOR = 1e-3
COARSE_SIZES = (4, 16)
"""L1 counts again on pictures reduced by these: bands and borders are low frequencies."""
BEFORE_POOLS = (0, 2, 4, 6)
"""Taps of SqueezeNet before each pooling, and the last one."""

TapDistance = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossWeights:
    """Weights; pairs are for rates 0 and 1, linear between."""

    lmbda: tuple[float, float] = (150.0, 0.6)
    """Of a bit per pixel; geometric between, and by position."""
    l1: tuple[float, float] = (8.0, 24.0)
    """By position."""
    l1_coarse: float = 8.0
    ms_ssim: tuple[float, float] = (0.3, 1.5)
    lpips: tuple[float, float] = (3.0, 2.0)
    full_size: float = 0.67
    """Share of the steps at which the perceptual network sees full size; at half it misses blur."""
    turned: bool = False
    """Whether the perceptual network sees both pictures turned and mirrored at random."""
    texture: tuple[float, float] = (0.0, 0.0)
    repetition: float = 0.0
    grain: float = 60.0
    """Of the mean absolute error of the grain's strength (`texture.grain_floor`), in samples."""
    wasserstein: tuple[float, float] = (0.0, 0.0)
    adversarial: tuple[float, float] = (0.0, 0.0)
    """Of :mod:`.adversary`, in training alone; in units of L1."""
    log2_sigma: tuple[float, float] = (3.0, 0.0)
    saturation: float = 0.1
    """Of the digits' inputs: keeps the tokens alive."""
    sketch: float = 2.0
    """Of the mean absolute error of what one linear layer draws from the tokens, at 1/32."""


def between(ends: tuple[float, float], rate: Tensor) -> Tensor:
    """Linear between the ends at rates 0 and 1."""
    return ends[0] + (ends[1] - ends[0]) * rate


class PixelLoss(nn.Module):
    """Weighted sum of all terms, per sample.

    The perceptual network sees random cuts at one of a few sizes.
    """

    def __init__(
        self,
        lpips_weights: Weights | StrPath,
        weights: LossWeights,
        compiled: bool = False,
    ) -> None:
        """`compiled`: the feature distance by torch.compile, in a sixth of the time."""
        super().__init__()
        self.tap_distance: TapDistance = (
            torch.compile(tap_distance, dynamic=True) if compiled else tap_distance
        )
        self.lpips = LPIPS(lpips_weights)
        self.weights = weights
        self.adversary: Adversary | None = None
        """Set by who trains with it."""

    def forward(
        self, image: Tensor, target: Tensor, rate: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`[B, 3, H, W]` twice in [0, 1], rates `[B, h, w]` -> loss `[B]` and bare terms."""
        w, mean_rate = self.weights, rate.mean(dim=(1, 2))
        fine = F.interpolate(between(w.l1, rate)[:, None], scale_factor=STRIDE, mode="nearest")
        error = image - target
        terms = {"l1": error.abs().mean(dim=(1, 2, 3))}
        total = (error.abs() * fine).mean(dim=(1, 2, 3))
        for size in COARSE_SIZES:
            total = total + w.l1_coarse * F.avg_pool2d(error, size).abs().mean(dim=(1, 2, 3))
        terms["ms_ssim"] = self.similarity(image, target)
        total = total + between(w.ms_ssim, mean_rate) * (1 - terms["ms_ssim"])
        perceptual, statistics = self.perceptual(image, target, between(w.log2_sigma, mean_rate))
        terms["lpips"] = perceptual
        total = total + between(w.lpips, mean_rate) * perceptual
        if self.adversary is not None and torch.is_grad_enabled():
            terms["adversarial"] = self.adversary.judge(image, target)
            total = total + between(w.adversarial, mean_rate) * terms["adversarial"]
        if max(w.wasserstein) > 0:
            terms["wasserstein"] = statistics
            total = total + between(w.wasserstein, mean_rate) * statistics
        if max(w.texture) > 0:
            total = total + between(w.texture, mean_rate) * texture_mismatch(image, target)
        if w.repetition > 0:
            terms["repetition"] = repetition(image, target)
            total = total + w.repetition * terms["repetition"]
        return total, terms

    def distance(self, ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
        """LPIPS `[B]` from the taps of two pictures."""
        total = ours[0].new_zeros(len(ours[0]), dtype=torch.float32)
        for index, (x, y) in enumerate(zip(ours, theirs, strict=True)):
            rows = [tap.movedim(1, -1).flatten(0, -2) for tap in (x, y)]
            at = self.tap_distance(*rows, self.lpips.get_buffer(f"lin{index}").flatten())
            total = total + at.unflatten(0, (len(x), -1)).mean(dim=1)
        return total

    def similarity(self, image: Tensor, target: Tensor) -> Tensor:
        """MS-SSIM of luminance `[B]`; of three channels it would take as long as the renderer."""
        weights = image.new_tensor(LUMINANCE).view(1, 3, 1, 1)
        gray = [(picture * weights).sum(dim=1, keepdim=True) for picture in (image, target)]
        return ms_ssim(gray[0], gray[1], MS_SSIM_SCALES, MS_SSIM_FLOOR)

    def perceptual(
        self, image: Tensor, target: Tensor, log2_sigma: Tensor
    ) -> tuple[Tensor, Tensor]:
        """LPIPS and Wasserstein distortion `[B]` from one pass of the perceptual network."""
        dy, dx = (int(v) for v in torch.randint(0, SHIFTS, (2,)))
        rows = slice(dy, dy + image.shape[2] - SHIFTS)
        columns = slice(dx, dx + image.shape[3] - SHIFTS)
        seen, wanted = image[:, :, rows, columns], target[:, :, rows, columns]
        if self.weights.turned:
            seen, wanted = turned(seen, wanted)
        if float(torch.rand(())) >= self.weights.full_size:
            scale = REDUCED[int(torch.randint(0, len(REDUCED), ()))]
            side = [round(length * scale) for length in seen.shape[2:]]
            seen = F.interpolate(seen, side, mode="bilinear", antialias=True)
            wanted = F.interpolate(wanted, side, mode="bilinear", antialias=True)
        halves = multiplies_bfloat16(image.device)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=halves):
            ours = self.lpips.features(seen)
            with torch.no_grad():
                theirs = self.lpips.features(wanted)
            distance = self.distance(ours, theirs)
        statistics = image.new_zeros(image.shape[0])
        if max(self.weights.wasserstein) > 0:
            for tap in BEFORE_POOLS:
                x, y = ours[tap].float(), theirs[tap].float()
                # Taps differ in size of samples by much: each counts by the power of the
                # original's.
                power = y.square().mean() + 1e-6
                statistics = statistics + wasserstein(x, y, log2_sigma) / power
        return distance, statistics


def turned(*pictures: Tensor) -> list[Tensor]:
    """``[B, C, H, W]`` each, all in the same one of eight positions, drawn at random.

    A texture of one direction pleases a network that knows only one side of it; from all sides it
    pleases less (arXiv 1906.03973).
    """
    choice = int(torch.randint(0, 8, ()))
    flips = [2 + axis for axis in (0, 1) if choice >> axis & 1]
    found = [picture.flip(flips) for picture in pictures]
    if choice & 4:
        found = [picture.transpose(2, 3) for picture in found]
    return [picture.contiguous(memory_format=torch.channels_last) for picture in found]


def tap_distance(ours: Tensor, theirs: Tensor, weights: Tensor) -> Tensor:
    """Weighted squared distance of feature vectors of unit length, as in LPIPS: to `[N]`.

    `ours`, `theirs`: `[N, C]`.
    """
    x, y = ours.float(), theirs.float()
    x = x * torch.rsqrt(x.square().sum(dim=1, keepdim=True) + 1e-20)
    y = y * torch.rsqrt(y.square().sum(dim=1, keepdim=True) + 1e-20)
    return ((x - y).square() * weights).sum(dim=1)


def bit_price(ends: tuple[float, float], rate: Tensor) -> Tensor:
    """Weight of a bit per pixel at rates in [0, 1]: geometric between the ends."""
    return ends[0] * (ends[1] / ends[0]) ** rate
