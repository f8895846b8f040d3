"""The float prior as integer programs (BITSTREAM.md, integer network; architecture.md 3.1).

Units of registers (see :mod:`.integer_layers`) are chosen here from activations seen on calibration data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..networks.model import DLF
from ..networks.prior import LEAKY_SLOPE, STEP_MIN, DetailPrior
from ..package.programs import ConvLayer, Program
from .integer_layers import Array, LayerBuilder, as_array, unit_for

LATENT_FRACTION = 8
"""Fraction bits of means and of y_hat: a range of +-128 quantisation steps."""
SCALE_FRACTION = 8
"""Fraction bits of the predicted log2 scale."""
TOKEN_UNIT = 64
"""The decoder hands a digit of L levels to the program as ``(2 * digit - (L - 1)) * TOKEN_UNIT``."""


@dataclass
class IntegerPrior:
    """What the normative part needs to know of the prior."""

    layers: list[ConvLayer]
    programs: tuple[Program, Program, Program, Program]
    rate_vectors: NDArray[np.int16]
    step_fraction: int


class ActivationPeaks:
    """Largest magnitudes of the prior's activations over calibration batches, by module name."""

    NAMES = (
        "token_expand",
        "init_in",
        "init_mix",
        "init_out",
        "spatial_in",
        "spatial_mix",
        "adaptors",
    )

    def __init__(self, prior: DetailPrior) -> None:
        self.peaks: dict[str, Array] = {}
        self.handles = []
        for name in self.NAMES:
            part = getattr(prior, name)
            for module in part if isinstance(part, nn.ModuleList) else [part]:
                self.handles.append(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            peak = output.detach().abs().amax(dim=(0, 2, 3)).double().numpy()
            self.peaks[name] = np.maximum(self.peaks.get(name, 0.0), peak)

        return hook

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def largest(self, *names: str) -> float:
        return float(max(self.peaks[name].max() for name in names))


def quantise_prior(network: DLF, peaks: ActivationPeaks) -> IntegerPrior:
    """Turn the float prior into layers and programs, instruction by instruction as in :class:`DetailPrior`."""
    prior, config = network.prior, network.config
    c, width = config.latent_channels, config.prior_width
    slope = round(LEAKY_SLOPE * 32768)
    build = LayerBuilder()
    same = np.ones
    latent_unit, scale_unit = 2.0**-LATENT_FRACTION, 2.0**-SCALE_FRACTION
    step_fraction = int(
        min(14, np.floor(np.log2(32767 / (1.25 * peaks.peaks["init_out"][:c].max()))))
    )

    points = torch.linspace(0, 1, config.rate_points)
    rates = as_array(prior.rate_vectors(points)[:, :, 0, 0])
    rate_unit = 2.0 ** -min(14, int(np.floor(np.log2(32767 / np.abs(rates).max()))))
    rate_vectors = np.round(rates / rate_unit).astype(np.int16)

    # init: token values enter as (2 digit - (L-1)) * TOKEN_UNIT; the network sees (digit - floor) / floor.
    levels = np.array(list(config.token_levels) * config.tokens_per_window, dtype=np.float64)
    floor = levels // 2
    token_unit = 1 / (2 * TOKEN_UNIT * floor)
    token_offset = ((levels - 1) / 2 - floor) / floor
    expand = prior.token_expand
    assert expand.bias is not None
    weight, bias = as_array(expand.weight), as_array(expand.bias)
    bias = bias + weight[:, :, 0, 0] @ token_offset
    tokens_unit = unit_for(peaks.largest("token_expand"))
    init = Program(inputs=2)
    r = init.conv(1, build.layer(weight, bias, token_unit, same(weight.shape[0]) * tokens_unit))
    tokens = init.leaky(init.depth_to_space(r, prior.cells), slope)
    units = np.concatenate(
        [same(config.prior_rate_width) * rate_unit, same(config.prior_token_width) * tokens_unit]
    )
    in_unit = same(width) * unit_for(peaks.largest("init_in"))
    r = init.leaky(
        init.conv(init.concat(0, tokens), build.conv(prior.init_in, units, in_unit)), slope
    )
    mix_unit = same(width) * unit_for(peaks.largest("init_mix"))
    r = init.leaky(init.conv(r, build.conv(prior.init_mix, in_unit, mix_unit)), slope)
    context_unit = unit_for(float(peaks.peaks["init_out"][3 * c :].max()))
    parts = [
        same(c) * 2.0**-step_fraction,
        same(c) * scale_unit,
        same(c) * latent_unit,
        same(width) * context_unit,
    ]
    r = init.conv(r, build.conv(prior.init_out, mix_unit, np.concatenate(parts)))
    step = init.maximum(init.slice(r, 0, c), round(STEP_MIN * 2**step_fraction))
    init.outputs = (step, init.slice(r, c, c), init.slice(r, 2 * c, c), init.slice(r, 3 * c, width))

    # steps: one adaptor each, then shared layers.
    joint = np.concatenate([same(c) * latent_unit, same(width) * context_unit])
    sum_unit = same(width) * unit_for(peaks.largest("adaptors") + peaks.largest("spatial_mix"))
    hidden_unit = same(width) * unit_for(peaks.largest("spatial_in"))
    out_unit = np.concatenate([same(c) * scale_unit, same(c) * latent_unit])
    spatial_in = build.conv(prior.spatial_in, sum_unit, hidden_unit)
    spatial_mix = build.conv(prior.spatial_mix, hidden_unit, sum_unit)
    spatial_out = build.conv(prior.spatial_out, sum_unit, out_unit)
    steps = []
    for adaptor in prior.adaptors:
        program = Program(inputs=2)
        x = program.leaky(
            program.conv(program.concat(0, 1), build.conv(adaptor, joint, sum_unit)), slope
        )
        y = program.leaky(program.conv(x, spatial_in), slope)
        x = program.leaky(program.add(x, program.conv(y, spatial_mix)), slope)
        r = program.conv(x, spatial_out)
        program.outputs = (program.slice(r, 0, c), program.slice(r, c, c))
        steps.append(program)
    return IntegerPrior(
        build.layers, (init, steps[0], steps[1], steps[2]), rate_vectors, step_fraction
    )
