"""Runs the integer programs of a package in NumPy, as the encoder does, to tell what files will
cost.

For reports and self-checks of an export only: files are coded by the C++ core, and the independent
reference decoder of the conformance suite shares nothing with this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..networks.prior import QUADTREE_XOR
from ..package.programs import ConvLayer, Op, Program
from ..package.tables import FrequencyTable
from ..package.torchscript import NormativePart

Int = NDArray[np.int64]
LEAKY_ROUND = 1 << 14


def _saturate(x: Int) -> Int:
    return np.clip(x, -32768, 32767)


def _convolve(layer: ConvLayer, x: Int) -> Int:
    """One layer on ``[in, h, w]``; float64 holds every accumulator exactly (they fit int32)."""
    weight = layer.weight.astype(np.float64)
    if layer.kernel == 1 and not layer.depthwise:
        sums = np.tensordot(weight[:, :, 0, 0], x.astype(np.float64), axes=1)
    else:
        source = torch.from_numpy(x.astype(np.float64)).unsqueeze(0)
        groups = layer.in_channels if layer.depthwise else 1
        kernel = torch.from_numpy(weight)
        sums = F.conv2d(source, kernel, padding=layer.kernel // 2, groups=groups)[0].numpy()
    shape = (-1, 1, 1)
    total = sums.astype(np.int64) + layer.bias.astype(np.int64).reshape(shape)
    shift = layer.shift.astype(np.int64).reshape(shape)
    half = np.int64(1) << (shift - 1)
    return _saturate((total * layer.multiplier.astype(np.int64).reshape(shape) + half) >> shift)


def _depth_to_space(x: Int, factor: int, height: int, width: int) -> Int:
    c, h, w = x.shape
    y = x.reshape(c // factor**2, factor, factor, h, w).transpose(0, 3, 1, 4, 2)
    return y.reshape(c // factor**2, h * factor, w * factor)[:, :height, :width]


def run_program(
    program: Program, layers: list[ConvLayer], inputs: list[Int], height: int, width: int
) -> list[Int]:
    """Outputs of a program on the latent grid ``height x width``; all values are int16 in int64."""
    registers: dict[int, Int] = dict(enumerate(inputs))
    for step in program.instructions:
        sources = [registers[s] for s in step.sources]
        x = sources[0]
        if step.op == Op.CONV:
            y = _convolve(layers[step.arg0], x)
        elif step.op == Op.LEAKY:
            y = np.where(x >= 0, x, (x * step.arg0 + LEAKY_ROUND) >> 15)
        elif step.op == Op.ADD:
            y = _saturate(x + sources[1])
        elif step.op == Op.CONCAT:
            y = np.concatenate(sources)
        elif step.op == Op.SLICE:
            y = x[step.arg0 : step.arg0 + step.arg1]
        elif step.op == Op.DEPTH_TO_SPACE:
            y = _depth_to_space(x, step.arg0, height, width)
        else:
            y = np.maximum(x, step.arg0)
        registers[step.target] = y
    return [registers[r] for r in program.outputs]


@dataclass
class Simulation:
    """What an encoder would write for one latent: all ``[C, h, w]``, and the ideal length in bits."""

    symbols: Int
    scale_index: Int
    latent: NDArray[np.float64]
    bits: float


def table_bits(tables: list[FrequencyTable], symbols: Int, indexes: Int) -> float:
    """Ideal code length of symbols under the tables of their indexes (-1: not coded), escapes too."""
    total = 0.0
    for index in np.unique(indexes[indexes >= 0]):
        table = tables[index]
        bits = 16.0 - np.log2(table.frequencies)
        entry = symbols[indexes == index] - table.first
        last = table.frequencies.size - 1
        inside = (entry >= 0) & (entry < last)
        total += float(bits[entry[inside]].sum())
        outside = entry[~inside]
        code = np.where(outside < 0, -2 * outside - 1, 2 * (outside - last))
        total += float((bits[last] + 2 * np.floor(np.log2(code + 1)) + 1).sum())
    return total


def simulate(
    normative: NormativePart, y: NDArray[np.float32], rate: int, token_values: Int | None = None
) -> Simulation:
    """Code the latent ``y [C, h, w]`` at a rate point with the integer prior."""
    channels, height, width = y.shape
    vector = normative.rate_vectors[rate].astype(np.int64)
    inputs = [np.broadcast_to(vector[:, None, None], (vector.size, height, width))]
    if normative.programs[0].inputs == 2:
        assert token_values is not None
        inputs.append(token_values)
    init = run_program(normative.programs[0], normative.layers, inputs, height, width)
    step, scale, mean, context = init
    target = y.astype(np.float64) / (step * 2.0**-normative.step_fraction)
    unit = 2.0**normative.latent_fraction
    parity = (np.arange(height)[:, None] & 1) * 2 + (np.arange(width)[None, :] & 1)
    group = np.arange(channels)[:, None, None] // (channels // 4)
    y_hat, symbols = np.zeros(y.shape, np.int64), np.zeros(y.shape, np.int64)
    indexes = np.full(y.shape, -1, np.int64)
    for k, xor in enumerate(QUADTREE_XOR):
        if k > 0:
            inputs = [y_hat, context]
            scale, mean = run_program(
                normative.programs[k], normative.layers, inputs, height, width
            )
        mask = (parity ^ xor)[None] == group
        index = np.searchsorted(normative.thresholds, scale, side="right") - 1
        symbol = np.where(index >= 0, np.rint(target - mean / unit), 0).astype(np.int64)
        value = _saturate(symbol * int(unit) + mean)
        y_hat, symbols = np.where(mask, value, y_hat), np.where(mask, symbol, symbols)
        indexes = np.where(mask, index, indexes)
    latent = np.ldexp(y_hat * step, -(normative.latent_fraction + normative.step_fraction))
    return Simulation(
        symbols, indexes, latent, table_bits(normative.scale_tables, symbols, indexes)
    )
