"""Semantic branch: token sequences of a window, and the vector quantiser of its tokens.

See docs/architecture.md 4.1, items 2 and 6. The published model numbers its parts so that one
module holds both branches of a side; `hybrid` derives from the classes here and adds the detail
branch and the exchange.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import Conv2d, Linear, TransformerLayer
from .windows import from_windows, to_windows


class TokenEncoder(nn.Module):
    """Sequence of a window: `1 class + side*side patches (row by row) + T latent tokens`."""

    def __init__(
        self, width: int, layers: int, heads: int, patch: int, side: int, tokens: int, channels: int
    ) -> None:
        super().__init__()
        self.side = side
        self.tokens = tokens
        self.patch_embed = Conv2d(3, width, patch, stride=patch)
        self.class_embedding = nn.Parameter(torch.randn(1, width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(side * side + 1, width) * width**-0.5)
        self.latent_token_positional_embedding = nn.Parameter(
            torch.randn(tokens, width) * width**-0.5
        )
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.ModuleList(TransformerLayer(width, heads) for _ in range(layers))
        self.ln_post = nn.LayerNorm(width)
        self.conv_out = Conv2d(width, channels, 1)

    def start(self, patches: Tensor, latent_tokens: Tensor) -> Tensor:
        """Patch map and latent tokens `[T, D]` -> sequences `[N, 1+side*side+T, D]`.

        The map is `[B, D, H/16, W/16]`.
        """
        x = to_windows(patches, self.side)
        n = x.shape[0]
        x = torch.cat([self.class_embedding.expand(n, 1, -1), x], dim=1) + self.positional_embedding
        latents = latent_tokens + self.latent_token_positional_embedding
        return self.ln_pre(torch.cat([x, latents.expand(n, -1, -1)], dim=1))

    def finish(self, titok: Tensor) -> Tensor:
        """Sequences -> unquantised tokens `[N, channels, 1, T]`.

        The published model reinterprets `[T, D]` as `[D, T]` in memory instead of transposing;
        so must we.
        """
        x = self.ln_post(titok[:, -self.tokens :])
        n, tokens, width = x.shape
        return self.conv_out(x.reshape(n, width, tokens, 1)).reshape(n, -1, 1, tokens)


class TokenDecoder(nn.Module):
    """Mirror of `TokenEncoder`: mask tokens stand where the patches were."""

    def __init__(
        self, width: int, layers: int, heads: int, side: int, tokens: int, channels: int
    ) -> None:
        super().__init__()
        self.side = side
        self.class_embedding = nn.Parameter(torch.randn(1, width) * width**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(side * side + 1, width) * width**-0.5)
        self.mask_token = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)
        self.latent_token_positional_embedding = nn.Parameter(
            torch.randn(tokens, width) * width**-0.5
        )
        self.decoder_embed = Linear(channels, width)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.ModuleList(TransformerLayer(width, heads) for _ in range(layers))
        self.ln_post = nn.LayerNorm(width)

    def start(self, z_hat: Tensor) -> Tensor:
        """Quantised tokens `[N, channels, 1, T]` -> sequences `[N, 1+side*side+T, D]`."""
        latents = (
            self.decoder_embed(z_hat.squeeze(2).transpose(1, 2))
            + self.latent_token_positional_embedding
        )
        n = latents.shape[0]
        masks = self.mask_token.expand(1, self.side * self.side, -1)
        x = torch.cat([self.class_embedding.unsqueeze(0), masks], dim=1) + self.positional_embedding
        return self.ln_pre(torch.cat([x.expand(n, -1, -1), latents], dim=1))

    def finish(self, titok: Tensor, rows: int, columns: int) -> Tensor:
        """Sequences -> feature map `[B, D, rows*side, columns*side]`."""
        x = self.ln_post(titok[:, 1 : 1 + self.side * self.side])
        return from_windows(x, self.side, rows, columns)


class TokenQuantiser(nn.Module):
    """Nearest code on the unit sphere: both the tokens and the codebook are l2-normalised first."""

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)

    def forward(self, z: Tensor) -> Tensor:
        """`z [N, channels, 1, T]` -> token indices int64 `[N, T]`; distances always float32."""
        flat = F.normalize(z.float().squeeze(2).transpose(1, 2), dim=2)
        codes = F.normalize(self.embedding.weight.float(), dim=1)
        distance = (flat**2).sum(2, keepdim=True) + (codes**2).sum(1) - 2 * flat @ codes.t()
        return distance.argmin(2)

    def values(self, tokens: Tensor) -> Tensor:
        """Token indices int64 `[N, T]` -> unit vectors for the decoder, `[N, channels, 1, T]`."""
        return F.normalize(self.embedding(tokens).transpose(1, 2).unsqueeze(2), dim=1)

    def loss(self, z: Tensor, tokens: Tensor, commitment: float = 0.25) -> Tensor:
        """Codebook plus commitment loss of a training step (a scalar)."""
        unit = F.normalize(z, dim=1)
        chosen = self.values(tokens)
        return (chosen - unit.detach()).pow(2).mean() + commitment * (chosen.detach() - unit).pow(
            2
        ).mean()
