"""Coding of a latent with the float prior, step by step, as files are coded with the integer prior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .prior import SKIP_SCALE, DetailPrior, quadtree_masks


@dataclass
class HardCoded:
    """What an encoder and a decoder make of a latent; all tensors like ``y``."""

    symbols: Tensor
    log2_scale: Tensor
    latent: Tensor
    """What the synthesis gets."""


def code_hard(prior: DetailPrior, y: Tensor, rate: Tensor, token_values: Tensor) -> HardCoded:
    """``y [B, C, h, w]``, rate ``[B]`` in [0, 1], token values ``[B, T*D, nH, nW]``: the quadtree's four steps."""
    step, scale, mean, context = prior.initial(rate, token_values)
    masks = quadtree_masks(prior.channels, y.shape[2], y.shape[3], y.device)
    y_hat, symbols, scales = torch.zeros_like(y), torch.zeros_like(y), torch.zeros_like(y)
    for index in range(4):
        if index > 0:
            scale, mean = prior.refine(index - 1, y_hat, context)
        rounded = torch.round(y / step - mean) * (scale >= math.log2(SKIP_SCALE))
        y_hat = torch.where(masks[index], rounded + mean, y_hat)
        symbols = torch.where(masks[index], rounded, symbols)
        scales = torch.where(masks[index], scale, scales)
    return HardCoded(symbols, scales, y_hat * step)
