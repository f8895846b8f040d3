"""§9.8 to §9.12: from latents to pixels, for packages with an integer synthesis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .decoder import Decoded
from .grids import up
from .header import Header
from .latents import rate_tensor, token_tensor
from .model import REDUCED, Model, Synthesis
from .network import Register, Tensor, run
from .noise import noise


class Region(NamedTuple):
    """A rectangle in pixels of the picture, not empty and inside it."""

    x: int
    y: int
    width: int
    height: int


class Wanted(NamedTuple):
    """What a caller may choose: none of it changes a sample but `vivid` and `divisor`."""

    divisor: int = 1  # of the sides (§9.11)
    vivid: bool = True  # §9.9
    region: Region | None = None  # §9.12


class NoPixels(Exception):
    """The package has no integer synthesis: its pixels are those of a TorchScript module."""


def draw(
    decoded: Decoded,
    header: Header,
    model: Model,
    alpha: NDArray[np.uint8] | None,
    wanted: Wanted,
) -> NDArray[np.uint8]:
    """The picture or a region of it, u8 [rows][columns][channels] (§2.6.2).

    Raises:
        NoPixels: the package has no integer synthesis.
    """
    synthesis = model.synthesis
    if synthesis is None:
        raise NoPixels
    f = wanted.divisor
    program = synthesis.programs.get(f, synthesis.programs[1])
    inputs = synthesis_registers(decoded, model, synthesis, wanted.vivid)
    [values] = run(program, model.layers, inputs, decoded.grids)
    samples = samples_of(values, synthesis.sample_bits)
    if f not in synthesis.programs:
        samples = averaged(samples, f)
    picture = samples.transpose(1, 2, 0)
    if header.grayscale:
        picture = luma(picture)
    if alpha is not None:
        picture = np.concatenate(
            [picture[: up(header.height, f), : up(header.width, f)], reduced_alpha(alpha, f)],
            axis=2,
        )
    rows, columns = places(header, wanted)
    return picture[rows, columns].astype(np.uint8)


def synthesis_registers(
    decoded: Decoded, model: Model, synthesis: Synthesis, vivid: bool
) -> list[Register]:
    """§9.8: what the programs get."""
    stride, grids = model.latent_stride, decoded.grids
    latents = scaled_latents(decoded.latents.latent, synthesis)
    inputs = [
        Register(stride, latents),
        # §9.8.2
        Register(model.window, token_tensor(model, decoded.digits, grids)),
    ]
    if synthesis.rate_vectors.size:
        # §9.8.3
        inputs.append(Register(stride, rate_tensor(synthesis.rate_vectors, decoded.rates)))
    for cell in synthesis.noise_cells:
        # §9.8.4
        plane = noise(grids.shape(cell), cell)
        if not vivid:
            plane = np.zeros_like(plane)  # §9.9.2
        inputs.append(Register(cell, plane))
    return inputs


def scaled_latents(latents: Tensor, synthesis: Synthesis) -> Tensor:
    """§9.8.1."""
    shift = synthesis.latent_shift
    if shift > 0:
        latents = (latents + (1 << (shift - 1))) >> shift
    return np.clip(latents, -synthesis.latent_bound, synthesis.latent_bound)


def samples_of(values: Tensor, bits: int) -> Tensor:
    """§9.10."""
    if bits > 0:
        values = (values + (1 << (bits - 1))) >> bits
    return np.clip(values, 0, 255)


def luma(picture: Tensor) -> Tensor:
    """§2.6.3: one channel from three, which are the last axis."""
    weights = np.array([19595, 38470, 7471])
    gray: Tensor = (picture @ weights + 32768) >> 16
    return gray[..., None]


def averaged(samples: Tensor, f: int) -> Tensor:
    """§9.11.2: means of squares of f x f samples, where the package has no program for f."""
    channels, height, width = samples.shape
    beyond = ((0, 0), (0, -height % f), (0, -width % f))
    squares = np.pad(samples, beyond, mode="edge")
    squares = squares.reshape(channels, up(height, f), f, up(width, f), f)
    means: Tensor = (squares.sum(axis=(2, 4)) + f * f // 2) // (f * f)
    return means


def reduced_alpha(plane: NDArray[np.uint8], f: int) -> Tensor:
    """§9.11.3: rounded means of the alpha samples inside the picture, [rows][columns][1]."""
    height, width = plane.shape
    rows, columns = np.arange(0, height, f), np.arange(0, width, f)
    sums = np.add.reduceat(np.add.reduceat(plane.astype(np.int64), rows, 0), columns, 1)
    counts = np.minimum(f, height - rows)[:, None] * np.minimum(f, width - columns)
    means: Tensor = (sums + counts // 2) // counts
    return means[..., None]


def places(header: Header, wanted: Wanted) -> tuple[slice, slice]:
    """§9.11.1, §9.12: the rows and columns that were asked for."""
    f = wanted.divisor
    region = wanted.region or Region(0, 0, header.width, header.height)
    return (
        slice(region.y // f, up(region.y + region.height, f)),
        slice(region.x // f, up(region.x + region.width, f)),
    )


def divisors() -> tuple[int, ...]:
    """§9.11: by what the sides may be divided."""
    return (1, *REDUCED)
