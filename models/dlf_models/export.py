"""`dlf export CKPT OUT.dlfm`: a training checkpoint (small architecture) becomes a model package.

Those of the paper's architecture go through `dlf import-official`, as published ones do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlf.errors import DlfError
from dlf.files import write_atomically
from dlf.outputs import Output, Overwrite, judge, refuse_existing

from .common.checkpoint import load_checkpoint
from .common.data import files_read, load_images
from .package.archive import normative_digest
from .small.export import command as small
from .small.train import PROFILE


@dataclass(frozen=True)
class ExportOptions:
    """What `dlf export` is told."""

    checkpoint: str
    out: str
    data: str
    limit: int = 2000
    """Most images that are used of `data`."""
    measure: str | None = None
    importance_head: Path | None = None
    licence: str = "Apache-2.0"
    name: str | None = None
    overwrite: Overwrite = "alike"


def _check(options: ExportOptions) -> None:
    """Refuse outputs that may not be written; see `dlf.outputs`."""
    read = [options.checkpoint, *files_read(Path(options.data))]
    read += files_read(Path(options.measure)) if options.measure else []
    read += [options.importance_head] if options.importance_head else []
    judge([Output(options.out, "model package")], read, options.overwrite)
    refuse_existing(options.out, options.overwrite)


def _package(options: ExportOptions, state: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """Package and report."""
    smallest = state["config"]["network"]["window"]
    images = load_images(options.data, smallest)
    images = images[:: max(1, len(images) // options.limit)][: options.limit]
    measured = load_images(options.measure, smallest) if options.measure else None
    description = {
        "name": options.name or state["config"].get("name", Path(options.out).stem),
        "profile": PROFILE,
        "licence": options.licence,
        "training": f"{state['counters'][0]} crops seen",
    }
    return small.export(state, images, description, options.importance_head, measured)


def run(options: ExportOptions) -> None:
    """Make the package that the options of `dlf export` ask for.

    Raises:
        ValueError: options that do not go together, a checkpoint of another architecture, or an
            output that must not be written over.
        OSError: a file that cannot be read or written; DlfError, where networks cannot run.
    """
    _check(options)
    state = load_checkpoint(Path(options.checkpoint), weights=None)
    if "state_dict" in state:
        raise ValueError(
            f"{options.checkpoint}: of the paper's architecture, which dlf import-official exports"
        )
    if state["config"].get("profile") != PROFILE or "ema" not in state:
        raise ValueError(f"{options.checkpoint}: not of the profile {PROFILE}")
    try:
        data, report = _package(options, state)
    except RuntimeError as error:  # torch's own
        raise DlfError(str(error)) from error
    write_atomically(options.out, data)
    print(json.dumps({k: v for k, v in report.items() if not isinstance(v, list)}, indent=1))
    print(f"{options.out}: {len(data)} bytes, SHA-256 {normative_digest(data)}")
