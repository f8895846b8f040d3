"""The quantiser of the tokens: finite scalar quantisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..common.prior import round_straight_through


class FiniteScalarQuantiser(nn.Module):
    """FSQ (arXiv 2309.15505): D components, each squashed and rounded to one of `levels[d]` values.

    A token is the tuple of its D digits `0 .. levels[d]-1`; nothing is learned here, so no codebook
    can collapse, which a 1-D vector quantiser trained from scratch does (architecture.md 4.2).
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        # Plain numbers, not buffers: they must not be rounded when a package stores its weights in
        # float16.
        half = [(count - 1) * (1 + 1e-3) / 2 for count in levels]
        offset = [0.5 if count % 2 == 0 else 0.0 for count in levels]
        self.half_width: list[float] = half
        self.offset: list[float] = offset
        self.shift: list[float] = [math.atanh(o / h) for o, h in zip(offset, half, strict=True)]
        self.floor: list[float] = [float(count // 2) for count in levels]

    def _tensor(self, values: list[float], device: torch.device) -> Tensor:
        """Float32 whatever the host's default is: a package's results must not depend on that."""
        return torch.tensor(values, dtype=torch.float32, device=device)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[..., D]` -> digits (int64, `[..., D]`) and values, straight-through, in [-1, 1]."""
        floor = self._tensor(self.floor, x.device)
        squashed = torch.tanh(x.float() + self._tensor(self.shift, x.device))
        bounded = squashed * self._tensor(self.half_width, x.device) - self._tensor(
            self.offset, x.device
        )
        rounded = round_straight_through(bounded)
        digits = (rounded.detach() + floor).long()
        return digits, rounded / floor

    def values(self, digits: Tensor) -> Tensor:
        """Digits `[..., D]` -> the values that the decoder sees, `[..., D]` float32 in [-1, 1]."""
        floor = self._tensor(self.floor, digits.device)
        return (digits.float() - floor) / floor
