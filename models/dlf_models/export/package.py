"""Assembly of a model package: calibrate, quantise the prior, fit the tables, script the transforms."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import NetworkConfig, build
from ..networks.hard_coding import code_hard
from ..networks.model import DLF
from ..package.torchscript import NormativePart, assemble_package
from .calibration import calibrate, whole_windows
from .frequency_tables import scale_tables, scale_thresholds, token_bits, token_tables
from .integer_prior import (
    LATENT_FRACTION,
    SCALE_FRACTION,
    TOKEN_UNIT,
    ActivationPeaks,
    quantise_prior,
)
from .macs import macs_per_pixel, reduced_macs_per_pixel, stage_macs_per_pixel
from .reduced import fit_reduced, measure_reduced
from .simulate import simulate, table_bits
from .torchscript import transforms_archive


def network_of(state: dict[str, Any]) -> DLF:
    """The averaged (EMA) network of a training checkpoint, in evaluation mode."""
    network = DLF(build(NetworkConfig, state["config"]["network"], "checkpoint"))
    network.load_state_dict(state["ema"])
    return network.eval().requires_grad_(False)


@torch.no_grad()
def rate_loss(network: DLF, normative: NormativePart, images: list[NDArray[np.uint8]]) -> float:
    """Relative growth of the detail symbols' code length by the integer prior, against the float prior.

    Both are measured under the package's frequency tables, on each image at a low, a middle and a high rate point.
    """
    window, points = network.config.window, network.config.rate_points
    levels = np.array(network.config.token_levels)
    thresholds = normative.thresholds.astype(np.float64) / 2**SCALE_FRACTION
    exact = integer = 0.0
    for image in images:
        crop = whole_windows(image, window)
        if crop is None:
            continue
        digits, values, features = network.analysis(crop)
        rows, columns = crop.shape[2] // window, crop.shape[3] // window
        tokens = network.token_map(values, rows, columns)
        inputs = (2 * digits.numpy() - (levels - 1)) * TOKEN_UNIT
        inputs = inputs.reshape(rows, columns, -1).transpose(2, 0, 1)
        prepared = network.bottleneck.prepare(features)
        for point in (0, points // 2, points - 1):
            rate = torch.tensor([point / (points - 1)])
            y = network.bottleneck(prepared, rate)
            coded = code_hard(network.prior, y, rate, tokens)
            indexes = np.searchsorted(thresholds, coded.log2_scale.numpy(), side="right") - 1
            exact += table_bits(normative.scale_tables, coded.symbols.long().numpy(), indexes)
            integer += simulate(normative, y[0].numpy(), point, inputs).bits
    return integer / exact - 1 if exact else 0.0


def build_package(
    network: DLF,
    images: list[NDArray[np.uint8]],
    description: dict[str, Any],
    measured: list[NDArray[np.uint8]] | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Package bytes and a report.

    ``images`` are training photographs, never test images; ``measured`` are those on which the report states what the
    integer prior costs (default: a few of ``images``).
    """
    config = network.config
    peaks = ActivationPeaks(network.prior)
    calibration = calibrate(network, images, rate_step=max(1, config.rate_points * 5 // 13))
    peaks.remove()
    prior = quantise_prior(network, peaks)
    tables, rows = token_tables(calibration.digits, config.token_levels)
    analysis_macs, synthesis_macs = macs_per_pixel(network)
    normative = NormativePart(
        window=config.window,
        tokens_per_window=config.tokens_per_window,
        levels=tuple(config.token_levels),
        latent_channels=config.latent_channels,
        latent_fraction=LATENT_FRACTION,
        step_fraction=prior.step_fraction,
        token_tables=tables,
        token_map=rows,
        thresholds=scale_thresholds(),
        scale_tables=scale_tables(calibration.symbols, calibration.indexes),
        rate_vectors=prior.rate_vectors,
        layers=prior.layers,
        programs=prior.programs,
        token_context=True,
        tile_core=1024 // config.window,
        tile_margin=max(1, 128 // config.window),
        whole_limit=(1536 // config.window) ** 2,
        analysis_macs=analysis_macs,
        synthesis_macs=synthesis_macs,
    )
    reduced = fit_reduced(network, images)
    reduced_macs = reduced_macs_per_pixel(network, reduced)
    windows = sum(d.shape[0] * d.shape[1] for d in calibration.digits)
    digits_flat = (
        float(np.log2(np.array(config.token_levels, dtype=np.float64)).sum())
        * config.tokens_per_window
    )
    report = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "analysis_macs_per_pixel": analysis_macs,
        "synthesis_macs_per_pixel": synthesis_macs,
        "stage_macs_per_pixel": stage_macs_per_pixel(network),
        "reduced_macs_per_pixel": reduced_macs,
        "reduced_psnr": measure_reduced(network, reduced, measured or images[::25]),
        "token_bits_per_window": token_bits(calibration.digits, tables, rows, config.token_levels)
        / windows,
        "token_bits_per_window_flat": digits_flat,
        "training_detail_bpp_by_rate_point": [round(b, 5) for b in calibration.detail_bpp],
        "integer_prior_rate_loss": round(
            rate_loss(network, normative, measured or images[::25]), 5
        ),
        "calibration_images": len(calibration.digits),
    }
    model_json = json.dumps({**description, "network": asdict(config), **report}, indent=1)
    return assemble_package(
        transforms_archive(network, reduced, reduced_macs), normative, model_json
    ), report
