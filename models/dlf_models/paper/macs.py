"""Multiply-accumulates of the products in the paper's attention layers."""

from __future__ import annotations

from torch import Tensor, nn

from .layers import SelfAttention
from .swin import POSITIONS, WindowAttention
from .vqgan import AttentionBlock


def of_attention(module: nn.Module, source: Tensor, _output: Tensor) -> int:
    """What the products of an attention layer do; its linear layers count by themselves."""
    if isinstance(module, SelfAttention):
        return source.numel() * (3 * source.shape[2] + 2 * source.shape[1])
    if isinstance(module, WindowAttention):
        return source.numel() * 2 * POSITIONS
    if isinstance(module, AttentionBlock):
        return source.numel() * 2 * source.shape[2] * source.shape[3]
    return 0
