"""Random rate maps and dropped details: what a batch of training crops is coded with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONSTANT, BLOBS = 0.5, 0.25
"""Shares of maps with one rate everywhere and with smooth blobs; the others have boxes (a face in a
picture).
"""
DROPPED, DROPPED_IN_PLACES = 0.1, 0.1
"""Shares of samples whose detail is not sent, or not in a box: tokens must earn their bits."""


def boxes(batch: int, height: int, width: int) -> Tensor:
    """One random box per sample, bool `[batch, height, width]`: at least one position, not all."""
    rows, columns = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]

    def span(length: int) -> tuple[Tensor, Tensor]:
        size = torch.randint(1, max(length, 2), (batch, 1, 1))
        first = (torch.rand(batch, 1, 1) * (length - size + 1)).long()
        return first, first + size

    (top, bottom), (left, right) = span(height), span(width)
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def draw_rates(batch: int, height: int, width: int) -> Tensor:
    """Rates in [0, 1], `[batch, height, width]`.

    Base rates are spread evenly over the batch, half of them with a map.
    """
    base = ((torch.randperm(batch) + torch.rand(batch)) / batch)[:, None, None]
    kind = torch.rand(batch, 1, 1)
    swing = torch.rand(batch, 1, 1) - 0.35
    coarse = torch.randn(batch, 1, 2, 2)
    blobs = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)[:, 0] * 0.35
    box = boxes(batch, height, width) * swing
    offset = torch.where(
        kind < CONSTANT, torch.zeros(()), torch.where(kind < CONSTANT + BLOBS, blobs, box)
    )
    return (base + offset).clamp(0, 1)


def draw_keep(batch: int, height: int, width: int) -> Tensor:
    """1 where detail symbols are sent, float `[batch, height, width]`."""
    kind = torch.rand(batch, 1, 1)
    everywhere = kind < DROPPED
    in_places = (kind >= DROPPED) & (kind < DROPPED + DROPPED_IN_PLACES)
    dropped = everywhere | (in_places & boxes(batch, height, width))
    return (~dropped).float()
