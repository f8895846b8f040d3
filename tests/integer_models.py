"""A small random integer package that also encodes: for tests of the encoder's options."""

from __future__ import annotations

import dataclasses

import numpy as np
from dlf.specification import ENCODER_MEMBER
from dlf_models.package.integer import BoundedLayer, Encoder
from dlf_models.package.programs import ConvLayer, Instruction, Op, Program

from conformance.making.integer_parts import integer_parts
from conformance.making.packages import Parts, package

SEED = 36  # windows of 16, positions of 8 pixels, 12 rate points, maps in steps of one


def encoding_package(importance: bool = False, maps: bool = True) -> bytes:
    """The package; with `importance` it finds what is bright, without `maps` it has none."""
    parts = integer_parts(SEED)
    parts.map_unit = parts.map_unit if maps else 0
    members = {**parts.members, ENCODER_MEMBER: _encoder(parts, importance).to_bytes()}
    parts = dataclasses.replace(parts, members=members)
    return package(parts.normative(), parts.members)


def _encoder(parts: Parts, importance: bool) -> Encoder:
    rng = np.random.Generator(np.random.PCG64(SEED))
    stride, channels = parts.latent_stride, parts.channels
    digits = parts.tokens_per_window * len(parts.levels)
    factor = parts.window // stride
    samples = 3 * stride**2
    layers = [
        _layer(rng.integers(-20, 21, (channels, samples)), 10, 1500),
        _layer(rng.integers(-20, 21, (digits, channels * factor**2)), 7, 600),
        _layer(rng.integers(-60, 61, (channels, channels)), 6, 1500),
        _layer(np.ones((1, samples)), 11, 200),  # white gives 191, beyond the 127 that counts
    ]
    analysis = Program(inputs=1, registers=6)
    analysis.instructions = [
        Instruction(Op.SPACE_TO_DEPTH, 1, (0,), stride),
        Instruction(Op.CONV, 2, (1,), 0),
        Instruction(Op.SPACE_TO_DEPTH, 3, (2,), factor),
        Instruction(Op.CONV, 4, (3,), 1),
        Instruction(Op.LEAKY, 5, (1,), 32767),
    ]
    analysis.outputs = (4, 2, 5) if importance else (4, 2)
    if not importance:
        analysis.instructions.pop()
        analysis.registers = 5
    bottleneck = Program(inputs=1, registers=2, outputs=(1,))
    bottleneck.instructions = [Instruction(Op.CONV, 1, (0,), 2)]
    bright = Program(inputs=1, registers=2, outputs=(1,))
    bright.instructions = [Instruction(Op.CONV, 1, (0,), 3)]
    return Encoder(
        thresholds=[
            np.linspace(-300, 300, levels + 1)[1:-1].astype(np.int16) for levels in parts.levels
        ],
        y_fraction=8,
        rates=np.zeros((len(parts.rate_vectors), 0), np.int16),
        layers=layers if importance else layers[:3],
        analysis=analysis,
        bottleneck=bottleneck,
        importance=bright if importance else None,
    )


def _layer(weight: np.ndarray, shift: int, bound: int) -> BoundedLayer:
    """A 1x1 layer that divides its sums by 2^shift."""
    outputs = weight.shape[0]
    layer = ConvLayer(
        weight=weight.astype(np.int8)[:, :, None, None],
        bias=np.zeros(outputs, np.int32),
        multiplier=np.ones(outputs, np.int32),
        shift=np.full(outputs, shift, np.uint8),
    )
    return BoundedLayer(layer, -bound, bound)
