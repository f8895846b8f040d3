"""A TorchScript package of small random networks, with a method for reduced sizes.

Its normative part, and so its entropy model, is that of another TorchScript package.
"""

from __future__ import annotations

import io
import json
import struct

import torch
import torch.nn.functional as F
from dlf_models.package.torchscript import NormativePart, assemble_package, read_package
from torch import Tensor, nn

REDUCED_MEMBER = "reduced.bin"
"""Among the extra files of the archive (A.1.4)."""


class RandomTransforms(nn.Module):
    """What an archive offers (Annex A): pictures ``[B, 3, H, W]`` in [0, 1], sides whole windows.

    The picture at 1/8 of its size is a linear map of the latent and of the tokens; larger sizes
    enlarge it, and the whole size adds texture.
    """

    def __init__(self, part: NormativePart) -> None:
        super().__init__()
        digits, channels = part.tokens_per_window * len(part.levels), part.latent_channels
        self.window = part.window
        self.digits = digits
        self.rate_points = float(part.rate_points)
        self.register_buffer("levels", torch.tensor(part.levels * part.tokens_per_window))
        self.shrink = nn.Conv2d(3, 16, 8, stride=8)
        self.features = nn.Conv2d(16, channels, 3, padding=1)
        self.token_layer = nn.Conv2d(channels, digits, 1)
        self.draw = nn.Conv2d(channels, 3 * 16, 3, padding=1)
        self.texture = nn.Conv2d(3, 3, 3, padding=1)
        with torch.no_grad():
            self.features.weight.mul_(20)
            self.draw.weight.mul_(0.2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`analysis`."""
        return self.analysis(image)

    @torch.jit.export
    def analysis(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Digits int64 ``[B*nH*nW, T*D]``, and features on the latent grid."""
        features = self.features(F.avg_pool2d(torch.tanh(self.shrink(image)), 4))
        means = F.avg_pool2d(features, self.window // 32)
        shares = torch.sigmoid(self.token_layer(means)).permute(0, 2, 3, 1).reshape(-1, self.digits)
        return torch.minimum((shares * self.levels).long(), self.levels - 1), features

    @torch.jit.export
    def bottleneck(self, features: Tensor, rate: int) -> Tensor:
        """The latent ``[B, C, h, w]``: larger at higher rates."""
        return features * ((rate + 1) / self.rate_points)

    @torch.jit.export
    def synthesis(
        self, tokens: Tensor, latent: Tensor, rate: int, rows: int, columns: int
    ) -> Tensor:
        """The picture, not clamped."""
        picture = self._enlarged(tokens, latent, rows, columns, 8)
        return picture + 0.02 * torch.tanh(self.texture(picture))

    @torch.jit.export
    def synthesis_reduced(
        self, tokens: Tensor, latent: Tensor, rate: int, rows: int, columns: int, downscale: int
    ) -> Tensor:
        """The picture at 1/downscale of its size: 2, 4 or 8."""
        return self._enlarged(tokens, latent, rows, columns, 8 // downscale)

    def _enlarged(
        self, tokens: Tensor, latent: Tensor, rows: int, columns: int, factor: int
    ) -> Tensor:
        # The rows are those of all pictures of the call.
        grid = [latent.shape[0], 1, rows // latent.shape[0], columns]
        shares = (tokens / self.levels).to(latent.dtype).mean(dim=1).reshape(grid)
        drawn = F.pixel_shuffle(self.draw(latent), 4) + 0.4
        drawn = drawn + 0.1 * F.interpolate(shares, size=drawn.shape[2:])
        return F.interpolate(drawn, scale_factor=float(factor))


class SensitiveTransforms(RandomTransforms):
    """Its pictures show the last bit of an attention, and whether numbers below 2^-126 are zeros.

    Attention is written as networks after the paper have it, for libtorch to choose a kernel.
    """

    @torch.jit.export
    def synthesis(
        self, tokens: Tensor, latent: Tensor, rate: int, rows: int, columns: int
    ) -> Tensor:
        """The picture, not clamped."""
        picture = self._enlarged(tokens, latent, rows, columns, 8)
        q = torch.tanh(latent.flatten(2).transpose(1, 2).unsqueeze(1))
        attended = F.scaled_dot_product_attention(q, q, q).float().sum()
        # For values of another width there is no kernel.
        plain = F.scaled_dot_product_attention(q, q, q.repeat(1, 1, 1, 2)).float().sum()
        shown = torch.sin(1e6 * attended) + torch.sin(1e6 * plain)
        return picture * 1e-20 * 1e-20 * 1e20 * 1e20 + 0.1 * shown


def random_torch_package(
    like: bytes, transforms: type[RandomTransforms] = RandomTransforms
) -> bytes:
    """A package with the normative part of the TorchScript package ``like``."""
    part, _ = read_package(like)
    torch.manual_seed(0)
    module = torch.jit.script(transforms(part).eval().requires_grad_(False))
    macs = {str(factor): part.synthesis_macs // (2 * factor) for factor in (2, 4, 8)}
    archive = io.BytesIO()
    costs = struct.pack("<3I", *macs.values())
    torch.jit.save(module.half(), archive, _extra_files={REDUCED_MEMBER: costs})
    described = json.dumps({"name": "random", "reduced_macs_per_pixel": macs})
    return assemble_package(archive.getvalue(), part, described)
