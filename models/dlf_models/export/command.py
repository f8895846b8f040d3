"""``dlf export CKPT OUT.dlfm``: a training checkpoint becomes a model package."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from dlf.errors import DlfError
from dlf.files import is_stream, write_atomically
from dlf.outputs import Output, Overwrite, judge, refuse_existing
from numpy.typing import NDArray

from ..package.archive import normative_digest
from ..training.checkpoint import load_checkpoint
from ..training.data import load_images
from ..training.initialise import prior_path, save_prior
from .package import build_package, network_of

CONVOLUTIONAL = "small"
"""What checkpoints of the convolutional profile say."""
CONVOLUTIONAL_COMMAND = "dlf_models.small.export.command"
"""Imported when it is wanted: it takes tables from this package."""
Pictures = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class ExportOptions:
    """What ``dlf export`` is told."""

    checkpoint: str
    out: str
    data: str
    limit: int = 2000
    """Most images that are used of ``data``."""
    measure: str | None = None
    importance_head: Path | None = None
    licence: str = "Apache-2.0"
    name: str | None = None
    overwrite: Overwrite = "alike"


def _check(options: ExportOptions, outputs: list[Output]) -> None:
    """Refuse outputs that may not be written; see `dlf.outputs`."""
    read = [
        p for p in (options.checkpoint, options.data, options.measure, options.importance_head) if p
    ]
    judge(outputs, read, options.overwrite)
    for output in outputs:
        refuse_existing(output.path, options.overwrite)


def _package(
    options: ExportOptions, state: dict[str, Any], smallest: int
) -> tuple[bytes, dict[str, Any]]:
    """Package and report. ``smallest``: pixels to a side of the images at least."""
    is_convolutional = state["config"]["profile"] == CONVOLUTIONAL
    images = load_images(options.data, smallest)
    images = images[:: max(1, len(images) // options.limit)][: options.limit]
    measured = load_images(options.measure, smallest) if options.measure else None
    description = {
        "name": options.name or state["config"].get("name", Path(options.out).stem),
        "profile": state["config"]["profile"],
        "licence": options.licence,
        "training": f"{state['counters'][0]} crops seen",
    }
    if is_convolutional:
        command = importlib.import_module(CONVOLUTIONAL_COMMAND)
        built: tuple[bytes, dict[str, Any]] = command.export(
            state, images, description, options.importance_head, measured
        )
        return built
    if options.importance_head:
        raise ValueError("--importance-head is for checkpoints of the convolutional profile")
    return build_package(network_of(state), images, description, measured)


def run(options: ExportOptions) -> None:
    """Make the package that the options of ``dlf export`` ask for.

    Raises:
        ValueError: options that do not go together, or an output that must not be written over.
        OSError: a file that cannot be read or written; DlfError, where networks cannot run.
    """
    out = Path(options.out)
    _check(options, [Output(options.out, "model package")])
    state = load_checkpoint(Path(options.checkpoint))
    # The float prior of these profiles lies beside the package, for training that goes on from it.
    saves_prior = state["config"]["profile"] != CONVOLUTIONAL and not is_stream(options.out)
    if saves_prior:
        _check(
            options,
            [Output(options.out, "model package"), Output(str(prior_path(out)), "NumPy archive")],
        )
    try:
        data, report = _package(options, state, state["config"]["network"]["window"])
    except RuntimeError as error:  # torch's own
        raise DlfError(str(error)) from error
    write_atomically(options.out, data)
    if saves_prior:
        save_prior(network_of(state), out)
    print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list)}, indent=1))
    print(f"{out}: {len(data)} bytes, SHA-256 {normative_digest(data)}")
