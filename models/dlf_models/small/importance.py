"""The importance head: how much people will look at each position of the latent grid.

Its first layer is part of the analysis program, the others are the program `importance`
(BITSTREAM.md A.3, architecture.md 3.4).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Conv, Down, Residual, leaky

NARROW = 44
"""Channels of the first layer at most: as many as in the detail branch, twice as many after it."""
MOST = 127
"""What the program puts out for the importance 1 (A.3)."""


class ImportanceHead(nn.Module):
    """Detail branch of the analysis at /16, `[B, Cd, H/16, W/16]` -> `[B, 1, H/32, W/32]`.

    0 is for none and 1 for most. The encoder takes three values of it: none, half from 0.25 on, full
    from 0.45 on (BITSTREAM.md A.3).
    """

    def __init__(self, detail_width: int) -> None:
        super().__init__()
        narrow = min(NARROW, detail_width)
        self.narrow = Conv(detail_width, narrow)
        self.gather = Down(narrow, 2 * narrow, 3)
        self.blocks = nn.ModuleList(Residual(2 * narrow) for _ in range(2))
        self.out = Conv(2 * narrow, 1)

    def features(self, detail: Tensor) -> Tensor:
        """What the analysis program hands over: `[B, 4 * narrow, H/32, W/32]`."""
        return F.pixel_unshuffle(leaky(self.narrow(leaky(detail))), 2)

    def forward(self, features: Tensor) -> Tensor:
        """`features [B, Cd, h, w]` at 1/16 -> `[B, 1, h/2, w/2]`, of any size."""
        x = leaky(self.gather.conv(features))
        for block in self.blocks:
            x = block(x)
        return self.out(leaky(x))
