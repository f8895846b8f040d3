"""Walks of the network over training photographs: what graphs, tables and the report need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...common.prior import quarter_masks
from ...common.scale_tables import SCALE_FRACTION, SCALE_TABLES, scale_thresholds
from ..config import STRIDE
from ..importance import ImportanceHead
from ..model import DLF, draw_noise
from . import walks
from .graph import Graph
from .tokens import token_offset, token_units

LARGEST_SIDE = 384
"""Calibration photographs are cut to this, which bounds time and memory."""
SAMPLE_UNIT = 1 / 2040
"""Samples enter as `16 * sample - 2040` and stand for [-1, 1]."""
NOISE_UNIT = float(np.sqrt(12.0) / (2 * 256))
"""Noise enters as the sum of four bytes less 510 and has deviation 1."""
GAIN_UNIT = 2.0**-12
MOST_GAIN = 32767 * GAIN_UNIT
REDUCED = (2, 4, 8)


@dataclass
class Graphs:
    """One graph for each program."""

    analysis: Graph = field(default_factory=Graph)
    importance: Graph = field(default_factory=Graph)
    bottleneck: Graph = field(default_factory=Graph)
    prior_init: Graph = field(default_factory=Graph)
    prior_quarters: tuple[Graph, ...] = field(default_factory=lambda: (Graph(), Graph(), Graph()))
    synthesis: Graph = field(default_factory=Graph)
    reduced: dict[int, Graph] = field(default_factory=lambda: {f: Graph() for f in REDUCED})


@dataclass
class Coding:
    """What a photograph becomes: everything between the picture and the synthesis."""

    rate: Tensor
    digits: Tensor
    values: Tensor
    symbols: Tensor
    indexes: NDArray[np.int64]
    latent: Tensor


@dataclass
class Calibration:
    """Graphs with their peaks, and what the tables are made of."""

    graphs: Graphs
    digits: list[NDArray[np.int64]] = field(default_factory=list)
    symbols: list[NDArray[np.int64]] = field(default_factory=list)
    indexes: list[NDArray[np.int64]] = field(default_factory=list)


def whole_windows(image: NDArray[np.uint8], window: int) -> Tensor:
    """The largest top-left part of whole windows, `[1, 3, H, W]` in [-1, 1].

    Small photographs are edge-padded.
    """
    height, width = (min(max(s, window), LARGEST_SIDE) // window * window for s in image.shape[:2])
    part = torch.from_numpy(image[:height, :width].copy()).permute(2, 0, 1)[None].float()
    missing = (0, width - part.shape[3], 0, height - part.shape[2])
    return F.pad(part, missing, mode="replicate") / 127.5 - 1


class Walker:
    """Walks all programs of a network in their order."""

    def __init__(self, network: DLF, head: ImportanceHead | None = None, fraction: int = 8) -> None:
        """`fraction`: fraction bits of means and of y_hat."""
        config = network.config
        self.network, self.head = network, head
        self.offset = token_offset(config.token_levels, config.tokens_per_window)
        self.tokens = token_units(config.token_levels, config.tokens_per_window)
        self.fraction = fraction
        self.thresholds = scale_thresholds().astype(np.float64) / 2**SCALE_FRACTION

    def rates(self, rate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rate map -> vectors of bottleneck, prior and synthesis."""
        n = self.network
        encoder = torch.cat(
            [n.bottleneck.gain.log_gain(rate).exp(), n.bottleneck.rate(rate)], dim=1
        )
        drawing = torch.cat([n.synthesis.gain.log_gain(rate).exp(), n.synthesis.rate(rate)], dim=1)
        return encoder, n.prior.rate_vectors(rate), drawing

    @torch.no_grad()
    def code(self, graphs: Graphs, image: Tensor, rate: float) -> Coding:
        """Image `[1, 3, H, W]` in [-1, 1] at one rate, hard symbols as a file has them."""
        n = self.network
        rates = torch.full((1, image.shape[2] // STRIDE, image.shape[3] // STRIDE), rate)
        encoder, prior, _ = self.rates(rates)
        encoding = (graphs.analysis, graphs.importance, graphs.bottleneck)
        for graph in (*encoding, graphs.prior_init, *graphs.prior_quarters):
            graph.begin()
        pre, features, *looks = walks.analysis(
            graphs.analysis, n.analysis, self.head, image, SAMPLE_UNIT
        )
        if self.head is not None:
            walks.importance(graphs.importance, self.head, looks[0])
        digits, values = n.analysis.tokens(pre)
        (y,) = walks.bottleneck(graphs.bottleneck, n.bottleneck, features, None, encoder, GAIN_UNIT)
        units: dict[str, object] = {"tokens": self.tokens, "offset": self.offset}
        units |= dict.fromkeys(("step", "scale", "mean", "context", "rate"))
        around = values - self.offset[None, :, None, None]
        step, scale, mean, context = walks.prior_init(
            graphs.prior_init, n.prior, prior, around, units
        )
        masks = quarter_masks(n.prior.channels, y.shape[2], y.shape[3], y.device)
        y_hat, symbols, scales = torch.zeros_like(y), torch.zeros_like(y), torch.zeros_like(y)
        for quarter in range(4):
            if quarter > 0:
                graph = graphs.prior_quarters[quarter - 1]
                scale, mean = walks.prior_quarter(
                    graph, n.prior, quarter - 1, y_hat, context, units
                )
            coded = scale >= self.thresholds[0]
            rounded = torch.round(y / step - mean) * coded
            y_hat = torch.where(masks[quarter], rounded + mean, y_hat)
            symbols = torch.where(masks[quarter], rounded, symbols)
            scales = torch.where(masks[quarter], scale, scales)
        index = np.searchsorted(self.thresholds, scales.numpy().ravel(), side="right") - 1
        return Coding(
            rates, digits, values, symbols, np.minimum(index, SCALE_TABLES - 1), y_hat * step
        )

    @torch.no_grad()
    def drawing_inputs(self, coding: Coding) -> walks.DrawingInputs:
        """What synthesis reads; the noise is drawn anew."""
        _, _, rate = self.rates(coding.rate)
        size = torch.empty(1, 1, *(STRIDE * s for s in coding.rate.shape[1:]))
        units: dict[str, object] = {"tokens": self.tokens, "offset": self.offset}
        units |= {"noise": NOISE_UNIT, "rate": GAIN_UNIT, "latent": None}
        around = coding.values - self.offset[None, :, None, None]
        return walks.DrawingInputs(coding.latent, around, rate, draw_noise(size), units)

    @torch.no_grad()
    def draw(self, graphs: Graphs, coding: Coding) -> Tensor:
        """The picture in [0, 2]."""
        inputs = self.drawing_inputs(coding)
        graphs.synthesis.begin()
        picture = walks.synthesis(graphs.synthesis, self.network.synthesis, inputs)
        graphs.synthesis.output(picture)
        return picture.data


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def calibrate(
    walker: Walker,
    images: Sequence[NDArray[np.uint8]],
    points: int,
    progress: Callable[[int, int], None] = no_progress,
) -> Calibration:
    """Run each photograph at its own rate point, spread evenly; collect peaks, tokens and symbols.

    `progress` is called with how many photographs are done and how many there are.
    """
    network, result = walker.network, Calibration(Graphs())
    stride = max(1, points * 5 // 13)
    for number, image in enumerate(images):
        point = number * stride % points
        coding = walker.code(
            result.graphs, whole_windows(image, network.config.window), point / (points - 1)
        )
        walker.draw(result.graphs, coding)
        tokens, digits = network.config.tokens_per_window, len(network.config.token_levels)
        grid = coding.digits[0].movedim(0, -1).unflatten(-1, (tokens, digits))
        result.digits.append(grid.numpy())
        sent = coding.indexes >= 0
        result.symbols.append(coding.symbols.numpy().ravel()[sent].astype(np.int64))
        result.indexes.append(coding.indexes[sent])
        progress(number + 1, len(images))
    return result
