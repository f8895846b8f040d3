"""Encoder and decoder: semantic and detail branch side by side, with the exchange between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .bottleneck import DetailBottleneck
from .config import PaperConfig
from .convnext import ConvNextBlock
from .interactive import InteractiveBlock, NoExchange
from .layers import Conv2d, Linear, ToFirst, ToLast
from .swin import swin
from .titok import TokenDecoder, TokenEncoder, TokenQuantiser


def _exchange(
    config: PaperConfig, width: int, layers: int, where: Sequence[int]
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Exchange and detail blocks, one pair per transformer layer; empty ones without exchange."""
    length = 1 + config.side**2 + config.tokens_per_window
    detail = config.detail_width
    inter = [
        InteractiveBlock(width, detail, length, config.side, config.exchange_layers)
        if i in where
        else NoExchange()
        for i in range(layers)
    ]
    feat = [
        nn.Sequential(
            swin(detail, 2, channels_first=True), ConvNextBlock(detail), ConvNextBlock(detail)
        )
        if i in where
        else nn.Identity()
        for i in range(layers)
    ]
    return nn.ModuleList(inter), nn.ModuleList(feat)


class HybridEncoder(TokenEncoder):
    """Picture -> unquantised tokens and detail feature."""

    def __init__(self, config: PaperConfig) -> None:
        width, layers = config.encoder_width, config.encoder_layers
        super().__init__(
            width,
            layers,
            config.encoder_heads,
            config.patch,
            config.side,
            config.tokens_per_window,
            config.token_channels,
        )
        detail = config.detail_width
        self.pix_emb_proj = Conv2d(width, detail, 1)
        self.inter_blocks, self.feat_blocks = _exchange(
            config, width, layers, config.exchange_encoder
        )
        self.feat_in = swin(detail, 4, channels_first=True)
        self.feat_out = nn.Sequential(
            swin(detail, 2, channels_first=True),
            Conv2d(detail, detail, 2, stride=2),
            ToLast(),
            nn.LayerNorm(detail),
            Linear(detail, detail),
            ToFirst(),
        )

    def forward(self, image: Tensor, latent_tokens: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 3, H, W]` in [0, 1] -> `z [N, channels, 1, T]`, `h [B, detail, H/32, W/32]`."""
        patches = self.patch_embed(image)
        feat = self.feat_in(self.pix_emb_proj(patches))
        titok = self.start(patches, latent_tokens)
        for layer, inter, block in zip(
            self.transformer, self.inter_blocks, self.feat_blocks, strict=True
        ):
            titok = layer(titok)
            titok, feat = inter(titok, feat)
            feat = block(feat)
        return self.finish(titok), self.feat_out(feat)


class HybridDecoder(TokenDecoder):
    """Quantised tokens and decoded detail feature -> two maps at 1/16."""

    def __init__(self, config: PaperConfig) -> None:
        width, layers = config.decoder_width, config.decoder_layers
        super().__init__(
            width,
            layers,
            config.decoder_heads,
            config.side,
            config.tokens_per_window,
            config.token_channels,
        )
        detail = config.detail_width
        self.init_feat_up = nn.Sequential(
            Conv2d(detail, 4 * detail, 1), nn.PixelShuffle(2), swin(detail, 4, channels_first=True)
        )
        self.inter_blocks, self.feat_blocks = _exchange(
            config, width, layers, config.exchange_decoder
        )

    def forward(self, z_hat: Tensor, h_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Semantic and detail map at 1/16.

        Of `z_hat [N, channels, 1, T]` and `h_hat [B, detail, h, w]`.
        """
        feat = self.init_feat_up(h_hat)
        titok = self.start(z_hat)
        for layer, inter, block in zip(
            self.transformer, self.inter_blocks, self.feat_blocks, strict=True
        ):
            titok = layer(titok)
            titok, feat = inter(titok, feat)
            feat = block(feat)
        return self.finish(titok, feat.shape[2] // self.side, feat.shape[3] // self.side), feat


class HybridCodec(nn.Module):
    """Everything between the picture and the fusion, both sides of the bitstream."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.latent_tokens = nn.Parameter(
            torch.randn(config.tokens_per_window, config.encoder_width) * config.encoder_width**-0.5
        )
        self.encoder = HybridEncoder(config)
        self.decoder = HybridDecoder(config)
        self.quantize = TokenQuantiser(config.codebook_size, config.token_channels)
        self.quantize_feat = DetailBottleneck(config.detail_width, config.latent_channels)
