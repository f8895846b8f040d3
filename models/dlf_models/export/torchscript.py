"""The float transforms of a package as one TorchScript module (BITSTREAM.md, annex on the model package)."""

from __future__ import annotations

import copy
import io
import struct
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..networks.model import DLF
from ..networks.reduced import DOWNSCALES, ReducedHeads, base_at

REDUCED_MEMBER = "reduced.bin"
"""Among the extra files of the archive (A.1.4)."""


class Transforms(nn.Module):
    """The methods that a package's archive offers; image samples are in [0, 1], batch size 1.

    Rate points are numbers ``0 .. rate_points-1``; the network knows rates in [0, 1].
    """

    def __init__(self, network: DLF, reduced: ReducedHeads) -> None:
        super().__init__()
        self.reduced = reduced
        self.analysis_net = network.analysis
        self.bottleneck_net = network.bottleneck
        self.synthesis_net = network.synthesis
        self.tokens_per_window = network.config.tokens_per_window
        self.digits = len(network.config.token_levels)
        self.last_rate_point = float(network.config.rate_points - 1)

    @torch.jit.export
    def analysis(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image ``[1, 3, nH*window, nW*window]`` -> digits int64 ``[nH*nW, T*D]``, rate-independent features."""
        digits, _, features = self.analysis_net(image)
        return digits.reshape(digits.shape[0], self.tokens_per_window * self.digits), features

    @torch.jit.export
    def bottleneck(self, features: Tensor, rate: int) -> Tensor:
        """Features and a rate point -> latent ``y [1, C, h, w]``; symbols are ``round(y / step - mean)``."""
        position = self._position(rate, features.device)
        return self.bottleneck_net(self.bottleneck_net.prepare(features), position)

    @torch.jit.export
    def synthesis(
        self, tokens: Tensor, y_hat: Tensor, rate: int, rows: int, columns: int
    ) -> Tensor:
        """Digits int64 ``[rows*columns, T*D]``, latent ``[1, C, h, w]``, rate point -> image, not clamped."""
        digits = tokens.reshape(rows * columns, self.tokens_per_window, self.digits)
        values = self.analysis_net.semantic.quantiser.values(digits)
        return self.synthesis_net(values, y_hat, self._position(rate, y_hat.device))

    @torch.jit.export
    def synthesis_reduced(
        self, tokens: Tensor, y_hat: Tensor, rate: int, rows: int, columns: int, downscale: int
    ) -> Tensor:
        """As ``synthesis``, at 1/downscale of the size (2, 4 or 8) and for less work.

        The tokens are there in the latent already, by way of the prior that predicts its means from them.
        """
        position = self._position(rate, y_hat.device)
        features = self.synthesis_net.bottleneck(y_hat, position)
        base = self.synthesis_net.base(y_hat, position)
        which = self.reduced.downscales.index(downscale)
        depth = self.reduced.depths[which]
        if depth > 0:
            start = self.reduced.shortcut(features)
            features = self.synthesis_net.renderer.features(start, base, depth)
        image = features
        for index, head in enumerate(self.reduced.heads):
            if index == which:
                image = head(features)
        if base is not None:
            image = image + base_at(base, self.synthesis_net.renderer.base_scale, downscale)
        return image

    def _position(self, rate: int, device: torch.device) -> Tensor:
        """Float32 whatever the host's default is."""
        return torch.full([1], rate / self.last_rate_point, dtype=torch.float32, device=device)


def transforms_archive(
    network: DLF, reduced: ReducedHeads, reduced_macs: Mapping[str, int]
) -> bytes:
    """Script the transforms with weights rounded to float16, which halves the file; a decoder widens them again.

    ``reduced_macs``: multiply-accumulates per pixel of the whole picture, by downscale.
    """
    transforms = copy.deepcopy(Transforms(network, reduced)).eval()  # the caller's stay float32
    scripted = torch.jit.script(transforms)
    costs = struct.pack("<3I", *(reduced_macs[str(d)] for d in DOWNSCALES))
    buffer = io.BytesIO()
    torch.jit.save(scripted.half(), buffer, _extra_files={REDUCED_MEMBER: costs})
    return buffer.getvalue()
