"""Shortcut and heads of reduced-size decoding, fitted in closed form (:mod:`dlf_models.networks.reduced`).

Ridge least squares in float64: features of a square of neighbours -> what they stand for. The shortcut is fitted to the
latent that the whole trunk gives, the heads to the box average of the picture that the whole synthesis gives, on photographs
coded at rate points all over the range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..networks.hard_coding import code_hard
from ..networks.model import DLF
from ..networks.reduced import DOWNSCALES, NEIGHBOURS, LinearMap, ReducedHeads, base_at
from .calibration import whole_windows

RIDGE = 1e-4
"""Weight of the weights' squares, relative to the mean square of the features."""
MOST_IMAGES = 96
POSITIONS_PER_IMAGE = 1024
"""Drawn at random where there are more: neighbours have little to add to each other."""


class LeastSquares:
    """Accumulates normal equations of one :class:`LinearMap`; sets its weights at the end."""

    def __init__(self, target: LinearMap) -> None:
        self.target = target
        inputs = target.conv.in_channels * NEIGHBOURS**2 + 1
        self.gram = torch.zeros(inputs, inputs, dtype=torch.float64)
        self.moment = torch.zeros(inputs, target.conv.out_channels, dtype=torch.float64)
        self.dice = np.random.default_rng(1)

    def see(self, features: Tensor, wanted: Tensor) -> None:
        """``features [1, C, h, w]``; ``wanted`` is what the map should give for them."""
        edge = NEIGHBOURS // 2
        around = F.unfold(F.pad(features, [edge] * 4, mode="replicate"), NEIGHBOURS)[0]
        outputs = F.pixel_unshuffle(wanted, self.target.shuffle.upscale_factor)[0].flatten(1)
        count = around.shape[1]
        if count > POSITIONS_PER_IMAGE:
            chosen = torch.from_numpy(self.dice.choice(count, POSITIONS_PER_IMAGE, replace=False))
            around, outputs = around[:, chosen], outputs[:, chosen]
        x = torch.cat([around, torch.ones(1, around.shape[1])]).double()
        self.gram += x @ x.T
        self.moment += x @ outputs.double().T

    @torch.no_grad()
    def solve(self) -> None:
        penalty = RIDGE * self.gram.diagonal().mean() * torch.eye(len(self.gram)).double()
        solution = torch.linalg.solve(self.gram + penalty, self.moment).T.float()
        conv = self.target.conv
        assert conv.bias is not None
        conv.weight.copy_(solution[:, :-1].reshape(conv.weight.shape))
        conv.bias.copy_(solution[:, -1])


@dataclass
class Decoded:
    """One photograph as a decoder sees it."""

    values: Tensor
    latent: Tensor
    rate: Tensor
    picture: Tensor
    """``[1, 3, H, W]`` of the whole synthesis, clamped to [0, 1]."""


def decoded(network: DLF, images: Sequence[NDArray[np.uint8]]) -> Iterator[Decoded]:
    """Code and decode each image, at rates that run through the range in large steps."""
    window = network.config.window
    for number, image in enumerate(images):
        crop = whole_windows(image, window)
        if crop is None:
            continue
        rate = torch.tensor([number * 0.618034 % 1])
        _, values, features = network.analysis(crop)
        y = network.bottleneck(network.bottleneck.prepare(features), rate)
        tokens = network.token_map(values, crop.shape[2] // window, crop.shape[3] // window)
        latent = code_hard(network.prior, y, rate, tokens).latent
        picture = network.synthesis(values, latent, rate).clamp(0, 1)
        yield Decoded(values, latent, rate, picture)


@torch.no_grad()
def fit_reduced(network: DLF, images: Sequence[NDArray[np.uint8]]) -> ReducedHeads:
    """Fit shortcut and heads on training photographs; the same inputs give the same weights."""
    images = images[:: max(1, len(images) // MOST_IMAGES)]
    reduced = ReducedHeads(network.synthesis.renderer).eval().requires_grad_(False)
    trunk = LeastSquares(reduced.shortcut)
    for seen in decoded(network, images):
        detail = network.synthesis.bottleneck(seen.latent, seen.rate)
        trunk.see(detail, network.synthesis.latent(seen.values, seen.latent, seen.rate))
    trunk.solve()
    # The heads see what the shortcut makes of the trunk, and so make up for it as far as they can.
    heads = [LeastSquares(head) for head in reduced.heads]
    for seen in decoded(network, images):
        for index, head in enumerate(heads):
            wanted = F.avg_pool2d(seen.picture, DOWNSCALES[index])
            features, base = reduced_features(network, reduced, seen.latent, seen.rate, index)
            head.see(features, wanted if base is None else wanted - base)
    for head in heads:
        head.solve()
    return reduced


def reduced_features(
    network: DLF, reduced: ReducedHeads, y_hat: Tensor, rate: Tensor, index: int
) -> tuple[Tensor, Tensor | None]:
    """What the head of ``DOWNSCALES[index]`` reads, and the base picture that its result is added to."""
    features = network.synthesis.bottleneck(y_hat, rate)
    base = network.synthesis.base(y_hat, rate)
    depth = reduced.depths[index]
    if depth > 0:
        features = network.synthesis.renderer.features(reduced.shortcut(features), base, depth)
    if base is None:
        return features, None
    scale = network.synthesis.renderer.base_scale
    return features, base_at(base, scale, DOWNSCALES[index])


def reduced_picture(
    network: DLF, reduced: ReducedHeads, y_hat: Tensor, rate: Tensor, index: int
) -> Tensor:
    """The picture at 1/``DOWNSCALES[index]`` of its size, as ``Transforms.synthesis_reduced`` makes it."""
    features, base = reduced_features(network, reduced, y_hat, rate, index)
    made: Tensor = reduced.heads[index](features)
    return made if base is None else made + base


@torch.no_grad()
def measure_reduced(
    network: DLF, reduced: ReducedHeads, images: Sequence[NDArray[np.uint8]]
) -> dict[str, float]:
    """PSNR in dB of each reduced picture against the box average of the whole decoded one, by downscale."""
    errors: dict[int, list[float]] = {d: [] for d in DOWNSCALES}
    for seen in decoded(network, images):
        for index, downscale in enumerate(DOWNSCALES):
            made = reduced_picture(network, reduced, seen.latent, seen.rate, index).clamp(0, 1)
            error = F.mse_loss(made, F.avg_pool2d(seen.picture, downscale))
            errors[downscale].append(float(-10 * torch.log10(error)))
    return {str(d): round(float(np.mean(values)), 2) for d, values in errors.items() if values}
