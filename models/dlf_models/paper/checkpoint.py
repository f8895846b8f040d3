"""Reading published checkpoints.

It is safe, makes no second copy in memory, and refuses by name what does not fit.
"""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .config import PaperConfig
from .model import PaperModel, large_weights

# Loss networks and the schedule of the training strategy: a codec needs none of them.
TRAINING_ONLY = ("img_loss.", "epoch_for_strategy", "lmbda_idx", "lmbda_list")
# The frozen VQGAN encoder gives training targets; a model without targets leaves it out.
TARGETS_ONLY = ("vqgan.encoder.", "vqgan.quant_conv.")
SKIPPABLE = TRAINING_ONLY + TARGETS_ONLY


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says what is wrong and what was expected."""


@dataclass(frozen=True)
class LoadReport:
    """What a checkpoint held: parameters that were loaded, and keys that only training needs."""

    keys: int
    parameters: int
    skipped: tuple[str, ...]
    weight_change: float


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a Lightning checkpoint or a bare state dict, memory-mapped where the file allows.

    Only tensors and plain containers are unpickled (`weights_only`). Raises
    `CheckpointError`, and `OSError` for a file that cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    if zipped and not zipfile.is_zipfile(path):
        raise CheckpointError(
            f"{path}: truncated or damaged checkpoint"
            f" ({size} bytes; its archive directory is missing)"
        )
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # torch.load raises nearly everything on bytes that are not its own
        reason = (str(error) or repr(error)).splitlines()[0]
        if not zipped:
            what = "not a PyTorch checkpoint (a zip archive made by torch.save)"
        elif isinstance(error, pickle.UnpicklingError):
            what = f"refused, holds more than tensors and plain containers: {reason}"
        else:
            what = f"damaged checkpoint: {reason}"
        raise CheckpointError(f"{path}: {what}") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if (
        not isinstance(state, dict)
        or not state
        or not all(isinstance(v, Tensor) for v in state.values())
    ):
        raise CheckpointError(
            f"{path}: holds no state dict (expected a 'state_dict' mapping of names to tensors)"
        )
    return state


def _some(names: list[str]) -> str:
    """The first few names and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def load_state_dict(
    model: PaperModel,
    state: dict[str, Tensor],
    where: str = "checkpoint",
    weights: torch.dtype = torch.float32,
) -> LoadReport:
    """Put the tensors into `model` (usually on the meta device), reading each of them once.

    Large weights are stored as `weights`, and a tensor that this type cannot hold stays float32;
    float32 tensors are not copied. Every parameter must be there with its shape and be finite
    (`-inf` is allowed in masks), and nothing else may be, except what only training needs. Raises
    `CheckpointError`, which names the keys.
    """
    expected = model.state_dict(keep_vars=True)
    has_targets = any(k.startswith(TARGETS_ONLY) for k in expected)
    ignorable = TRAINING_ONLY if has_targets else SKIPPABLE
    missing = [k for k in expected if k not in state]
    unexpected = [k for k in state if k not in expected and not k.startswith(ignorable)]
    if len(missing) == len(expected):
        raise CheckpointError(
            f"{where}: another architecture: none of the {len(expected)} parameters of DLF is there"
            f" (found {_some(list(state))})"
        )
    shapes = [k for k, v in expected.items() if k in state and v.shape != state[k].shape]
    problems = []
    if shapes:
        k = shapes[0]
        problems.append(
            f"{len(shapes)} of another size, first {k} {list(state[k].shape)},"
            f" expected {list(expected[k].shape)}"
        )
    if missing:
        problems.append(f"{len(missing)} missing: {_some(missing)}")
    if unexpected:
        problems.append(f"{len(unexpected)} unexpected: {_some(unexpected)}")
    if problems:
        raise CheckpointError(f"{where}: does not fit the configuration: " + "; ".join(problems))
    large = large_weights(model)
    loaded, change = {}, 0.0
    for key in expected:
        value = state[key].detach()
        bad = (
            value.isnan() | (value == float("inf")) if key.endswith("_mask") else ~value.isfinite()
        )
        if not value.is_floating_point() or bool(bad.any()):
            raise CheckpointError(f"{where}: {key} holds values that are not finite numbers")
        # A copy of what is small lets go of the mapped file when the rest is converted.
        stored = value.to(weights) if key in large else value.float().clone()
        if key in large and not bool(stored.isfinite().all()):
            stored = value.float()
        if stored.dtype != value.dtype:
            peak = float(value.abs().max())
            difference = float((stored.float() - value).abs().max())
            change = max(change, difference / peak if peak else 0.0)
        loaded[key] = stored
    model.load_state_dict(loaded, strict=True, assign=True)
    return LoadReport(
        keys=len(expected),
        parameters=sum(v.numel() for v in expected.values()),
        skipped=tuple(k for k in state if k not in expected),
        weight_change=change,
    )


def load_checkpoint(
    path: str | Path,
    config: PaperConfig,
    targets: bool = False,
    weights: torch.dtype = torch.float32,
) -> tuple[PaperModel, LoadReport]:
    """The model of `config` with a published checkpoint in it, ready for inference."""
    state = read_state_dict(path)
    with torch.device("meta"):
        model = PaperModel(config, targets)
    report = load_state_dict(model, state, str(path), weights)
    return model.eval().requires_grad_(False), report
