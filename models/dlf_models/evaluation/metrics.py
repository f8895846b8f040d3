"""Full-reference metrics of one picture against its original, both uint8 RGB of one size.

PSNR and MS-SSIM are computed here; LPIPS needs weights; HaarPSI and MDSI come from `piq`,
SSIMULACRA 2 from `ssimulacra2`. What cannot be measured is left out and its reason kept.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .lpips import LPIPS
from .ms_ssim import ms_ssim
from .pictures import Picture
from .weights import MetricUnavailable, Weights, optional


@dataclass(frozen=True)
class MetricInfo:
    """label: for tables and plots; higher_is_better; digits: decimals worth printing;
    min_side: pictures with a shorter side cannot be measured; version: raised when the
    computation changes, so that cached results of the old one are not used."""

    label: str
    higher_is_better: bool
    digits: int
    min_side: int = 1
    version: int = 1


METRICS: dict[str, MetricInfo] = {
    "psnr": MetricInfo("PSNR, dB", True, 2),
    "ms_ssim": MetricInfo("MS-SSIM", True, 4, min_side=161),
    "lpips": MetricInfo("LPIPS (SqueezeNet)", False, 4, min_side=17),
    "haarpsi": MetricInfo("HaarPSI", True, 4, min_side=16),
    "mdsi": MetricInfo("MDSI", False, 4, min_side=16),
    "ssimulacra2": MetricInfo("SSIMULACRA 2", True, 2, min_side=8),
}


def psnr(first: Picture, second: Picture) -> float:
    """Peak signal-to-noise ratio in dB over all samples of two uint8 pictures; inf when equal."""
    difference = first.astype(np.int32) - second.astype(np.int32)
    mse = float(np.mean(np.square(difference, dtype=np.int64)))
    return math.inf if mse == 0 else 10.0 * math.log10(255.0**2 / mse)


def to_tensor(picture: Picture) -> Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255.0


@dataclass
class Reference:
    """An original and what several comparisons with it share."""

    picture: Picture
    tensor: Tensor
    embedding: list[Tensor] | None = None
    stored: io.BytesIO | None = field(default=None, repr=False)


def _as_file(picture: Picture) -> io.BytesIO:
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "BMP")
    return stored


class MetricSet:
    """The metrics that can be measured here.

    names: those that can; unavailable: reason for each that cannot. One instance per process.
    """

    def __init__(self, weights: Weights | None = None, only: list[str] | None = None) -> None:
        """weights: for LPIPS. only: restrict to these names (default: all). Raises ValueError."""
        wanted = list(METRICS) if only is None else only
        for name in wanted:
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
        self.unavailable: dict[str, str] = {}
        self._measures: dict[str, Callable[[Reference, Picture, Tensor], float]] = {}
        makers: dict[str, Callable[[], Callable[[Reference, Picture, Tensor], float]]] = {
            "psnr": lambda: lambda ref, picture, _: psnr(ref.picture, picture),
            "ms_ssim": lambda: lambda ref, _, tensor: float(ms_ssim(ref.tensor, tensor)),
            "lpips": lambda: self._make_lpips(weights),
            "haarpsi": lambda: _make_piq("haarpsi"),
            "mdsi": lambda: _make_piq("mdsi"),
            "ssimulacra2": _make_ssimulacra2,
        }
        for name in wanted:
            try:
                self._measures[name] = makers[name]()
            except MetricUnavailable as reason:
                self.unavailable[name] = str(reason)

    @property
    def names(self) -> list[str]:
        return list(self._measures)

    def reference(self, picture: Picture) -> Reference:
        """Prepare an original, uint8 [H, W, 3], for any number of comparisons."""
        return Reference(picture, to_tensor(picture))

    @torch.inference_mode()
    def measure(self, ref: Reference, picture: Picture, only: list[str]) -> dict[str, float | None]:
        """Each metric in `only` of `picture` (uint8, the original's shape).

        None where it has no finite value: the picture is too small, or equal (PSNR).
        """
        if picture.shape != ref.picture.shape or picture.dtype != np.uint8:
            raise ValueError(f"picture {picture.shape} does not match {ref.picture.shape}")
        tensor = to_tensor(picture)
        side = min(picture.shape[:2])
        results: dict[str, float | None] = {}
        for name in only:
            value = math.nan
            if side >= METRICS[name].min_side:
                value = self._measures[name](ref, picture, tensor)
            results[name] = value if math.isfinite(value) else None
        return results

    def _make_lpips(self, weights: Weights | None) -> Callable[[Reference, Picture, Tensor], float]:
        if weights is None:
            raise MetricUnavailable(
                "no LPIPS weights: give a file with --lpips or install the package lpips"
            )
        network = LPIPS(weights)

        def measure(ref: Reference, picture: Picture, tensor: Tensor) -> float:
            if ref.embedding is None:
                ref.embedding = network.embed(ref.tensor)
            return float(network.distance(ref.embedding, network.embed(tensor)))

        return measure


def _make_piq(name: str) -> Callable[[Reference, Picture, Tensor], float]:
    function = optional("piq", name)
    return lambda ref, _, tensor: float(function(ref.tensor, tensor))


def _make_ssimulacra2() -> Callable[[Reference, Picture, Tensor], float]:
    function = optional("ssimulacra2", "compute_ssimulacra2")

    def measure(ref: Reference, picture: Picture, tensor: Tensor) -> float:
        if ref.stored is None:
            ref.stored = _as_file(ref.picture)
        ref.stored.seek(0)
        return float(function(ref.stored, _as_file(picture)))

    return measure
