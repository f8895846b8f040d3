"""A measure of realism: the Frechet distance between features of patches, original and coded.

Features: the last map of SqueezeNet 1.1, averaged over each patch (512 values). Patches of 64x64
lie side by side, those of 256x256 overlap by half. Not comparable with FID figures (Inception
features), nor between sets of different size: the estimate falls with the number of patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .pictures import Picture
from .squeezenet import SqueezeFeatures

# Patch side -> stride, in pixels.
PATCHES = {64: 64, 256: 128}
VERSION = 1  # raised when features change, so that cached ones are not used
_BATCH_PIXELS = 1 << 19

Features = npt.NDArray[np.float16]


def _offsets(side: int, patch: int, stride: int) -> list[int]:
    """Places of patches along a side: every stride, and one that ends at the border."""
    if side < patch:
        return []
    places = list(range(0, side - patch + 1, stride))
    if places[-1] != side - patch:
        places.append(side - patch)
    return places


@torch.inference_mode()
def patch_features(network: SqueezeFeatures, picture: Picture) -> dict[int, Features]:
    """Patch side -> float16 [patches, 512]; no rows where the picture is smaller than a patch."""
    height, width = picture.shape[:2]
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)
    result = {}
    for patch, stride in PATCHES.items():
        crops = [
            pixels[:, y : y + patch, x : x + patch]
            for y in _offsets(height, patch, stride)
            for x in _offsets(width, patch, stride)
        ]
        batch = max(1, _BATCH_PIXELS // (patch * patch))
        rows: list[Tensor] = [torch.zeros(0, 512)]
        for start in range(0, len(crops), batch):
            images = torch.stack(crops[start : start + batch]).float() / 255.0
            rows.append(network(images)[-1].mean(dim=(2, 3)))
        result[patch] = torch.cat(rows).numpy().astype(np.float16)
    return result


@dataclass(frozen=True)
class Spread:
    """Mean [D] and a factor A of the covariance, C = A^T A, with at most D rows."""

    mean: npt.NDArray[np.float64]
    factor: npt.NDArray[np.float64]

    @classmethod
    def of(cls, features: npt.ArrayLike) -> Spread:
        """features: rows [N, D], N >= 2.

        Raises:
            ValueError: there are too few features.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or len(rows) < 2:
            raise ValueError("a covariance needs two rows of features at least")
        mean = rows.mean(axis=0)
        factor = (rows - mean) / np.sqrt(len(rows) - 1)
        if len(factor) > factor.shape[1]:  # the triangular factor has the same A^T A
            factor = np.linalg.qr(factor, mode="r")
        return cls(mean, factor)


def frechet_distance(first: Spread, second: Spread) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    With C = A^T A, tr (C1 C2)^(1/2) is the sum of the singular values of A1 A2^T: no matrix root,
    and exact for covariances without full rank.
    """
    shift = first.mean - second.mean
    traces = float((first.factor**2).sum() + (second.factor**2).sum())
    cross = float(np.linalg.svd(first.factor @ second.factor.T, compute_uv=False).sum())
    return max(0.0, float(shift @ shift) + traces - 2.0 * cross)
