"""The paper's float prior as integer programs.

See BITSTREAM.md, integer network, and architecture.md 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..common.prior import STEP_MIN
from ..package.programs import ConvLayer, Program
from .bottleneck import DepthConvBlock4, DetailBottleneck
from .integer_layers import HEADROOM, Array, FineConv, LayerBuilder, as_array, unit_for

MEAN_FRACTION = 8
"""Fraction bits of means and of y_hat: a range of +-128 quantisation steps."""
LINEAR_SCALE_FRACTION = 9
"""Fraction bits of the predicted scale: the published prior predicts it directly, 64 at most."""
SLOPE_WIDE, SLOPE_NARROW = round(0.1 * 32768), round(0.01 * 32768)


@dataclass
class IntegerPrior:
    """What the normative part needs to know of the prior."""

    layers: list[ConvLayer]
    programs: tuple[Program, Program, Program, Program]
    rate_vectors: NDArray[np.int16]
    step_fraction: int


class BlockPeaks:
    """Largest magnitude that every part of the prior has given out, over all calibration runs."""

    def __init__(self, prior: DetailBottleneck) -> None:
        self._peaks: dict[nn.Module, float] = {}
        watched = [prior.y_prior_fusion, prior.y_spatial_prior, prior.y_spatial_prior_reduction]
        watched += [prior.y_spatial_prior_adaptor_1, prior.y_spatial_prior_adaptor_2]
        watched += [prior.y_spatial_prior_adaptor_3]
        self._handles = [
            module.register_forward_hook(self._hook)
            for part in watched
            for module in part.modules()
        ]

    def _hook(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self._peaks[module] = max(self._peaks.get(module, 0.0), float(output.abs().max()))

    def remove(self) -> None:
        """Watch no longer; the peaks stay."""
        for handle in self._handles:
            handle.remove()

    def largest(self, modules: Iterable[nn.Module]) -> float:
        """Return the largest magnitude that any of these modules has given out."""
        return max(self._peaks[module] for module in modules)


def _residual_parts(block: DepthConvBlock4) -> list[nn.Module]:
    """The parts whose outputs are added to each other, and the sums: they must share one unit."""
    depth, feed = block.block[0], block.block[1]
    assert isinstance(depth.conv2, nn.Module) and isinstance(feed.conv_out, nn.Module)
    parts: list[nn.Module] = [depth, depth.conv2, feed, feed.conv_out]
    return parts + ([depth.adaptor] if isinstance(depth.adaptor, nn.Module) else [])


@dataclass
class _BlockLayers:
    """Layers of one `DepthConvBlock4`, quantised once however many programs use it."""

    conv1: FineConv
    depth_conv: FineConv
    conv2: FineConv
    adaptor: FineConv | None
    conv: FineConv
    conv_out: FineConv
    hidden: int

    def emit(self, program: Program, x: int) -> int:
        """Add the block to the program, from register `x`; return the register of its result."""
        y = program.leaky(self.conv1.emit(program, x), SLOPE_NARROW)
        y = self.conv2.emit(program, self.depth_conv.emit(program, y))
        x = program.add(y, x if self.adaptor is None else self.adaptor.emit(program, x))
        wide = self.conv.emit(program, x)
        a = program.leaky(program.slice(wide, 0, self.hidden), SLOPE_WIDE)
        b = program.leaky(program.slice(wide, self.hidden, self.hidden), SLOPE_NARROW)
        return program.add(x, self.conv_out.emit(program, program.add(a, b)))


def _block_layers(
    build: LayerBuilder, peaks: BlockPeaks, block: Any, unit_in: Array, unit_out: Array
) -> _BlockLayers:
    """Quantise a block whose input and output have the given units."""
    depth, feed = block.block[0], block.block[1]
    unit_1 = np.full(depth.conv1[0].out_channels, unit_for(peaks.largest([depth.conv1[0]])))
    unit_d = np.full(depth.depth_conv.out_channels, unit_for(peaks.largest([depth.depth_conv])))
    # The two halves are added after their leaks, so the sum needs room for both.
    unit_w = np.full(feed.conv.out_channels, unit_for(2 * peaks.largest([feed.conv])))
    hidden = feed.conv.out_channels // 2
    adaptor = depth.adaptor
    return _BlockLayers(
        conv1=build.fine_conv(depth.conv1[0], unit_in, unit_1),
        depth_conv=build.fine_conv(depth.depth_conv, unit_1, unit_d),
        conv2=build.fine_conv(depth.conv2, unit_d, unit_out),
        adaptor=None if adaptor is None else build.fine_conv(adaptor, unit_in, unit_out),
        conv=build.fine_conv(feed.conv, unit_out, unit_w),
        conv_out=build.fine_conv(feed.conv_out, unit_w[:hidden], unit_out),
        hidden=hidden,
    )


def _units(*parts: tuple[int, float]) -> Array:
    """Units of concatenated channels: (channels, unit) each."""
    return np.concatenate([np.full(count, unit) for count, unit in parts])


def quantise_prior(prior: DetailBottleneck, peaks: BlockPeaks) -> IntegerPrior:
    """The float prior as layers and programs, in the order of `DetailBottleneck`."""
    c = prior.channels
    build = LayerBuilder()
    latent, scale = 2.0**-MEAN_FRACTION, 2.0**-LINEAR_SCALE_FRACTION

    vector = as_array(prior.factorized_prior_vec).reshape(1, c)
    rate_unit = unit_for(float(np.abs(vector).max()) / HEADROOM)
    rate_vectors = np.round(vector / rate_unit).astype(np.int16)

    # init: rate vector -> (step, scale, mean) and the context of the later quarters.
    fusion: Sequence[Any] = list(prior.y_prior_fusion)
    init = Program(inputs=1)
    register, unit = 0, np.full(c, rate_unit)
    for block in fusion:
        parts = _residual_parts(block)
        unit_out = np.full(block.block[1].conv_out.out_channels, unit_for(peaks.largest(parts)))
        register = _block_layers(build, peaks, block, unit, unit_out).emit(init, register)
        unit = unit_out
    reduction = prior.y_spatial_prior_reduction
    context = unit_for(peaks.largest([reduction]))
    to_context = build.fine_conv(reduction, unit, np.full(c, context))
    context_register = to_context.emit(init, register)
    step_unit = unit_for(peaks.largest(_residual_parts(fusion[-1])))
    outputs = init.conv(
        register, build.rescale(unit, _units((c, step_unit), (c, scale), (c, latent)))
    )
    smallest = round(STEP_MIN / step_unit)
    step = init.maximum(init.slice(outputs, 0, c), smallest)
    init.outputs = (
        step,
        init.slice(outputs, c, c),
        init.slice(outputs, 2 * c, c),
        context_register,
    )

    # Later quarters: an adaptor each, then shared blocks; one chain of residuals from the input on.
    adaptors: Sequence[Any] = [
        prior.y_spatial_prior_adaptor_1,
        prior.y_spatial_prior_adaptor_2,
        prior.y_spatial_prior_adaptor_3,
    ]
    shared: Sequence[Any] = list(prior.y_spatial_prior)
    chain = [part for block in [*adaptors, *shared] for part in _residual_parts(block)]
    unit = np.full(2 * c, unit_for(peaks.largest(chain)))
    enter = build.rescale(_units((c, latent), (c, context)), unit)
    spatial = [_block_layers(build, peaks, block, unit, unit) for block in shared]
    leave = build.rescale(unit, _units((c, scale), (c, latent)))
    quarters = []
    for adaptor in adaptors:
        program = Program(inputs=2)
        register = program.conv(program.concat(0, 1), enter)
        register = _block_layers(build, peaks, adaptor, unit, unit).emit(program, register)
        for layers in spatial:
            register = layers.emit(program, register)
        register = program.conv(register, leave)
        program.outputs = (program.slice(register, 0, c), program.slice(register, c, c))
        quarters.append(program)
    return IntegerPrior(
        layers=build.layers,
        programs=(init, quarters[0], quarters[1], quarters[2]),
        rate_vectors=rate_vectors,
        step_fraction=round(-np.log2(step_unit)),
    )
