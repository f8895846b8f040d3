"""What a package loses against the float network: the core codes photographs, both draw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from dlf.codec import Codec
from dlf.symbols import decode_symbols
from numpy.typing import NDArray
from torch import Tensor

from ...evaluation.metrics import psnr
from ..config import NetworkConfig
from ..model import DLF
from ..synthesis import Noise
from .calibrate import no_progress, whole_windows
from .package import RATE_POINTS

QUALITIES = (0, 50, 100)
Picture = NDArray[np.uint8]


def samples(image: Tensor) -> Picture:
    """`[1, 3, H, W]` in [0, 1] -> `uint8 [H, W, 3]`."""
    rounded = torch.floor(image[0].clamp(0, 1) * 255 + 0.5)
    return rounded.permute(1, 2, 0).to(torch.uint8).numpy()


def token_grid(config: NetworkConfig, digits: NDArray[np.int16], rows: int, columns: int) -> Tensor:
    """Values `[1, T*D, rows, columns]` of the digits `[rows * columns, T*D]` of a file."""
    halves = torch.tensor([level // 2 for level in config.token_levels] * config.tokens_per_window)
    values = torch.from_numpy(digits.astype(np.float32)) / halves - 1
    return values.T.reshape(1, -1, rows, columns)


def silence(picture: Tensor) -> Noise:
    """The planes of noise of a faithful picture, for `[1, 3, H, W]`."""
    plane = torch.zeros_like(picture[:, :1])
    return plane[..., ::4, ::4], plane[..., ::2, ::2], plane


@torch.no_grad()
def measure(
    network: DLF,
    package: Path,
    images: Sequence[Picture],
    fraction_bits: int,
    progress: Callable[[int, int], None] = no_progress,
) -> dict[str, list[float]]:
    """Means over `images` at the lowest, middle and highest rate, noise off (faithful); PSNR in dB.

    `fraction_bits`: of latents. `drawing`: integer pixels and the float synthesis of the same
    symbols, between them. `integer`, `float`: the whole way, against the original. `bpp`: of the
    integer files. Equal pictures count as 100 dB.
    """
    codec = Codec(package, threads=1, backend="integer")
    found: dict[str, list[list[float]]] = {k: [] for k in ("drawing", "integer", "float", "bpp")}
    for number, image in enumerate(images):
        whole = whole_windows(image, network.config.window) / 2 + 0.5
        original = samples(whole)
        rows: dict[str, list[float]] = {key: [] for key in found}
        for quality in QUALITIES:
            file = codec.encode(original, quality)
            pixels = codec.decode(file, noise="faithful")
            symbols = decode_symbols(file, package)
            latent = torch.from_numpy(symbols["latent"].astype(np.float32))[None]
            rate = torch.full((1, *latent.shape[2:]), symbols["rate"] / (RATE_POINTS - 1))
            grid = [side // network.config.window for side in whole.shape[2:]]
            tokens = token_grid(network.config, symbols["tokens"], *grid)
            noise = silence(whole)
            same = network.synthesis(tokens, latent * 2.0**-fraction_bits, rate, noise)
            _, values, features = network.analysis(whole)
            own, _ = network.prior(network.bottleneck(features, rate), rate, values)
            alone = samples(network.synthesis(values, own, rate, noise))
            rows["drawing"].append(min(psnr(pixels, samples(same)), 100.0))
            rows["integer"].append(min(psnr(pixels, original), 100.0))
            rows["float"].append(min(psnr(alone, original), 100.0))
            rows["bpp"].append(8 * len(file) / (pixels.shape[0] * pixels.shape[1]))
        for key, row in rows.items():
            found[key].append(row)
        progress(number + 1, len(images))
    return {key: np.mean(values, axis=0).round(4).tolist() for key, values in found.items()}
