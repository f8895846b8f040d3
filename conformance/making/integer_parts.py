"""Small random models that draw pixels: each instruction, grid and kind of padding, any numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.making.packages import LayerPart, Parts, ProgramPart, SynthesisPart
from conformance.making.random_parts import Builder, with_prior
from conformance.reference.contracts import machine_of, synthesis_inputs
from conformance.reference.normative import parse
from conformance.reference.program_check import reach
from conformance.reference.programs import (
    ADD,
    CONCAT,
    CONV,
    DEPTH_TO_SPACE,
    LEAKY,
    MAX,
    MIN,
    PRODUCT,
    SPACE_TO_DEPTH,
)

WEIGHT_SPREAD = 73.0  # of even numbers from -128 to 127


def integer_parts(seed: int, width: int = 6) -> Parts:
    """A model of format 2 that `seed` gives; `width` channels lie between its layers."""
    rng = np.random.Generator(np.random.PCG64(seed))
    latent_stride = int(rng.choice([4, 8, 16]))
    latent_align = latent_stride * int(rng.choice([1, 2]))
    window = latent_align * int(rng.choice([2, 4]))
    parts = with_prior(rng, window, latent_stride, latent_align, range(9, 14))
    parts.format = 2
    parts.map_unit = int(rng.integers(0, 3))
    length = int(rng.integers(0, 4))
    possible = [i for i in range(6) if 2**i <= window]
    chosen = rng.choice(possible, int(rng.integers(0, 4)), replace=False)
    sample_bits = int(rng.integers(0, 8))
    reduced = [f for f in (2, 4, 8) if f <= latent_align and rng.integers(2)]
    noise_bits = sorted(chosen.tolist(), reverse=True)
    drawer = Drawer(rng, parts, width, length, noise_bits, sample_bits)
    programs = {f: drawer.program(f) for f in (1, *reduced)}
    parts.layers = drawer.layers
    parts.synthesis = SynthesisPart(
        latent_shift=int(rng.integers(0, 17)),
        latent_bound=int(rng.integers(500, 4096)),
        sample_bits=sample_bits,
        noise_mask=sum(1 << bit for bit in noise_bits),
        rate_vectors=rng.integers(-2000, 2000, (len(parts.rate_vectors), length)),
        programs=programs,
        reaches=dict.fromkeys(programs, 0),
    )
    parts.synthesis.reaches = true_reaches(parts)
    return parts


def true_reaches(parts: Parts) -> dict[int, int]:
    """§8.5, by the reference decoder, which is not asked to check them yet."""
    assert parts.synthesis is not None
    model = parse(parts.normative(), check_reach=False)
    assert model.synthesis is not None
    inputs = synthesis_inputs(model, model.synthesis)
    machine = machine_of(model)
    return {f: reach(each, machine, inputs) for f, each in model.synthesis.programs.items()}


@dataclass(frozen=True)
class Wire:
    """A register in the making: its number, its channels, its cell, and how far values spread."""

    register: int
    channels: int
    cell: int
    spread: float


class Drawer(Builder):
    """Builds the programs of a synthesis."""

    def __init__(
        self,
        rng: np.random.Generator,
        parts: Parts,
        width: int,
        rate_length: int,
        noise_bits: list[int],
        sample_bits: int,
    ) -> None:
        super().__init__(rng, parts.channels, parts.tokens_per_window * len(parts.levels), 1)
        self.layers = parts.layers
        self.stride, self.window = parts.latent_stride, parts.window
        self.width, self.sample_bits = width, sample_bits
        first = 2 + (rate_length > 0)
        self.latents = Wire(0, parts.channels, self.stride, 800)
        self.tokens = Wire(1, self.digits, self.window, 130)
        self.rates = [Wire(2, rate_length, self.stride, 1100)] if rate_length else []
        self.noise = [Wire(first + i, 1, 2**bit, 148) for i, bit in enumerate(noise_bits)]

    def program(self, f: int) -> ProgramPart:
        """The program whose output has cell `f`."""
        self.start(2 + len(self.rates) + len(self.noise))
        x = self.conv(self.latents, self.width, kernel=3)
        x = self.wire(LEAKY, [x], int(self.rng.integers(0, 32768)))
        x = self.join([x, self.at(self.tokens, self.stride), *self.rates])
        x = self.conv(x, self.width, kernel=3)
        x = self.wire(PRODUCT, [x, self.conv(x, self.width)], 9)
        x = self.wire(ADD, [x, self.conv(x, self.width, kernel=3, depthwise=True)])
        while True:
            here = [self.at(noise, x.cell) for noise in self.noise if self.belongs(noise, x, f)]
            x = self.conv(self.join([x, *here]), self.width, kernel=3)
            if x.cell <= f:
                break
            x = self.wire(MIN, [x], int(self.rng.integers(300, 1500)))
            x = self.wire(MAX, [x], -int(self.rng.integers(300, 1500)))
            x = self.at(x, x.cell // 2, self.width)
        if 2 * x.cell <= self.window:
            x = self.wire(ADD, [x, self.at(self.at(x, 2 * x.cell), x.cell, self.width)])
        picture = self.picture(self.at(x, f))
        return ProgramPart(self.inputs, self.instructions, [picture.register])

    def belongs(self, noise: Wire, x: Wire, f: int) -> bool:
        """Noise joins on its own grid, or on the nearest that the program has."""
        return x.cell == min(max(noise.cell, f), self.stride)

    def join(self, wires: list[Wire]) -> Wire:
        """Concatenate wires on one grid."""
        channels = sum(wire.channels for wire in wires)
        joined = self.wire(CONCAT, wires)
        return Wire(joined.register, channels, joined.cell, max(w.spread for w in wires))

    def at(self, a: Wire, cell: int, channels: int = 3) -> Wire:
        """`a` on the grid of another cell; on a finer one it has that many channels."""
        if a.cell > cell:
            f = a.cell // cell
            a = self.conv(a, channels * f**2)
            target = self.add(DEPTH_TO_SPACE, [a.register], f)
            return Wire(target, a.channels // f**2, cell, a.spread)
        if a.cell < cell:
            f = cell // a.cell
            target = self.add(SPACE_TO_DEPTH, [a.register], f)
            return Wire(target, a.channels * f**2, cell, a.spread)
        return a

    def conv(self, a: Wire, outputs: int, kernel: int = 1, depthwise: bool = False) -> Wire:
        """A layer whose results mostly stay within its range, and sometimes reach its ends."""
        low, high = -int(self.rng.integers(400, 2048)), int(self.rng.integers(400, 2048))
        return self.layer(a, outputs, kernel, depthwise, (low, high), 0, 0.6 * high)

    def picture(self, a: Wire) -> Wire:
        """Three channels of samples that spread about the middle of their range."""
        middle = 128 << self.sample_bits
        ends = (-middle, min(3 * middle, 32767))
        return self.layer(a, 3, 3, False, ends, middle, 0.5 * middle)

    def layer(
        self,
        a: Wire,
        outputs: int,
        kernel: int,
        depthwise: bool,
        ends: tuple[int, int],
        middle: int,
        spread: float,
    ) -> Wire:
        """A CONV; sums that spread as `a` does are scaled to `spread` around `middle`."""
        inputs = 1 if depthwise else a.channels
        shape = (outputs, kernel, kernel) if depthwise else (outputs, inputs, kernel, kernel)
        gain = spread / (np.sqrt(inputs * kernel**2) * WEIGHT_SPREAD * a.spread)
        shift = self.rng.integers(20, 41, outputs)
        bias = self.rng.integers(-(2**12), 2**12, outputs) + round(middle / gain)
        self.layers.append(
            LayerPart(
                weight=self.rng.integers(-128, 128, shape),
                bias=bias,
                multiplier=np.minimum(np.floor(gain * 2.0**shift), 2**31 - 1).astype(np.int64),
                shift=shift,
                edge_padding=bool(self.rng.integers(4)),  # mostly
                low=ends[0],
                high=ends[1],
            )
        )
        target = self.add(CONV, [a.register], len(self.layers) - 1)
        return Wire(target, outputs, a.cell, spread)

    def wire(self, number: int, sources: list[Wire], first: int = 0) -> Wire:
        """Add an instruction that keeps channels, cell and spread of its first source."""
        target = self.add(number, [source.register for source in sources], first)
        a = sources[0]
        return Wire(target, a.channels, a.cell, a.spread)
