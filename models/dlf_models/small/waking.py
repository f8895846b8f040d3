"""Gives idle channels of the latent something to say: what the others leave unexplained.

A channel whose samples stay within one rounding interval costs nothing, says nothing and gets no
gradient that would change it. Of 256 channels 160 were so in id 7: at its top rate the picture
without any rounding was only 0.25 dB better (models/EXPERIMENTS.md). Such channels begin anew, as
components of a linear transform.
"""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .analysis import rate_grid
from .linear_path import FINE
from .model import DLF

log = logging.getLogger(__name__)

TOP_RATE = 1.0
IDLE_BITS = 0.02
"""A channel with fewer bits a position at the top rate is idle."""
RIDGE = 1e-4
"""Added to variances of cells, in units of their mean: keeps the least squares solvable."""
AT_ONCE = 16
"""Images in one pass."""


@torch.no_grad()
def wake(network: DLF, images: Tensor) -> int:
    """Begin the idle channels of `network` anew, in place; return how many there were.

    `images [B, 3, H, W]` in [0, 1]: some thousand cells of 32x32 pixels. What the
    others say stays as it was, but for what the prior had read of the idle ones.

    Raises:
        ValueError: no channel is in use that the new ones could be modelled on.
    """
    seen = Seen(network, images)
    idle = torch.nonzero(seen.bits < IDLE_BITS).flatten()
    if len(idle) == 0:
        return 0
    if len(idle) == len(seen.bits):
        raise ValueError("no channel of the latent is in use: there is nothing to model others on")
    found = components(seen, idle)
    order = in_turn(idle, len(seen.bits))
    _silence(network, idle)
    for index, (channel, model) in enumerate(zip(order, models_of(seen.bits, order), strict=True)):
        _begin(network, seen, found, index, channel, model)
    log.info("%d idle channels of the latent begin anew", len(idle))
    return len(idle)


class Seen:
    """What the network makes of images at the top rate, cell by cell."""

    @torch.no_grad()
    def __init__(self, network: DLF, images: Tensor) -> None:
        cells, plain, scaled, steps, bits = [], [], [], [], []
        for part in images.split(AT_ONCE):
            rate = part.new_full((len(part), *rate_grid(part)), TOP_RATE)
            before, features = network.analysis.encode(part)
            values = network.analysis.tokens(before)[1]
            y = network.bottleneck(features, rate)
            latent, spent = network.prior.code(y, rate, values)
            cells.append(flat(F.pixel_unshuffle(F.avg_pool2d(part * 2 - 1, 2), FINE)))
            plain.append(flat(network.synthesis.gain(latent, rate)))
            step = network.prior.initial(rate, values)[0]
            steps.append(flat(step))
            scaled.append(flat(y / step))
            bits.append(flat(spent))
        self.cells = torch.cat(cells).double()
        """`[N, 768]`: cells of the half-size picture in [-1, 1]."""
        self.plain = torch.cat(plain).double()
        """`[N, C]`: the latent as the synthesis takes it."""
        self.deviations = torch.cat(scaled).std(dim=0)
        """`[C]`: of the latent, in quantisation steps."""
        self.steps = torch.cat(steps).mean(dim=0)
        """`[C]`: quantisation steps."""
        self.bits = torch.cat(bits).mean(dim=0)
        """`[C]`: bits a position."""


def flat(maps: Tensor) -> Tensor:
    """`[B, C, h, w] -> [B h w, C]`."""
    return maps.movedim(1, -1).flatten(0, -2)


def centred(x: Tensor) -> Tensor:
    """`[N, C]` less its mean."""
    return x - x.mean(dim=0)


class Components(NamedTuple):
    """Components of cells of the half-size picture, strongest first."""

    finders: Tensor
    """`[idle, 768]`: a cell times one of these gives the component."""
    pictures: Tensor
    """`[idle, 768]`, of unit length: what the component adds to a cell."""
    deviations: Tensor
    """`[idle]`, in samples of [-1, 1]."""
    worth: Tensor
    """`[C]`: length of what a unit of a channel in use, without its gain, adds to a cell."""


