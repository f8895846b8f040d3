"""Bottleneck of the detail branch and its entropy model in float (architecture.md 4.1 item 5).

The float prior exists for training, parity and as the source of the integer prior; files are
written with the integer one only (architecture.md 3.1).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..common.prior import QUARTER_XOR, SKIP_SCALE, STEP_MIN, quarter_masks
from .layers import Conv2d


class DepthConv(nn.Module):
    """1x1, LeakyReLU, depthwise 3x3, 1x1, residual.

    A 1x1 `adaptor` carries the residual where widths differ.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(Conv2d(width_in, width_in, 1), nn.LeakyReLU(0.01))
        self.depth_conv = Conv2d(width_in, width_in, 3, padding=1, groups=width_in)
        self.conv2 = Conv2d(width_in, width_out, 1)
        self.adaptor: Conv2d | None = (
            Conv2d(width_in, width_out, 1) if width_in != width_out else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, in, H, W]` -> `[B, out, H, W]`."""
        y = self.conv2(self.depth_conv(self.conv1(x)))
        return y + (x if self.adaptor is None else self.adaptor(x))


class ConvFeedForward(nn.Module):
    """1x1 to four times the width, two halves with different leaks summed, 1x1 back, residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv2d(width, 4 * width, 1)
        self.conv_out = Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, C, H, W]` -> the same shape."""
        a, b = self.conv(x).chunk(2, dim=1)
        return x + self.conv_out(F.leaky_relu(a, 0.1) + F.leaky_relu(b, 0.01))


class DepthConvBlock4(nn.Module):
    """`DepthConv` and `ConvFeedForward`, `[B, in, H, W] -> [B, out, H, W]`."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.block = nn.Sequential(DepthConv(width_in, width_out), ConvFeedForward(width_out))

    def forward(self, x: Tensor) -> Tensor:
        """`x [B, in, H, W]` -> `[B, out, H, W]`."""
        return self.block(x)


def fold_groups(x: Tensor) -> Tensor:
    """`[B, C, H, W]`, zero outside a step's mask -> `[B, C/4, H, W]` in coding order."""
    return sum(x.chunk(4, dim=1)[1:], start=x.chunk(4, dim=1)[0])


