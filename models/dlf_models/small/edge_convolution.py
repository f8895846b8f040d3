"""A 3x3 convolution whose input continues beyond its border as its nearest samples.

It has a gradient of its own. Composed of padding and convolution, its gradients lie in memory in
another order than what they are added to. A sum of such a pair takes many times as long. Weight
gradients of small maps are faster as matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST_PRODUCT = 64
"""Positions of a map up to which its weight gradient is computed as a product of matrices."""


def pad_edges(x: Tensor) -> Tensor:
    """One sample more on each side, copies of the nearest, channels last.

    `[B, C, H, W] -> [B, C, H + 2, W + 2]`.
    """
    batch, channels, height, width = x.shape
    padded = torch.empty(
        (batch, channels, height + 2, width + 2),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    padded[:, :, 1:-1, 1:-1] = x
    padded[:, :, 0, 1:-1] = x[:, :, 0]
    padded[:, :, -1, 1:-1] = x[:, :, -1]
    padded[..., 0] = padded[..., 1]
    padded[..., -1] = padded[..., -2]
    return padded


def fold_edges(gradient: Tensor) -> Tensor:
    """The transpose of `pad_edges`; works in its argument."""
    gradient[..., 1] += gradient[..., 0]
    gradient[..., -2] += gradient[..., -1]
    gradient[:, :, 1] += gradient[:, :, 0]
    gradient[:, :, -2] += gradient[:, :, -1]
    inside = gradient[:, :, 1:-1, 1:-1]
    return inside.contiguous(memory_format=torch.channels_last)


def weight_gradient(gradient: Tensor, padded: Tensor) -> Tensor:
    """`[B, O, H, W]` of the output, `[B, I, H + 2, W + 2]` of padded input -> `[O, I, 3, 3]`."""
    height, width = gradient.shape[2:]
    rows = gradient.movedim(1, -1).flatten(0, 2).T
    x = padded.movedim(1, -1)
    places = [(dy, dx) for dy in range(3) for dx in range(3)]
    columns = torch.stack([x[:, dy : dy + height, dx : dx + width] for dy, dx in places], dim=3)
    product = rows @ columns.flatten(3).flatten(0, 2)
    return product.unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)


class EdgePaddedConvolution(torch.autograd.Function):
    """`x [B, I, H, W]`, `weight [O, I, 3, 3]`, `bias [O]` or None -> `[B, O, H, W]`, one type."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        """Convolve `x` after padding it by one sample of its edge."""
        padded = pad_edges(x)
        ctx.save_for_backward(padded, weight)
        return F.conv2d(padded, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Return the gradients of `x`, `weight` and `bias`, None for those that are not wanted."""
        padded, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        by_product = gradient.shape[2] * gradient.shape[3] <= LARGEST_PRODUCT
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1] and not by_product, False]
        of_padded, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient, padded, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted
        )
        if by_product and ctx.needs_input_grad[1]:
            of_weight = weight_gradient(gradient, padded)
        of_bias = gradient.sum(dim=(0, 2, 3)) if ctx.needs_input_grad[2] else None
        return fold_edges(of_padded) if wanted[0] else None, of_weight, of_bias
