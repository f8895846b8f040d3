"""Random models within the rules of Annex A: many small shapes, all instructions, any numbers."""

from __future__ import annotations

import numpy as np

from conformance.making.packages import Ints, LayerPart, Parts, ProgramPart
from conformance.reference.programs import ADD, CONCAT, CONV, DEPTH_TO_SPACE, LEAKY, MAX, SLICE

TOTAL = 65536


def random_parts(seed: int) -> Parts:
    """A model with the shape and the numbers that `seed` gives."""
    rng = np.random.Generator(np.random.PCG64(seed))
    latent_stride = int(rng.choice([1, 4, 8]))
    latent_align = latent_stride * int(rng.integers(1, 4))
    window = latent_align * int(rng.integers(1, 4))
    return with_prior(rng, window, latent_stride, latent_align, range(1, 4))


def with_prior(
    rng: np.random.Generator, window: int, latent_stride: int, latent_align: int, rates: range
) -> Parts:
    """Tables, rate vectors of one of so many rate points, layers and the programs of the prior."""
    tokens_per_window, banks = int(rng.integers(1, 4)), int(rng.choice([1, 2, 5]))
    levels = [int(rng.integers(2, 7)) for _ in range(rng.integers(1, 4))]
    context = int(rng.integers(2))
    tables, numbers = token_tables(rng, levels, banks)
    channels = 4 * int(rng.integers(1, 4))
    scales = int(rng.integers(0, 9))
    thresholds = sorted(rng.choice(np.arange(-900, 901), scales, replace=False).tolist())
    builder = Builder(rng, channels, tokens_per_window * len(levels), window // latent_stride)
    rate_length = int(rng.integers(1, 7))
    programs = builder.programs(rate_length)
    sides = [(level + 1) ** 2 if context else 1 for level in levels]
    return Parts(
        window=window,
        tokens_per_window=tokens_per_window,
        levels=levels,
        token_context=context,
        banks=banks,
        latent_stride=latent_stride,
        latent_align=latent_align,
        channels=channels,
        mean_fraction=int(rng.integers(0, 15)),
        step_fraction=int(rng.integers(0, 15)),
        token_tables=tables,
        token_map=[
            int(rng.choice(numbers[level]))
            for _ in range(banks * tokens_per_window)
            for level, side in zip(levels, sides, strict=True)
            for _ in range(side)
        ],
        thresholds=thresholds,
        scale_tables=[scale_table(rng) for _ in range(scales)],
        rate_vectors=rng.integers(
            -32768, 32768, (int(rng.integers(rates.start, rates.stop)), rate_length)
        ),
        layers=builder.layers,
        programs=programs,
    )


def frequencies(rng: np.random.Generator, count: int) -> list[int]:
    """A table of `count` entries, from even to very uneven."""
    weights = rng.exponential(size=count) ** rng.choice([0.2, 1, 4])
    table = 1 + np.floor(weights / weights.sum() * (TOTAL - count)).astype(np.int64)
    table[rng.integers(count)] += TOTAL - table.sum()
    return [int(frequency) for frequency in table]


def token_tables(
    rng: np.random.Generator, levels: list[int], banks: int
) -> tuple[list[list[int]], dict[int, list[int]]]:
    """Tables, the first for banks where there are several, and per count its tables' numbers."""
    tables = [frequencies(rng, banks)]
    numbers: dict[int, list[int]] = {}
    for level in sorted(set(levels)):
        numbers[level] = list(range(len(tables), len(tables) + 3))
        tables += [frequencies(rng, level) for _ in range(3)]
    return tables, numbers


def scale_table(rng: np.random.Generator) -> tuple[int, list[int]]:
    """A table around 0, or a lopsided one."""
    count = int(rng.integers(2, 20))
    return int(rng.integers(-count, 3)), frequencies(rng, count)


class Builder:
    """Builds programs out of random layers and instructions."""

    def __init__(self, rng: np.random.Generator, channels: int, digits: int, factor: int) -> None:
        self.rng = rng
        self.channels = channels
        self.digits = digits
        self.factor = factor
        self.layers: list[LayerPart] = []

    def programs(self, rate_length: int) -> list[ProgramPart]:
        """The programs `init` and `quarter` 1, 2 and 3."""
        context = int(self.rng.integers(1, 6))
        return [self.init(rate_length, context)] + [self.quarter(context) for _ in range(3)]

    def init(self, rate_length: int, context: int) -> ProgramPart:
        """Return a random `init` with vectors of this length and so many channels of context."""
        self.start(int(self.rng.integers(1, 3)))
        register, channels = 0, rate_length
        if self.inputs == 2:
            width = int(self.rng.integers(1, 4)) * self.factor**2
            tokens = self.convolve(1, self.digits, width)
            spread = self.add(DEPTH_TO_SPACE, [tokens], self.factor)
            register = self.add(CONCAT, [0, spread])
            channels += width // self.factor**2
        register = self.body(register, channels, 3 * self.channels + context)
        step = self.add(MAX, [self.add(SLICE, [register], 0, self.channels)], 1)
        outputs = [step, *(self.slice(register, part) for part in (1, 2))]
        outputs.append(self.add(SLICE, [register], 3 * self.channels, context))
        return ProgramPart(self.inputs, self.instructions, outputs)

    def quarter(self, context: int) -> ProgramPart:
        """Return a random `quarter s` with so many channels of context."""
        self.start(2)
        both = self.add(CONCAT, [0, 1])
        register = self.body(both, self.channels + context, 2 * self.channels)
        outputs = [self.slice(register, part) for part in (0, 1)]
        return ProgramPart(self.inputs, self.instructions, outputs)

    def body(self, register: int, channels: int, outputs: int) -> int:
        """A few layers with a residual path; the numbers stay in the range of thresholds."""
        width = int(self.rng.integers(1, 9))
        first = self.convolve(register, channels, width)
        first = self.add(LEAKY, [first], int(self.rng.integers(0, 32768)))
        second = self.convolve(first, width, width, depthwise=bool(self.rng.integers(2)))
        both = self.add(ADD, [first, second])
        return self.convolve(both, width, outputs)

    def convolve(self, register: int, inputs: int, outputs: int, depthwise: bool = False) -> int:
        """Add a random layer and a CONV with it; return its register."""
        k = int(self.rng.choice([1, 3]))
        shape = (outputs, k, k) if depthwise else (outputs, inputs, k, k)
        shift = self.rng.integers(8, 47, outputs)
        gain = self.rng.uniform(0.01, 1.5, outputs) / 400
        multiplier: Ints = np.minimum(np.floor(gain * 2.0**shift), 2**31 - 1).astype(np.int64)
        self.layers.append(
            LayerPart(
                weight=self.rng.integers(-128, 128, shape),
                bias=self.rng.integers(-(2**16), 2**16, outputs),
                multiplier=multiplier,
                shift=shift,
            )
        )
        return self.add(CONV, [register], len(self.layers) - 1)

    def slice(self, register: int, part: int) -> int:
        """Add a SLICE: one of the parts of C channels; return its register."""
        return self.add(SLICE, [register], part * self.channels, self.channels)

    def start(self, inputs: int) -> None:
        """Begin a program with so many inputs."""
        self.inputs = inputs
        self.instructions: list[tuple[int, int, list[int], int, int]] = []

    def add(self, number: int, sources: list[int], first: int = 0, second: int = 0) -> int:
        """Add an instruction; return its register."""
        target = self.inputs + len(self.instructions)
        self.instructions.append((number, target, sources, first, second))
        return target
