"""What both architectures' entropy models share: four quarters, and the bits of a symbol (§7.3).

Each quarter of the latent's (channel group, position) pairs is predicted from those already
decoded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG2_SCALE_MIN, LOG2_SCALE_MAX = -4.0, 6.0
SKIP_SCALE = 0.12
"""Symbols whose scale is below this are not coded (architecture.md 4.1 item 5)."""
STEP_MIN = 0.5
"""Smallest quantisation step (architecture.md 4.1 item 5)."""
QUARTER_XOR = (0, 3, 2, 1)
"""Quarter s codes, at a position of parity p, channel group `p ^ QUARTER_XOR[s]`."""


def round_straight_through(x: Tensor) -> Tensor:
    """Round to the nearest integer; the gradient passes as if nothing had happened."""
    return x + (torch.round(x) - x).detach()


def quarter_masks(channels: int, height: int, width: int, device: torch.device) -> Tensor:
    """Boolean `[4, channels, height, width]`: which elements each quarter codes.

    The quarters partition the latent.
    """
    rows = torch.arange(height, device=device) % 2
    columns = torch.arange(width, device=device) % 2
    parity = rows[:, None] * 2 + columns[None, :]
    group = torch.arange(channels, device=device) // (channels // 4)
    masks = [(parity ^ x)[None] == group[:, None, None] for x in QUARTER_XOR]
    return torch.stack(masks)


def gaussian_bits(residual: Tensor, log2_scale: Tensor) -> Tensor:
    """Ideal length in bits of `residual` (integers, also plus uniform noise) under N(0, scale)."""
    inverse = torch.exp2(-log2_scale)
    magnitude = residual.abs()
    upper = 0.5 * torch.erfc((magnitude - 0.5) * inverse * math.sqrt(0.5))
    lower = 0.5 * torch.erfc((magnitude + 0.5) * inverse * math.sqrt(0.5))
    return -torch.log2((upper - lower).clamp(min=1e-9))
