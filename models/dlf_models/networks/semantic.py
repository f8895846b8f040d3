"""Semantic branch: a window becomes a few tokens, and tokens become a map again (architecture.md 4.1 items 2 and 6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import NetworkConfig
from .layers import TransformerLayer, from_windows, to_windows
from .quantise import FiniteScalarQuantiser


class SemanticEncoder(nn.Module):
    """Holds the layers of the token encoder; :class:`~.model.Analysis` interleaves them with the detail branch.

    Sequence of a window: ``window_positions`` patches followed by ``tokens`` latent tokens.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.semantic_width
        self.side = config.window // 16
        self.tokens = config.tokens_per_window
        self.embed = nn.Conv2d(config.detail_width, width, 1)
        self.position = nn.Parameter(torch.randn(1, self.side * self.side, width) * 0.02)
        self.latent_tokens = nn.Parameter(torch.randn(1, self.tokens, width) * 0.2)
        self.layers = nn.ModuleList(
            TransformerLayer(width, config.heads, config.mlp_ratio)
            for _ in range(config.semantic_layers)
        )
        self.ln_post = nn.LayerNorm(width)
        self.to_digits = nn.Linear(width, len(config.token_levels))
        self.quantiser = FiniteScalarQuantiser(config.token_levels)

    def start(self, features: Tensor) -> Tensor:
        """Feature map ``[B, Cd, H/16, W/16]`` -> sequences ``[N, side*side + T, Cs]``."""
        patches = to_windows(self.embed(features), self.side) + self.position
        return torch.cat([patches, self.latent_tokens.expand(patches.shape[0], -1, -1)], dim=1)

    def finish(self, sequence: Tensor) -> tuple[Tensor, Tensor]:
        """Sequences -> digits int64 ``[N, T, D]`` and straight-through values ``[N, T, D]``."""
        digits, values = self.quantiser(self.to_digits(self.ln_post(sequence[:, -self.tokens :])))
        return digits, values


class SemanticDecoder(nn.Module):
    """Mirror of :class:`SemanticEncoder`: tokens and mask patches become a feature map."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.semantic_width
        self.side = config.window // 16
        self.tokens = config.tokens_per_window
        self.embed = nn.Linear(len(config.token_levels), width)
        self.token_position = nn.Parameter(torch.randn(1, self.tokens, width) * 0.2)
        self.mask_tokens = nn.Parameter(torch.randn(1, self.side * self.side, width) * 0.02)
        self.layers = nn.ModuleList(
            TransformerLayer(width, config.heads, config.mlp_ratio)
            for _ in range(config.semantic_layers)
        )
        self.ln_post = nn.LayerNorm(width)

    def start(self, values: Tensor) -> Tensor:
        """Token values ``[N, T, D]`` -> sequences ``[N, side*side + T, Cs]``."""
        tokens = self.embed(values) + self.token_position
        return torch.cat([self.mask_tokens.expand(tokens.shape[0], -1, -1), tokens], dim=1)

    def finish(self, sequence: Tensor, rows: int, columns: int) -> Tensor:
        """Sequences -> feature map ``[B, Cs, rows*side, columns*side]``."""
        return from_windows(
            self.ln_post(sequence[:, : self.side * self.side]), self.side, rows, columns
        )
