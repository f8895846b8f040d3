"""Assembly of the small DLF network: analysis, bottleneck and prior, synthesis (architecture.md 4.1 and 4.2).

Pixels walk straight: image -> stem -> {semantic, detail} with interaction -> tokens and latent -> {semantic, detail}
with interaction -> fusion -> renderer -> image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..config import NetworkConfig
from .bottleneck import BottleneckDecoder, BottleneckEncoder
from .fusion import Fusion, Renderer
from .interactive import InteractiveBlock, NoInteraction
from .layers import ResidualConv
from .linear_path import LinearSynthesis, small_picture
from .prior import DetailPrior
from .semantic import SemanticDecoder, SemanticEncoder


def _interactions(config: NetworkConfig) -> nn.ModuleList:
    """One interactive block after each semantic layer named in ``config.interactions``, nothing after the others."""
    side = config.window // 16
    length = side**2 + config.tokens_per_window
    return nn.ModuleList(
        InteractiveBlock(config.semantic_width, config.detail_width, length, side, config.heads)
        if i in config.interactions
        else NoInteraction()
        for i in range(config.semantic_layers)
    )


def _detail_blocks(config: NetworkConfig, blocks: int) -> nn.ModuleList:
    """``blocks`` residual blocks, one after each semantic layer as far as they last."""
    if blocks > config.semantic_layers:
        raise ValueError(
            f"{blocks} detail blocks do not fit between {config.semantic_layers} semantic layers"
        )
    return nn.ModuleList(
        ResidualConv(config.detail_width) if i < blocks else nn.Identity()
        for i in range(config.semantic_layers)
    )


class Analysis(nn.Module):
    """Image to tokens and to detail features, independent of the rate."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        half, quarter, eighth = config.stem_widths
        width = config.detail_width
        self.stem = nn.Sequential(
            nn.Conv2d(3, half, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(half, quarter, 3, stride=2, padding=1),
            ResidualConv(quarter),
            nn.LeakyReLU(0.1),
            nn.Conv2d(quarter, eighth, 3, stride=2, padding=1),
            ResidualConv(eighth),
            nn.LeakyReLU(0.1),
            nn.Conv2d(eighth, width, 3, stride=2, padding=1),
        )
        self.semantic = SemanticEncoder(config)
        self.interactive = _interactions(config)
        self.detail = _detail_blocks(config, config.analysis_blocks)
        self.linear_path = config.linear_path
        self.linear_scale = config.linear_scale

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image ``[B, 3, H, W]`` in [0, 1], sides multiples of the window -> digits, token values, features.

        Digits int64 and values float are ``[N, T, D]`` with ``N = B*nH*nW``; features ``[B, Cd, H/16, W/16]``,
        with the channels of the linear path behind them where there is one.
        """
        centred = image * 2 - 1
        detail = self.stem(centred)
        semantic = self.semantic.start(detail)
        # TorchScript knows no strict=; the three lists have one entry per semantic layer.
        for layer, interact, block in zip(  # noqa: B905
            self.semantic.layers, self.interactive, self.detail
        ):
            semantic = layer(semantic)
            semantic, detail = interact(semantic, detail)
            detail = block(detail)
        digits, values = self.semantic.finish(semantic)
        if self.linear_path:
            detail = torch.cat(
                [detail, small_picture(centred, self.linear_scale).to(detail.dtype)], dim=1
            )
        return digits, values, detail


class Synthesis(nn.Module):
    """Tokens and latent to the image."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.bottleneck = BottleneckDecoder(config)
        self.linear = LinearSynthesis(config) if config.linear_path else None
        self.semantic = SemanticDecoder(config)
        self.interactive = _interactions(config)
        self.detail = _detail_blocks(config, config.synthesis_blocks)
        self.fusion = Fusion(config)
        self.renderer = Renderer(config)
        self.side = config.window // 16

    def forward(self, values: Tensor, y_hat: Tensor, rate: Tensor) -> Tensor:
        """Token values ``[N, T, D]``, latent ``[B, C, H/32, W/32]``, rate ``[B]`` -> image ``[B, 3, H, W]``."""
        return self.renderer(self.latent(values, y_hat, rate), self.base(y_hat, rate))

    def base(self, y_hat: Tensor, rate: Tensor) -> Tensor | None:
        """The base picture of the linear path, where there is one."""
        return self.linear(y_hat, rate) if self.linear is not None else None

    def latent(self, values: Tensor, y_hat: Tensor, rate: Tensor) -> Tensor:
        """The same inputs -> generative latent ``[B, Cd, H/16, W/16]``."""
        detail = self.bottleneck(y_hat, rate)
        rows, columns = detail.shape[2] // self.side, detail.shape[3] // self.side
        semantic = self.semantic.start(values)
        # TorchScript knows no strict=; the three lists have one entry per semantic layer.
        for layer, interact, block in zip(  # noqa: B905
            self.semantic.layers, self.interactive, self.detail
        ):
            semantic = layer(semantic)
            semantic, detail = interact(semantic, detail)
            detail = block(detail)
        return self.fusion(self.semantic.finish(semantic, rows, columns), detail, rate)


@dataclass
class Coded:
    """What a pass through the codec gives: image, tokens and the cost of the detail symbols."""

    image: Tensor
    """``[B, 3, H, W]``, not clamped."""
    digits: Tensor
    """int64 ``[N, T, D]``."""
    detail_bits: Tensor
    """``[B]``, ideal code length."""


class DLF(nn.Module):
    """The whole network of a small profile; :meth:`forward` is what training sees."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        if config.window % 32:
            raise ValueError(f"window {config.window} is not a multiple of 32")
        if config.linear_scale not in (2, 4):
            raise ValueError(f"linear_scale {config.linear_scale} is neither 2 nor 4")
        if config.latent_channels % 4:
            raise ValueError(f"latent_channels {config.latent_channels} is not a multiple of 4")
        self.config = config
        self.analysis = Analysis(config)
        self.bottleneck = BottleneckEncoder(config)
        self.prior = DetailPrior(config)
        self.synthesis = Synthesis(config)

    def token_map(self, values: Tensor, rows: int, columns: int) -> Tensor:
        """Token values ``[N, T, D]`` -> ``[B, T*D, nH, nW]``, the prior's view of them."""
        return values.reshape(-1, rows, columns, values.shape[1] * values.shape[2]).permute(
            0, 3, 1, 2
        )

    def forward(self, image: Tensor, rate: Tensor, keep: Tensor | None = None) -> Coded:
        """Image ``[B, 3, H, W]`` in [0, 1], rate ``[B]`` in [0, 1], keep ``[B]`` (see :class:`DetailPrior`)."""
        window = self.config.window
        digits, values, features = self.analysis(image)
        y = self.bottleneck(self.bottleneck.prepare(features), rate)
        with torch.autocast(image.device.type, enabled=False):
            tokens = self.token_map(values, image.shape[2] // window, image.shape[3] // window)
            y_hat, bits = self.prior(y.float(), rate, tokens, keep)
        return Coded(self.synthesis(values, y_hat, rate), digits, bits)
