"""Full-reference metrics of one picture against its original, both uint8 RGB of one size.

PSNR and MS-SSIM are computed here; LPIPS needs weights. HaarPSI and MDSI come from `piq`,
SSIMULACRA 2 from `ssimulacra2`. Faces and words are found by the programs of the extra `people`.
What cannot be measured is left out and its reason kept.
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

from . import faces, words
from .lpips import LPIPS
from .metric_table import METRICS, values_of
from .ms_ssim import ms_ssim
from .pictures import Picture
from .weights import MetricUnavailable, Weights, optional


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
    shown_faces: faces.Faces | None = None
    shown_words: words.Words | None = None


Measure = Callable[[Reference, Picture, Tensor], dict[str, float]]
"""The values of one metric; NaN or infinite where there is none."""


def _as_file(picture: Picture) -> io.BytesIO:
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "BMP")
    return stored


class MetricSet:
    """The metrics that can be measured here.

    names: those that can; unavailable: reason for each that cannot; identities: the weights or
    programs that shape a metric's values. One instance per process.
    """

    def __init__(self, weights: Weights | None = None, only: list[str] | None = None) -> None:
        """weights: for LPIPS. only: restrict to these names (default: all).

        Raises:
            ValueError: a name that is no metric.
        """
        wanted = list(METRICS) if only is None else only
        for name in wanted:
            if name not in METRICS:
                raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
        self.unavailable: dict[str, str] = {}
        self.identities: dict[str, str] = {}
        self._measures: dict[str, Measure] = {}
        makers: dict[str, Callable[[], Measure]] = {
            "psnr": lambda: lambda ref, picture, _: {"psnr": psnr(ref.picture, picture)},
            "ms_ssim": lambda: lambda ref, _, x: {"ms_ssim": float(ms_ssim(ref.tensor, x))},
            "lpips": lambda: self._make_lpips(weights),
            "haarpsi": lambda: _make_piq("haarpsi"),
            "mdsi": lambda: _make_piq("mdsi"),
            "ssimulacra2": _make_ssimulacra2,
            "faces": self._make_faces,
            "words": self._make_words,
        }
        for name in wanted:
            try:
                self._measures[name] = makers[name]()
            except MetricUnavailable as reason:
                self.unavailable[name] = str(reason)

    @property
    def names(self) -> list[str]:
        """Those that can be measured here, in the order of reports."""
        return list(self._measures)

    def reference(self, picture: Picture) -> Reference:
        """Prepare an original, uint8 [H, W, 3], for any number of comparisons."""
        return Reference(picture, to_tensor(picture))

    @torch.inference_mode()
    def measure(self, ref: Reference, picture: Picture, only: list[str]) -> dict[str, float | None]:
        """Every value of each metric in `only` of `picture` (uint8, the original's shape).

        None where it has no finite value: the picture is too small, equal (PSNR), or shows no face
        or word.

        Raises:
            ValueError: `picture` has another shape or type than the original.
        """
        if picture.shape != ref.picture.shape or picture.dtype != np.uint8:
            raise ValueError(f"picture {picture.shape} does not match {ref.picture.shape}")
        tensor = to_tensor(picture)
        side = min(picture.shape[:2])
        results: dict[str, float | None] = {}
        for name in only:
            values: dict[str, float] = {}
            if side >= METRICS[name].min_side:
                values = self._measures[name](ref, picture, tensor)
            for part in values_of(name):
                value = values.get(part, math.nan)
                results[part] = value if math.isfinite(value) else None
        return results

    def _make_lpips(self, weights: Weights | None) -> Measure:
        if weights is None:
            raise MetricUnavailable(
                "no LPIPS weights: give a file with --lpips or install the package lpips"
            )
        network = LPIPS(weights)
        self.identities["lpips"] = weights.digest

        def measure(ref: Reference, picture: Picture, tensor: Tensor) -> dict[str, float]:
            if ref.embedding is None:
                ref.embedding = network.embed(ref.tensor)
            return {"lpips": float(network.distance(ref.embedding, network.embed(tensor)))}

        return measure

    def _make_faces(self) -> Measure:
        finder = faces.FaceFinder()
        self.identities["faces"] = finder.identity

        def measure(ref: Reference, picture: Picture, _: Tensor) -> dict[str, float]:
            if ref.shown_faces is None:
                ref.shown_faces = finder.find(ref.picture).worth_seeking()
            # Where there is nothing to find again, nobody need look.
            found = finder.find(picture) if len(ref.shown_faces.boxes) else ref.shown_faces
            return faces.compare(ref.shown_faces, found)

        return measure

    def _make_words(self) -> Measure:
        reader = words.WordReader()
        self.identities["words"] = reader.identity

        def measure(ref: Reference, picture: Picture, _: Tensor) -> dict[str, float]:
            if ref.shown_words is None:
                ref.shown_words = reader.read(ref.picture)
            found = reader.read(picture) if ref.shown_words.texts else ref.shown_words
            return words.compare(ref.shown_words, found)

        return measure


def _make_piq(name: str) -> Measure:
    function = optional("piq", name)
    return lambda ref, _, tensor: {name: float(function(ref.tensor, tensor))}


def _make_ssimulacra2() -> Measure:
    function = optional("ssimulacra2", "compute_ssimulacra2")

    def measure(ref: Reference, picture: Picture, _: Tensor) -> dict[str, float]:
        if ref.stored is None:
            ref.stored = _as_file(ref.picture)
        ref.stored.seek(0)
        return {"ssimulacra2": float(function(ref.stored, _as_file(picture)))}

    return measure
