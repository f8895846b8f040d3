"""§7: the detail layer, from symbols to latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .entropy import EntropyDecoder, OutOfBytes
from .grids import Grids
from .model import Model
from .network import Register, Tensor, run, sat16

QUARTER_XOR = (0, 3, 2, 1)  # X of §7.3


@dataclass(frozen=True)
class Latents:
    """The tensors of §7, each [C][h][w]."""

    scale_index: Tensor
    symbols: Tensor
    mean: Tensor
    step: Tensor
    y_hat: Tensor
    latent: Tensor


class SymbolSource:
    """§7.5, §5.5: detail symbols from a decoder; 0 once one cannot be decoded, or without one."""

    def __init__(self, decoder: EntropyDecoder | None, model: Model, is_cut: bool) -> None:
        self.decoder = decoder
        self.model = model
        self.is_cut = is_cut

    def next(self, scale_index: int) -> int:
        """Return the next symbol of this scale; 0 for -1, which is not coded."""
        if scale_index == -1 or self.decoder is None:
            return 0
        try:
            return self.decoder.value(self.model.scale_tables[scale_index])
        except OutOfBytes:
            if not self.is_cut:
                raise
            self.decoder = None  # §5.5
            return 0


def decode_latents(
    source: SymbolSource, rates: Tensor, digits: NDArray[np.int64], grids: Grids
) -> Latents:
    """Decode the detail symbols.

    `rates` [h][w] are the rate indices of all positions, `digits` [windows][T][D] the tokens.
    """
    model = source.model
    stride = model.latent_stride
    init, *quarters = model.programs
    inputs = [
        Register(stride, rate_tensor(model.rate_vectors, rates)),
        Register(model.window, token_tensor(model, digits, grids)),
    ]
    # §7.1, §7.2: the first program.
    step, scale, mean, context = run(init, model.layers, inputs[: init.inputs], grids)

    shape = (model.channels, *rates.shape)
    scale_index, symbols, means, y_hat = (np.zeros(shape, np.int64) for _ in range(4))
    for s in range(4):
        if s > 0:
            # §7.4
            inputs = [Register(stride, y_hat.copy()), Register(stride, context)]
            scale, mean = run(quarters[s - 1], model.layers, inputs, grids)
        # §7.5: the number of thresholds that are at most the scale, minus 1.
        index = np.searchsorted(model.thresholds, scale, side="right") - 1
        for at in quarter(s, shape):
            scale_index[at] = index[at]
            symbols[at] = source.next(int(index[at]))
            means[at] = mean[at]
            # §7.6
            y_hat[at] = sat16(symbols[at] * 2**model.mean_fraction + means[at])
    return Latents(scale_index, symbols, means, step, y_hat, latent=y_hat * step)  # §7.7


def rate_tensor(vectors: NDArray[np.int64], rates: Tensor) -> Tensor:
    """§7.2.1: the vector [R][...] of the rate index [h][w] of each position, as channels."""
    return vectors[rates].transpose(2, 0, 1)


def token_tensor(model: Model, digits: NDArray[np.int64], grids: Grids) -> Tensor:
    """§7.2.2."""
    values = sat16((2 * digits - (np.array(model.levels) - 1)) * 64)
    return values.reshape(*grids.shape(model.window), -1).transpose(2, 0, 1)


def quarter(s: int, shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """§7.3: the positions (channel, y, x) of quarter `s`, in the order in which they are coded."""
    channels, h, w = shape
    for c in range(channels // 4):
        for y in range(h):
            for x in range(w):
                parity = 2 * (y % 2) + x % 2
                group = parity ^ QUARTER_XOR[s]
                yield group * (channels // 4) + c, y, x
