"""Export of a loaded checkpoint: calibrate, quantise the prior, script the transforms."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dlf import _core
from dlf.specification import FREQUENCY_TOTAL
from numpy.typing import NDArray
from torch import Tensor

from ..common.macs import MacCounter
from ..common.scale_tables import SCALE_FRACTION, scale_tables, scale_thresholds
from ..package.tables import FrequencyTable
from ..package.torchscript import NormativePart, assemble_files
from .config import PaperConfig
from .integer_prior import (
    LINEAR_SCALE_FRACTION,
    MEAN_FRACTION,
    BlockPeaks,
    IntegerPrior,
    quantise_prior,
)
from .macs import of_attention
from .model import PaperModel

TAIL = 1e-4
"""Probability outside a scale table, as the published coder cuts its tables."""
TILE_CORE, TILE_MARGIN, WHOLE_LIMIT = 2, 1, 16
"""Windows: up to `WHOLE_LIMIT` are synthesised at once, which the VQGAN's full-resolution layers
pay with about 2.5 GB; larger pictures go in tiles of that size.
"""


def linear_thresholds() -> NDArray[np.int16]:
    """The lower bounds of `scale_thresholds`, for a prior that predicts the scale itself."""
    scales = 2.0 ** (scale_thresholds().astype(np.float64) / 2**SCALE_FRACTION)
    return np.round(scales * 2**LINEAR_SCALE_FRACTION).astype(np.int16)


@dataclass
class Calibration:
    """What the calibration pictures told about the detail prior."""

    prior: IntegerPrior
    latents: list[NDArray[np.float32]]
    symbols: NDArray[np.int64]
    indexes: NDArray[np.int64]


@torch.inference_mode()
def calibrate(model: PaperModel, pictures: Sequence[Tensor]) -> Calibration:
    """Run the float prior on pictures `[1, 3, 256 nH, 256 nW]` in [0, 1], then quantise it."""
    bottleneck = model.hybrid_codec.quantize_feat
    peaks = BlockPeaks(bottleneck)
    latents, symbols, scales = [], [], []
    for picture in pictures:
        y = model.bottleneck(model.analysis(picture)[1], 0)
        quarters = bottleneck.quantise(y)
        latents.append(y[0].numpy())
        symbols += [quarters[f"symbol{k}"].numpy().ravel().astype(np.int64) for k in range(4)]
        scales += [quarters[f"coded_scale{k}"].numpy().ravel() for k in range(4)]
    peaks.remove()
    bounds = linear_thresholds() / 2.0**LINEAR_SCALE_FRACTION
    indexes = np.searchsorted(bounds, np.concatenate(scales), side="right") - 1
    prior = quantise_prior(bottleneck, peaks)
    return Calibration(prior, latents, np.concatenate(symbols), indexes.astype(np.int64))


@dataclass
class Reference:
    """What the checkpoint makes of one picture, and the multiply-accumulates per pixel of that."""

    tokens: Tensor
    picture: Tensor
    analysis_macs: int
    synthesis_macs: int


@torch.inference_mode()
def reconstruct(model: Any, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens of a picture, and the picture from its tokens and its unquantised latent."""
    tokens, features = model.analysis(picture)
    rows, columns = (n // 256 for n in picture.shape[2:])
    return tokens, model.synthesis(tokens, model.bottleneck(features, 0), 0, rows, columns)


@torch.inference_mode()
def reference(model: PaperModel, picture: Tensor) -> Reference:
    """`reconstruct`, counting."""
    pixels = picture.shape[2] * picture.shape[3]
    with MacCounter(model, of_attention) as counter:
        tokens, features = model.analysis(picture)
        y = model.bottleneck(features, 0)
        analysis = counter.take()
        rows, columns = (n // 256 for n in picture.shape[2:])
        result = model.synthesis(tokens, y, 0, rows, columns)
        return Reference(tokens, result, round(analysis / pixels), round(counter.take() / pixels))


def normative_part(
    config: PaperConfig, calibration: Calibration, reference: Reference, fitted: bool
) -> NormativePart:
    """Everything that a decoder needs for exact symbols.

    `fitted`: correct the normal distributions of the scale tables by the calibration's symbols,
    which is right only when the pictures are photographs. Tokens are coded with equal lengths, as
    published: their codebook is used evenly.
    """
    none = np.empty(0, np.int64)
    tables = scale_tables(
        calibration.symbols if fitted else none, calibration.indexes if fitted else none, TAIL
    )
    codes = config.codebook_size
    share = FREQUENCY_TOTAL // codes
    flat = np.full(codes, share)
    flat[: FREQUENCY_TOTAL - share * codes] += 1
    return NormativePart(
        window=config.window,
        tokens_per_window=config.tokens_per_window,
        levels=(codes,),
        latent_channels=config.latent_channels,
        mean_fraction=MEAN_FRACTION,
        step_fraction=calibration.prior.step_fraction,
        token_tables=[FrequencyTable(flat)],
        token_map=np.zeros(config.tokens_per_window, np.uint16),
        thresholds=linear_thresholds(),
        scale_tables=tables,
        rate_vectors=calibration.prior.rate_vectors,
        layers=calibration.prior.layers,
        programs=calibration.prior.programs,
        latent_stride=config.latent_stride,
        latent_align=config.window,
        tile_core=TILE_CORE,
        tile_margin=TILE_MARGIN,
        whole_limit=WHOLE_LIMIT,
        analysis_macs=reference.analysis_macs,
        synthesis_macs=reference.synthesis_macs,
    )


def table_bits(
    tables: Sequence[FrequencyTable], symbols: NDArray[np.int64], indexes: NDArray[np.int64]
) -> float:
    """Ideal code length of symbols under their indexes' tables (-1: not coded), escapes too."""
    total = 0.0
    for index in np.unique(indexes[indexes >= 0]):
        table = tables[index]
        bits = 16.0 - np.log2(table.frequencies)
        entry = symbols[indexes == index] - table.first
        last = table.frequencies.size - 1
        inside = (entry >= 0) & (entry < last)
        total += float(bits[entry[inside]].sum())
        outside = entry[~inside]
        code = np.where(outside < 0, -2 * outside - 1, 2 * (outside - last))
        total += float((bits[last] + 2 * np.floor(np.log2(code + 1)) + 1).sum())
    return total


def detail_bits(package: _core.Package, y: NDArray[np.float32]) -> float:
    """What the core needs for the detail symbols of the latent `y [C, h, w]`."""
    height, width = (side * package.latent_stride for side in y.shape[1:])
    windows = -(-height // package.window) * -(-width // package.window)
    # The paper's prior does not see the tokens: any will do.
    tokens = np.zeros((windows, package.tokens_per_window * len(package.levels)), np.int16)
    data = _core.encode_symbols(tokens, y, package, width=width, height=height, rate=0)
    return float(_core.code_lengths(data, package)["positions"].sum())


def rate_loss(
    package: _core.Package, normative: NormativePart, calibration: Calibration
) -> tuple[float, float]:
    """Bytes of the calibration's detail symbols with the float prior, and in files of the core."""
    exact = table_bits(normative.scale_tables, calibration.symbols, calibration.indexes) / 8
    return exact, sum(detail_bits(package, y) for y in calibration.latents) / 8


def write_package(
    model: PaperModel,
    normative: NormativePart,
    description: dict[str, Any],
    config: PaperConfig,
    path: Path,
) -> None:
    """Write the package to `path`. The model loses its float prior."""
    model.hybrid_codec.quantize_feat.drop_prior()
    description["network"] = asdict(config)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        archive = Path(folder) / "archive.pt"
        torch.jit.script(model).save(str(archive))
        with archive.open("rb") as source, path.open("w+b") as target:
            assemble_files(source, target, normative, json.dumps(description, indent=1))
