"""Networks so small that tests of training and export take no time."""

from __future__ import annotations

from dlf_models.paper.config import PaperConfig
from dlf_models.small.config import NetworkConfig

TINY_NETWORK = NetworkConfig(
    semantic_width=4,
    stem_widths=(4, 4, 8),
    detail_width=8,
    bottleneck_width=8,
    latent_channels=8,
    linear_channels=4,
    rate_width=4,
    prior_token_width=4,
    prior_width=8,
    render_widths=(8, 4, 4),
)

TINY_PAPER = PaperConfig(
    codebook_size=16,
    token_channels=4,
    tokens_per_window=4,
    encoder_width=64,
    encoder_layers=2,
    encoder_heads=1,
    decoder_width=64,
    decoder_layers=2,
    decoder_heads=1,
    detail_width=64,
    latent_channels=4,
    exchange_encoder=(0,),
    exchange_decoder=(1,),
    exchange_layers=1,
    fusion_width=64,
    vqgan_channels=32,
    vqgan_multipliers=(1, 1, 1, 1, 1),
    vqgan_blocks=1,
    vqgan_latent=8,
    vqgan_embedding=8,
    vqgan_codes=8,
)
