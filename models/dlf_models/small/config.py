"""Sizes of the convolutional networks; the numbers of a profile stand in `models/configs`."""

from __future__ import annotations

from dataclasses import dataclass

STRIDE = 32
"""Pixels to a side of a latent position."""


@dataclass(frozen=True)
class NetworkConfig:
    """All sizes of the networks. Widths are channels; `/16` means one position per 16x16 pixels."""

    window: int = 128
    """Pixels to a side of the unit of tokens: 128, for semantic levels at /128, /64, /32, /16."""
    tokens_per_window: int = 4
    token_levels: tuple[int, ...] = (8, 5, 5, 5)
    semantic_width: int = 64
    """Semantic branch at /16; twice as much at /32 and /64."""
    semantic_blocks: int = 1
    stem_widths: tuple[int, int, int] = (24, 48, 96)
    """Analysis at /2, /4, /8."""
    detail_width: int = 192
    """Detail branch at /16."""
    analysis_blocks: int = 2
    bottleneck_width: int = 256
    latent_channels: int = 256
    linear_channels: int = 36
    """Latent channels that the linear path adds to: the strongest components."""
    rate_width: int = 32
    """Components of the learned rate vectors that enter as channels."""
    rate_anchors: int = 8
    prior_token_width: int = 32
    prior_width: int = 128
    synthesis_blocks: int = 1
    fusion_blocks: int = 1
    render_widths: tuple[int, int, int] = (96, 48, 16)
    """Renderer at /8, /4, /2."""
    grain: bool = False
    """Whether the renderer adds noise at full size, as strong as it decides for each place."""
    render_blocks: tuple[int, int, int] = (1, 1, 1)
    """Residual blocks of the renderer at /8, /4, /2."""

    def __post_init__(self) -> None:
        if self.window != 4 * STRIDE:
            raise ValueError(f"window {self.window} is not {4 * STRIDE}")
        if self.latent_channels % 4:
            raise ValueError(f"latent_channels {self.latent_channels} is not a multiple of 4")

    @property
    def token_channels(self) -> int:
        """Channels of the token grid: T*D."""
        return self.tokens_per_window * len(self.token_levels)
