"""`python -m dlf_models.small.slim CHECKPOINT OUT`: a checkpoint without its optimiser.

It holds what another machine needs to go on, in a fifth of the bytes: averaged weights as 16-bit
floats, and counters.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from ..common.checkpoint import load_checkpoint, save_checkpoint


def slim(state: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint with only its averaged weights, as float16; training goes on from these."""
    half = {k: v.half() if v.is_floating_point() else v for k, v in state["ema"].items()}
    kept = {k: state[k] for k in ("config", "recipe", "counters")}
    return {**kept, "network": half, "ema": half, "optimisers": None}


def main() -> None:
    """Write the checkpoint of the first argument to the second without what no training needs."""
    source, out = (Path(a) for a in sys.argv[1:3])
    state = slim(load_checkpoint(source))
    save_checkpoint(
        out, {k: v.cpu() if isinstance(v, torch.Tensor) else v for k, v in state.items()}
    )


if __name__ == "__main__":
    main()
