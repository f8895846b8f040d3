"""What an export learns from photographs: tokens, symbols and bits of the float network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.hard_coding import code_hard
from ..networks.model import DLF
from .frequency_tables import SCALE_TABLES, scale_thresholds
from .integer_prior import SCALE_FRACTION

LARGEST_CALIBRATION_SIDE = 384
"""Calibration images are cut to this, which bounds time and memory."""


@dataclass
class Calibration:
    """What the training images tell about the network."""

    digits: list[NDArray[np.int64]]
    symbols: NDArray[np.int64]
    indexes: NDArray[np.int64]
    detail_bpp: list[float]


def whole_windows(image: NDArray[np.uint8], window: int) -> Tensor | None:
    """The largest top-left part of whole windows, ``[1, 3, H, W]`` in [0, 1]; None when there is none."""
    height, width = (
        min(side, LARGEST_CALIBRATION_SIDE) // window * window for side in image.shape[:2]
    )
    if not height or not width:
        return None
    return torch.from_numpy(image[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def calibrate(network: DLF, images: list[NDArray[np.uint8]], rate_step: int) -> Calibration:
    """Run every image once at a rate point of its own; collect tokens, symbols, scale indexes and bits."""
    window, points = network.config.window, network.config.rate_points
    thresholds = scale_thresholds().astype(np.float64) / 2**SCALE_FRACTION
    result = Calibration([], np.empty(0, np.int64), np.empty(0, np.int64), [])
    symbols, indexes = [], []
    bits = np.zeros(points)
    pixels = np.zeros(points)
    for number, image in enumerate(images):
        crop = whole_windows(image, window)
        if crop is None:
            continue
        digits, values, features = network.analysis(crop)
        rows, columns = crop.shape[2] // window, crop.shape[3] // window
        result.digits.append(digits.reshape(rows, columns, *digits.shape[1:]).numpy())
        point = number * rate_step % points
        rate = torch.tensor([point / (points - 1)])
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        tokens = network.token_map(values, rows, columns)
        coded = code_hard(network.prior, y, rate, tokens)
        index = np.searchsorted(thresholds, coded.log2_scale.numpy().ravel(), side="right") - 1
        keep = index >= 0
        symbols.append(coded.symbols.numpy().ravel()[keep].astype(np.int64))
        indexes.append(np.minimum(index[keep], SCALE_TABLES - 1))
        bits[point] += float(network.prior(y, rate, tokens)[1].sum())
        pixels[point] += crop.shape[2] * crop.shape[3]
    result.symbols, result.indexes = np.concatenate(symbols), np.concatenate(indexes)
    result.detail_bpp = [
        float(b / p) if p else float("nan") for b, p in zip(bits, pixels, strict=True)
    ]
    return result