def components(seen: Seen, idle: Tensor) -> Components:
    """The strongest components of what the channels in use leave, one for each idle channel."""
    cells = centred(seen.cells)
    plain = centred(seen.plain)
    plain[:, idle] = 0
    worth = torch.linalg.lstsq(plain, cells, driver="gelsd").solution
    rest = cells - plain @ worth
    pictures = torch.linalg.eigh(rest.T @ rest)[1].flip(1)[:, : len(idle)]
    variance = cells.T @ cells
    ridge = RIDGE * variance.diagonal().mean() * torch.eye(len(variance), dtype=torch.double)
    finders = torch.linalg.solve(variance + ridge, cells.T @ (rest @ pictures))
    deviations = (cells @ finders).std(dim=0)
    return Components(
        finders.T.float(), pictures.T.float(), deviations.float(), worth.norm(dim=1).float()
    )


def models_of(bits: Tensor, idle: list[int]) -> list[int]:
    """For each idle channel the one in use with the fewest bits, of its own group if it can be."""
    group = len(bits) // 4
    used = bits.clone()
    used[idle] = math.inf
    fewest = int(used.argmin())
    least = [int(part.argmin()) + group * i for i, part in enumerate(used.split(group))]
    least = [c if used[c] < math.inf else fewest for c in least]
    return [least[channel // group] for channel in idle]


def in_turn(idle: Tensor, channels: int) -> list[int]:
    """Channels in an order that takes the four groups in turn: strong ones are shared."""
    group = channels // 4
    ranks = dict.fromkeys(range(4), 0)
    order = []
    for channel in idle.tolist():
        order.append((ranks[channel // group], channel // group, channel))
        ranks[channel // group] += 1
    return [channel for _, _, channel in sorted(order)]


def _silence(network: DLF, idle: Tensor) -> None:
    """Whatever reads or writes the idle channels neither does any more."""
    prior, synthesis, c = network.prior, network.synthesis, network.prior.channels
    for layer in (synthesis.mix, synthesis.linear.coarse, synthesis.linear.fine, *prior.adaptors):
        layer.weight[:, idle] = 0
    for layer, offset in (
        (network.bottleneck.project, 0),
        (network.analysis.linear.project, 0),
        (prior.init_out, 2 * c),  # means
        (prior.spatial_out, c),
    ):
        layer.weight[idle + offset] = 0
        layer.bias[idle + offset] = 0


def _begin(
    network: DLF, seen: Seen, found: Components, index: int, channel: int, model: int
) -> None:
    """`channel` takes up a component, with steps as large, in the picture, as those of `model`."""
    prior, c = network.prior, network.prior.channels
    project, fine = network.analysis.linear.project, network.synthesis.linear.fine
    into, back = network.bottleneck.gain.log_gain.vectors, network.synthesis.gain.log_gain.vectors
    unit = found.worth[model] * torch.exp(back[-1, model] + into[-1, model])
    into[:, channel] = into[:, model]
    back[:, channel] = -into[:, model]
    finder = found.finders[index]
    project.weight[channel] = finder[:, None, None] / unit
    project.bias[channel] = -(finder @ seen.cells.mean(dim=0).float()) / unit
    fine.weight[:, channel, 0, 0] = found.pictures[index] * unit
    for layer, offset in ((prior.init_out, 0), (prior.init_out, c), (prior.spatial_out, 0)):
        layer.weight[channel + offset] = layer.weight[model + offset]
        layer.bias[channel + offset] = layer.bias[model + offset]
    own = found.deviations[index] / unit * torch.exp(into[-1, model]) / seen.steps[model]
    for layer, offset in ((prior.init_out, c), (prior.spatial_out, 0)):
        layer.bias[channel + offset] += torch.log2(own / seen.deviations[model])
