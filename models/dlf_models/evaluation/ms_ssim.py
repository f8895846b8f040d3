"""Multi-scale structural similarity, to measure with and to train with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli, Bovik, 2003
_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
_LARGEST_PRODUCT = 256
"""Up to this side pictures are blurred by matrix products: in training the whole term takes a
seventh of the time so.
"""


def smallest_side(scales: int) -> int:
    """Pictures with a shorter side lack room for the window at the coarsest of so many scales."""
    return ((_WINDOW - 1) << (scales - 1)) + 1


def _blur(x: Tensor, window: Tensor) -> Tensor:
    """Separable Gaussian, each channel for itself, only where the window fits (no padding)."""
    if max(x.shape[-2:]) <= _LARGEST_PRODUCT:
        rows, columns = (_banded(window, side) for side in x.shape[-2:])
        return rows @ x @ columns.T
    channels = x.shape[1]
    vertical = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    horizontal = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(x, vertical, groups=channels), horizontal, groups=channels)


def _banded(window: Tensor, side: int) -> Tensor:
    """The convolution with `window` as a matrix `[side - len(window) + 1, side]`."""
    count = side - len(window) + 1
    padded = torch.cat([window, window.new_zeros(count)])
    return padded.repeat(count)[: count * side].view(count, side)


def ms_ssim(
    x: Tensor, y: Tensor, scales: int = len(SCALE_WEIGHTS), smallest: float = 0.0
) -> Tensor:
    """MS-SSIM of RGB images, as learned codecs report it: per channel, then the mean.

    x, y: float [N, 3, H, W] in [0, 1]. With fewer than five `scales` the finest are used, with the
    weights that they have among five. `smallest`: floor of each scale's term; above 0 where
    gradients are needed, for a power has none at 0. Returns [N].

    Raises:
        ValueError: the pictures are too small.
    """
    if min(x.shape[-2:]) < smallest_side(scales):
        raise ValueError(f"MS-SSIM at {scales} scales needs {smallest_side(scales)} pixels a side")
    offsets = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    window = window / window.sum()
    c1, c2 = _K1**2, _K2**2
    result = x.new_ones(x.shape[:2])
    for scale, weight in enumerate(SCALE_WEIGHTS[:scales]):
        if scale > 0:  # halve; an odd side is padded with a zero row or column on both ends
            padding = [side % 2 for side in x.shape[-2:]]
            x, y = (F.avg_pool2d(image, 2, padding=padding) for image in (x, y))
        mean_x, mean_y = _blur(x, window), _blur(y, window)
        variance_x = _blur(x * x, window) - mean_x.square()
        variance_y = _blur(y * y, window) - mean_y.square()
        covariance = _blur(x * y, window) - mean_x * mean_y
        term = (2 * covariance + c2) / (variance_x + variance_y + c2)
        if scale == scales - 1:
            luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
            term = term * luminance
        result = result * term.mean(dim=(2, 3)).clamp(min=smallest) ** weight
    return result.mean(dim=1)
