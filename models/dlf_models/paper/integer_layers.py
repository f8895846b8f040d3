"""Float convolutions as integer layers (BITSTREAM.md, integer network; architecture.md 3.1).

A register holds int16 values; its *unit* is the real number that 1 stands for, one per channel.
Units never reach the decoder: a convolution's fixed-point multiplier takes its inputs from their
units to those of its output. Weights are int8 with one scale per output channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..package.programs import ConvLayer, Program, fixed_point

HEADROOM = 2.0
"""A register's range over the largest calibrated activation."""
ACCUMULATOR_LIMIT = 2**31 - 1
Array = NDArray[np.float64]


def as_array(tensor: Tensor) -> Array:
    """A parameter as float64."""
    return tensor.detach().double().numpy()


def unit_for(peak: float, largest_fraction: int = 14) -> float:
    """Power of two such that `HEADROOM * peak` still fits int16."""
    fraction = int(np.floor(np.log2(32767 / max(HEADROOM * peak, 1e-6))))
    return 2.0 ** -min(fraction, largest_fraction)


@dataclass(frozen=True)
class FineConv:
    """Indexes of two layers whose outputs are added (see `LayerBuilder.fine_conv`)."""

    coarse: int
    fine: int

    def emit(self, program: Program, source: int) -> int:
        """Add both layers and their sum to the program; return the register of the sum."""
        return program.add(program.conv(source, self.coarse), program.conv(source, self.fine))


@dataclass
class LayerBuilder:
    """Collects quantised layers; programs share them by index."""

    layers: list[ConvLayer] = field(default_factory=list)

    def layer(
        self, weight: Array, bias: Array, unit_in: Array, unit_out: Array, depthwise: bool = False
    ) -> int:
        """Quantise one convolution between the given units per channel; returns its index.

        `weight` is `[out, in, k, k]`, or `[channels, 1, k, k]` when `depthwise`.
        """
        real = weight * (unit_in[:, None] if depthwise else unit_in[None, :])[:, :, None, None]
        peak = np.abs(real).reshape(real.shape[0], -1).max(axis=1)
        scale = np.maximum(peak, 1e-12) / 127
        while True:
            integer = np.round(real / scale[:, None, None, None])
            offset = np.round(bias / scale)
            sums = np.abs(integer).reshape(real.shape[0], -1).sum(axis=1)
            over = np.abs(offset) + 32768 * sums > ACCUMULATOR_LIMIT
            if not over.any():
                break
            scale = np.where(over, scale * 1.05, scale)
        pairs = [fixed_point(float(s / u)) for s, u in zip(scale, unit_out, strict=True)]
        self.layers.append(
            ConvLayer(
                integer.astype(np.int8),
                offset.astype(np.int32),
                np.array([p[0] for p in pairs], dtype=np.int32),
                np.array([p[1] for p in pairs], dtype=np.uint8),
                depthwise,
            )
        )
        return len(self.layers) - 1

    def conv(self, conv: nn.Module, unit_in: Array, unit_out: Array) -> int:
        """`layer` of a PyTorch convolution."""
        assert isinstance(conv, nn.Conv2d) and conv.bias is not None
        depthwise = conv.groups > 1
        return self.layer(as_array(conv.weight), as_array(conv.bias), unit_in, unit_out, depthwise)

    def fine_conv(self, conv: nn.Module, unit_in: Array, unit_out: Array) -> FineConv:
        """A convolution with weights of 15 bits: two layers, the second with what the first lost.

        For deep priors that were not trained with int8 weights; costs twice the arithmetic.
        """
        coarse = self.conv(conv, unit_in, unit_out)
        assert isinstance(conv, nn.Conv2d)
        layer = self.layers[coarse]
        scale = layer.multiplier * 0.5 ** layer.shift.astype(np.float64) * unit_out
        inputs = (unit_in[:, None] if layer.depthwise else unit_in[None, :])[:, :, None, None]
        rest = as_array(conv.weight) - layer.weight * scale[:, None, None, None] / inputs
        nothing = np.zeros(layer.out_channels)
        return FineConv(coarse, self.layer(rest, nothing, unit_in, unit_out, layer.depthwise))

    def rescale(self, unit_in: Array, unit_out: Array) -> int:
        """A layer that only changes units, channel by channel."""
        ones, zeros = np.ones((unit_in.size, 1, 1, 1)), np.zeros(unit_in.size)
        return self.layer(ones, zeros, unit_in, unit_out, depthwise=True)