class DetailBottleneck(nn.Module):
    """Detail feature `h [B, width, H/32, W/32]` <-> latent `y [B, C, H/32, W/32]` and its prior.

    One checkpoint is one rate point, so the gain vectors and the rate vector have a single row.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        c = channels
        self.channels = c
        self.enc_q = nn.Parameter(torch.ones(1, width, 1, 1))
        self.dec_q = nn.Parameter(torch.ones(1, width, 1, 1))
        self.factorized_prior_vec = nn.Parameter(torch.ones(1, c, 1, 1))
        self.enc_trans_0 = nn.Sequential(
            DepthConvBlock4(width, width), DepthConvBlock4(width, width)
        )
        self.enc_trans_1 = nn.Sequential(DepthConvBlock4(width, width), DepthConvBlock4(width, c))
        self.dec_trans_0 = nn.Sequential(DepthConvBlock4(c, width), DepthConvBlock4(width, width))
        self.dec_trans_1 = nn.Sequential(
            DepthConvBlock4(width, width), DepthConvBlock4(width, width)
        )
        self.y_prior_fusion = nn.Sequential(
            DepthConvBlock4(c, 2 * c), DepthConvBlock4(2 * c, 3 * c)
        )
        self.y_spatial_prior_reduction = Conv2d(3 * c, c, 1)
        self.y_spatial_prior_adaptor_1 = DepthConvBlock4(2 * c, 2 * c)
        self.y_spatial_prior_adaptor_2 = DepthConvBlock4(2 * c, 2 * c)
        self.y_spatial_prior_adaptor_3 = DepthConvBlock4(2 * c, 2 * c)
        self.y_spatial_prior = nn.Sequential(*(DepthConvBlock4(2 * c, 2 * c) for _ in range(3)))

    def encode(self, h: Tensor) -> Tensor:
        """Detail feature -> latent `y` in units where symbols are `round(y / step - mean)`."""
        return self.enc_trans_1(self.enc_trans_0(h) * self.enc_q)

    def decode(self, latent: Tensor) -> Tensor:
        """`latent` (§7.7) -> detail feature."""
        return self.dec_trans_1(self.dec_trans_0(latent) * self.dec_q)

    def prior_init(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What comes before quarter 0, each `[1, C, H, W]`.

        They are the raw quantisation step, the raw scale and mean of quarter 0, and the context of
        the later quarters.
        """
        params = self.y_prior_fusion(self.factorized_prior_vec.expand(-1, -1, height, width))
        step, scale, mean = params.chunk(3, dim=1)
        return step, scale, mean, self.y_spatial_prior_reduction(params)

    def prior_quarter(self, quarter: int, y_hat: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Raw scale and mean of quarter 1, 2 or 3, each `[B, C, H, W]`.

        They come from what is decoded so far (zero elsewhere) and the context.
        """
        params = torch.cat([y_hat, context], dim=1)
        if quarter == 1:
            params = self.y_spatial_prior_adaptor_1(params)
        elif quarter == 2:
            params = self.y_spatial_prior_adaptor_2(params)
        else:
            params = self.y_spatial_prior_adaptor_3(params)
        scale, mean = self.y_spatial_prior(params).chunk(2, dim=1)
        return scale, mean

    def drop_prior(self) -> None:
        """Forget the float prior: a package carries the integer one."""
        for name in [n for n, _ in self.named_children() if n.startswith(("y_prior", "y_spatial"))]:
            delattr(self, name)
        del self.factorized_prior_vec

    @torch.no_grad()
    def quantise(self, y: Tensor) -> dict[str, Tensor]:
        """The four quarters as an encoder walks them, in float.

        Returns:
            `step_raw`, `step` and `latent`. For each quarter k also `scale{k}` and `mean{k}` (raw,
            `[B, C, H, W]`), `residual{k}`, `symbol{k}` and `coded_scale{k}` (`[B, C/4, H, W]`).
            The last two are 0 where the scale is below `SKIP_SCALE` and nothing is coded.
        """
        _, channels, height, width = y.shape
        step_raw, scale, mean, context = self.prior_init(height, width)
        step = step_raw.clamp_min(STEP_MIN)
        y = y / step
        masks = quarter_masks(channels, height, width, y.device)
        y_hat = torch.zeros_like(y)
        out = {"step_raw": step_raw, "step": step}
        for k in range(len(QUARTER_XOR)):
            if k > 0:
                scale, mean = self.prior_quarter(k, y_hat, context)
            mask = masks[k]
            residual = torch.where(mask, y - mean, 0.0)
            coded = mask & (scale >= SKIP_SCALE)
            symbol = torch.where(coded, torch.round(residual), 0.0)
            y_hat = y_hat + torch.where(mask, symbol + mean, 0.0)
            out[f"scale{k}"], out[f"mean{k}"] = scale, mean
            out[f"residual{k}"], out[f"symbol{k}"] = fold_groups(residual), fold_groups(symbol)
            out[f"coded_scale{k}"] = fold_groups(torch.where(coded, scale, 0.0))
        out["latent"] = y_hat * step
        return out

    @staticmethod
    def estimate_bits(symbols: Tensor, scales: Tensor) -> Tensor:
        """Bits of symbols under zero-mean normals, elementwise, as training counts them."""
        normal = torch.distributions.Normal(0.0, scales.clamp(1e-5, 1e10))
        probability = normal.cdf(symbols + 0.5) - normal.cdf(symbols - 0.5)
        return (-torch.log(probability + 1e-5) / math.log(2.0)).clamp_min(0.0)
