"""SqueezeNet 1.1 features: the network under LPIPS and under the Frechet distance on patches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .weights import MetricUnavailable, Weights

# Squeeze and expand widths of the fire modules, by their place in torchvision's `features`.
_FIRES = {
    3: (16, 64),
    4: (16, 64),
    6: (32, 128),
    7: (32, 128),
    9: (48, 192),
    10: (48, 192),
    11: (64, 256),
    12: (64, 256),
}
_POOLS = (2, 5, 8)
# The layers whose outputs LPIPS compares.
_TAPS = (1, 4, 7, 9, 10, 11, 12)
# Input scaling of LPIPS v0.1, for samples in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class Fire(nn.Module):
    """Squeeze to few channels, expand by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [N, C, H, W]` -> `[N, C', H, W]`."""
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1))


class SqueezeFeatures(nn.Module):
    """The convolutional part of SqueezeNet 1.1 with its seven LPIPS taps, frozen.

    `forward` takes float images [N, 3, H, W] in [0, 1] (H, W >= 17) and returns the seven tap
    outputs, finest first. Differentiable in the images.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, weights: Weights) -> None:
        """weights: arrays by their names.

        Raises:
            MetricUnavailable: one is missing or misshapen.
        """
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, stride=2), nn.ReLU()]
        width = 64
        for index in range(2, 13):
            if index in _POOLS:
                layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            else:
                squeezed, expanded = _FIRES[index]
                layers.append(Fire(width, squeezed, expanded))
                width = 2 * expanded
        self.layers = nn.Sequential(*layers)
        try:
            self.layers.load_state_dict(weights.features)
        except RuntimeError as error:
            raise MetricUnavailable(
                f"{weights.source} does not hold SqueezeNet 1.1 features: {error}"
            ) from None
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images `[N, 3, H, W]` in [0, 1] -> the outputs of the seven taps, finest first."""
        x = (2.0 * images - 1.0 - self.shift) / self.scale
        taps = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in _TAPS:
                taps.append(x)
        return taps
