"""LPIPS v0.1 with SqueezeNet features (Zhang et al., CVPR 2018).

Not comparable with the LPIPS-Alex or LPIPS-VGG figures in papers.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .squeezenet import SqueezeFeatures
from .weights import Weights

# Added under the root, so that an all-zero feature vector has a zero gradient and not a NaN one.
_TINY = 1e-20


def weighted_sum(x: Tensor, weights: Tensor) -> Tensor:
    """`x [N, C, H, W]`, `weights [1, C, 1, 1]` -> `[N, 1, H, W]`, a sum over the channels.

    As a product of matrices its gradient lies in memory as `x` does; that of a convolution does
    not, and each product with it then takes 19 times as long.
    """
    if x.is_contiguous(memory_format=torch.channels_last):
        return (x.movedim(1, -1) @ weights.to(x.dtype).flatten()).unsqueeze(1)
    return F.conv2d(x, weights.to(x.dtype))


class LPIPS(nn.Module):
    """Perceptual distance of image pairs, 0 for equal images.

    `forward(x, y)`: float images [N, 3, H, W] in [0, 1]; returns N distances. Differentiable in
    both, so it serves as a training loss too. `embed` and `distance` split the work where one
    image is compared with many.
    """

    def __init__(self, weights: Weights | str | Path) -> None:
        """weights: loaded, or the path of a weights file.

        Raises:
            MetricUnavailable: what is wrong with the weights.
        """
        super().__init__()
        if not isinstance(weights, Weights):
            weights = Weights.from_file(weights)
        self.features = SqueezeFeatures(weights)
        self._taps = len(weights.lins)
        for index, lin in enumerate(weights.lins):
            self.register_buffer(f"lin{index}", lin)

    def embed(self, images: Tensor) -> list[Tensor]:
        """The seven feature maps of images in [0, 1], each scaled to unit length per position."""
        return [
            tap * torch.rsqrt(weighted_sum(tap * tap, torch.ones_like(tap[:1, :, :1, :1])) + _TINY)
            for tap in self.features(images)
        ]

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Distances [N] between two results of `embed`."""
        total = first[0].new_zeros(first[0].shape[0], dtype=torch.float32)
        for index in range(self._taps):
            difference = first[index] - second[index]
            weighted = weighted_sum(difference * difference, self.get_buffer(f"lin{index}"))
            total = total + weighted.float().mean(dim=(1, 2, 3))
        return total

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Images `[N, 3, H, W]` in [0, 1] -> N distances, from 0."""
        return self.distance(self.embed(x), self.embed(y))
