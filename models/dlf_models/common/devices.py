"""How a network computes: in which precision, with which memory, compiled or not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16}


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there.

    A CPU without instructions for it takes ten times as long.
    """
    return device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def precision_for(device: torch.device, wished: str | None = None) -> str:
    """The precision wished for, else the faster one."""
    return wished or ("bf16" if multiplies_bfloat16(device) else "fp32")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Mixed precision for the forward pass ("bf16"), or none ("fp32")."""
    dtype = PRECISIONS[precision]
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def checkpoint_activations(module: nn.Module, kinds: Iterable[type[nn.Module]]) -> int:
    """Let outermost parts of these kinds forget activations and compute them again for gradients.

    A third more work for a fraction of the memory. Keys of the state dict stay. Returns how many
    parts there are.
    """
    count = 0
    wanted = tuple(kinds)
    for child in module.children():
        if isinstance(child, wanted):
            child.forward = partial(  # type: ignore[method-assign]
                checkpoint, child.forward, use_reentrant=False
            )
            count += 1
        else:
            count += checkpoint_activations(child, wanted)
    return count
