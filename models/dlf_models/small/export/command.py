"""The part of `dlf export` for checkpoints of the convolutional profile."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dlf.progress import ProgressBar
from numpy.typing import NDArray

from ...common.checkpoint import load_checkpoint
from ..importance import ImportanceHead
from ..model import DLF
from .measure import measure
from .package import build_package, network_of

MEASURED = 4
"""Calibration photographs that the losses are measured on where no others are named."""
Pictures = Sequence[NDArray[np.uint8]]


def head_of(path: Path, network: DLF) -> ImportanceHead:
    """The importance head of a checkpoint of `small.train_importance`.

    Raises:
        ValueError: it is none.
    """
    head = ImportanceHead(network.config.detail_width)
    head.load_state_dict(load_checkpoint(path, "importance")["importance"])
    return head.eval().requires_grad_(False)


def export(
    state: dict[str, Any],
    images: Pictures,
    description: dict[str, Any],
    head: Path | None = None,
    measured: Pictures | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Package bytes and a report, losses against the float network included.

    `images` calibrate. `measured`: where the losses are measured; None: on a few of `images`.
    """
    network = network_of(state)
    with ProgressBar("calibrating", "images") as bar:
        package, report = build_package(
            network, images, description, head_of(head, network) if head else None, bar.show
        )
    with tempfile.TemporaryDirectory() as folder, ProgressBar("measuring", "images") as bar:
        path = Path(folder) / "measured.dlfm"
        path.write_bytes(package)
        pictures = images[:MEASURED] if measured is None else measured
        report["losses"] = measure(
            network, path, pictures, report["latent_fraction_bits"], bar.show
        )
    return package, report
