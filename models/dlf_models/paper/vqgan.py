"""VQGAN (/16): its decoder makes the pixels, its frozen encoder only gives training targets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import PaperConfig
from .layers import Conv2d


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """Two normalised 3x3 convolutions with swish, residual; a 1x1 shortcut where widths differ."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.norm1 = _norm(width_in)
        self.conv1 = Conv2d(width_in, width_out, 3, padding=1)
        self.norm2 = _norm(width_out)
        self.conv2 = Conv2d(width_out, width_out, 3, padding=1)
        self.nin_shortcut: Conv2d | None = (
            Conv2d(width_in, width_out, 1) if width_in != width_out else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, in, H, W]` -> `[B, out, H, W]`."""
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (x if self.nin_shortcut is None else self.nin_shortcut(x))


class AttentionBlock(nn.Module):
    """Single-head attention over all positions of the map, residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q = Conv2d(width, width, 1)
        self.k = Conv2d(width, width, 1)
        self.v = Conv2d(width, width, 1)
        self.proj_out = Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        b, c, h, w = x.shape
        y = self.norm(x)
        q, k, v = (
            m.flatten(2).transpose(1, 2).unsqueeze(1) for m in (self.q(y), self.k(y), self.v(y))
        )
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(y.squeeze(1).transpose(1, 2).reshape(b, c, h, w))


class Middle(nn.Module):
    """Block, attention, block at the lowest resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(width, width)
        self.attn_1 = AttentionBlock(width)
        self.block_2 = ResnetBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample(nn.Module):
    """3x3 convolution with stride 2; one zero row and column at the far edges."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]`, sides even -> `[B, C, H/2, W/2]`."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest neighbour by 2, then a 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> `[B, C, 2H, 2W]`."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks of one resolution, then a resampling.

    Each is followed by attention where `attention` says so.
    """

    def __init__(
        self, width_in: int, width: int, blocks: int, attention: bool, resample: str
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            ResnetBlock(width_in if i == 0 else width, width) for i in range(blocks)
        )
        self.attn = nn.ModuleList(
            AttentionBlock(width) if attention else nn.Identity() for _ in range(blocks)
        )
        self.downsample: Downsample | None = Downsample(width) if resample == "down" else None
        self.upsample: Upsample | None = Upsample(width) if resample == "up" else None

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, in, H, W]` -> `[B, out, ...]` with sides halved, doubled or as they are."""
        for block, attn in zip(self.block, self.attn, strict=True):
            x = attn(block(x))
        if self.downsample is not None:
            x = self.downsample(x)
        if self.upsample is not None:
            x = self.upsample(x)
        return x


class VqganEncoder(nn.Module):
    """Picture `[B, 3, H, W]` in [-1, 1] -> codebook indices, targets of training.

    They are int64 `[B, H/16, W/16]`.
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        widths = [config.vqgan_channels * m for m in config.vqgan_multipliers]
        last = len(widths) - 1
        self.conv_in = Conv2d(3, config.vqgan_channels, 3, padding=1)
        self.down = nn.ModuleList(
            Level(
                widths[i - 1] if i else config.vqgan_channels,
                widths[i],
                config.vqgan_blocks,
                config.vqgan_attention and i == last,
                "down" if i < last else "none",
            )
            for i in range(len(widths))
        )
        self.mid = Middle(widths[-1])
        self.norm_out = _norm(widths[-1])
        self.conv_out = Conv2d(widths[-1], config.vqgan_latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, 3, H, W]` in [-1, 1], sides multiples of 16 -> `[B, latent, H/16, W/16]`."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class VqganDecoder(nn.Module):
    """Latent `[B, latent, h, w]` -> picture `[B, 3, 16h, 16w]`, about [-1, 1], not clamped."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        widths = [config.vqgan_channels * m for m in config.vqgan_multipliers]
        last = len(widths) - 1
        self.conv_in = Conv2d(config.vqgan_latent, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        # Level i works at 1/2^i of the picture; decoding walks from the last to the first.
        self.up = nn.ModuleDict(
            {
                str(i): Level(
                    widths[min(i + 1, last)],
                    widths[i],
                    config.vqgan_blocks + 1,
                    config.vqgan_attention and i == last,
                    "up" if i > 0 else "none",
                )
                for i in range(last, -1, -1)
            }
        )
        self.norm_out = _norm(widths[0])
        self.conv_out = Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, latent, h, w]` -> `[B, 3, 16h, 16w]` in about [-1, 1], not clamped."""
        x = self.mid(self.conv_in(x))
        for level in self.up.values():
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Codebook(nn.Module):
    """The VQGAN's codes, `embedding.weight [codes, channels]`."""

    def __init__(self, codes: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, channels)

    def nearest(self, x: Tensor) -> Tensor:
        """`[B, channels, h, w]` -> index of the nearest code, int64 `[B, h, w]`."""
        flat = x.permute(0, 2, 3, 1)
        codes = self.embedding.weight
        distance = (flat**2).sum(3, keepdim=True) + (codes**2).sum(1) - 2 * flat @ codes.t()
        return distance.argmin(3)

    def expectation(self, logits: Tensor) -> Tensor:
        """`softmax(logits) x codebook`, soft and never an argmax.

        `[B, codes, h, w] -> [B, channels, h, w]`.
        """
        return (logits.permute(0, 2, 3, 1).softmax(3) @ self.embedding.weight).permute(0, 3, 1, 2)


class Vqgan(nn.Module):
    """Codebook and decoder; where `targets` is set also the encoder, for training targets."""

    def __init__(self, config: PaperConfig, targets: bool) -> None:
        super().__init__()
        if targets:
            self.encoder = VqganEncoder(config)
            self.quant_conv = Conv2d(config.vqgan_latent, config.vqgan_embedding, 1)
        self.decoder = VqganDecoder(config)
        self.quantize = Codebook(config.vqgan_codes, config.vqgan_embedding)
        self.post_quant_conv = Conv2d(config.vqgan_embedding, config.vqgan_latent, 1)

    def decode(self, latent: Tensor) -> Tensor:
        """Latent `[B, channels, h, w]` -> picture `[B, 3, 16h, 16w]`, about [-1, 1], unclamped."""
        # Group norm in channels-last order loses a digit on large maps; planes keep it.
        return self.decoder(self.post_quant_conv(latent.contiguous()))

    @torch.jit.unused
    def encode_indices(self, x: Tensor) -> Tensor:
        """Picture `[B, 3, H, W]` in [-1, 1] -> codebook indices int64 `[B, H/16, W/16]`."""
        return self.quantize.nearest(self.quant_conv(self.encoder(x)))
