"""Checkpoints: all that a run needs to go on as if never stopped, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write to a temporary file beside `path`, then replace; a full disk leaves the previous one.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except RuntimeError as error:  # what the archive writer makes of a failed write
        raise OSError(f"{path}: cannot be written ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path, weights: str | None = "ema") -> dict[str, Any]:
    """Read a checkpoint (tensors and plain values only).

    `weights`: what it must hold, "ema" in those of the small architecture, "state_dict" in those of
    the paper's, "importance" in those of importance heads; None: any of them.

    Raises:
        ValueError: the file, which the message names, is not one.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a readable checkpoint ({error})") from error
    if not isinstance(state, dict) or not {"config", weights or "config"} <= state.keys():
        raise ValueError(f"{path}: not a DLF training checkpoint")
    return state
