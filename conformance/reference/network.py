"""§8.1 and §8.3: running a program of the integer network.

Tensors are i64 here, so that every intermediate result is exact; §8.4 promises that accumulators fit i32,
and registers hold i16 values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .programs import ADD, CONCAT, CONV, DEPTH_TO_SPACE, LEAKY, MAX, SLICE, Layer, Program

Tensor = NDArray[np.int64]  # [channels][rows][columns]


def sat16(values: Tensor) -> Tensor:
    """§1.2."""
    return np.clip(values, -32768, 32767)


def run(
    program: Program, layers: list[Layer], inputs: list[Tensor], latent_grid: tuple[int, int]
) -> list[Tensor]:
    """§8.1: put `inputs` into the first registers, run the instructions, return the outputs."""
    registers = dict(enumerate(inputs))
    for number, target, sources, first, second in program.instructions:
        a, *rest = (registers[source] for source in sources)
        if number == CONV:
            result = convolve(layers[first], a)
        elif number == LEAKY:  # §8.3.2
            result = np.where(a >= 0, a, (a * first + 16384) >> 15)
        elif number == ADD:  # §8.3.3
            result = sat16(a + rest[0])
        elif number == CONCAT:  # §8.3.4
            result = np.concatenate([a, *rest])
        elif number == SLICE:  # §8.3.5
            result = a[first : first + second]
        elif number == DEPTH_TO_SPACE:
            result = depth_to_space(a, first, latent_grid)
        elif number == MAX:  # §8.3.7
            result = np.maximum(a, first)
        else:
            raise AssertionError("checked when the package was loaded")
        registers[target] = result
    return [registers[output] for output in program.outputs]


def convolve(layer: Layer, a: Tensor) -> Tensor:
    """§8.3.1."""
    _, rows, columns = a.shape
    r = (layer.kernel - 1) // 2
    outside_is_0 = np.pad(a, ((0, 0), (r, r), (r, r)))
    acc = np.empty((layer.outputs, rows, columns), np.int64)
    acc[:] = layer.bias[:, None, None]
    for u in range(layer.kernel):
        for v in range(layer.kernel):
            shifted = outside_is_0[:, u : u + rows, v : v + columns]
            if layer.depthwise:
                acc += layer.weight[:, u, v][:, None, None] * shifted
            else:
                acc += np.tensordot(layer.weight[:, :, u, v], shifted, 1)
    half = np.int64(1) << (layer.shift - 1)
    scaled = acc * layer.multiplier[:, None, None] + half[:, None, None]
    return sat16(scaled >> layer.shift[:, None, None])


def depth_to_space(a: Tensor, f: int, latent_grid: tuple[int, int]) -> Tensor:
    """§8.3.6: from the window grid to the latent grid."""
    y, x = np.ogrid[: latent_grid[0], : latent_grid[1]]
    result = np.empty((a.shape[0] // f**2, *latent_grid), np.int64)
    for c in range(len(result)):
        result[c] = a[(c * f + y % f) * f + x % f, y // f, x // f]
    return result
