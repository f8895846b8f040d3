"""Reduced sizes: a fitted linear map from features at 1/2, 1/4 or 1/8 to the picture there.

The features are the renderer's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from . import walks
from .calibrate import REDUCED, Coding, Walker
from .graph import Graph, Value

RIDGE = 1e-3
"""Of the mean diagonal: nearly equal features must not get large weights of opposite signs."""


@dataclass
class Regression:
    """Normal equations of a 3x3 convolution from features to three channels."""

    gram: Tensor | None = None
    right: Tensor | None = None

    def add(self, features: Tensor, wanted: Tensor) -> None:
        """`[1, C, h, w]` and `[1, 3, h, w]`."""
        padded = F.pad(features, (1, 1, 1, 1), mode="replicate")
        columns = F.unfold(padded, 3)[0]
        columns = torch.cat([columns, torch.ones(1, columns.shape[1])]).double()
        target = wanted[0].flatten(1).double()
        gram, right = columns @ columns.T, columns @ target.T
        self.gram = gram if self.gram is None else self.gram + gram
        self.right = right if self.right is None else self.right + right

    def solve(self) -> tuple[Tensor, Tensor]:
        """Weight `[3, C, 3, 3]` and bias `[3]`."""
        assert self.gram is not None
        assert self.right is not None
        ridge = RIDGE * self.gram.diagonal()[:-1].mean() * torch.ones(len(self.gram))
        ridge[-1] = 0
        solution = torch.linalg.solve(self.gram + torch.diag(ridge), self.right)
        weight = solution[:-1].T.reshape(3, -1, 3, 3).float()
        return weight, solution[-1].float()


@dataclass
class Reduced:
    """The maps of all reduced sizes."""

    regressions: dict[int, Regression] = field(
        default_factory=lambda: {f: Regression() for f in REDUCED}
    )
    maps: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def solve(self) -> None:
        """Fit the maps to all photographs added so far."""
        self.maps = {f: r.solve() for f, r in self.regressions.items()}


@torch.no_grad()
def walk(walker: Walker, coding: Coding, graph: Graph, factor: int) -> Value:
    """Features and base picture where the reduced size starts from."""
    inputs = walker.drawing_inputs(coding)
    graph.begin()
    return walks.synthesis(graph, walker.network.synthesis, inputs, factor)


def observe(walker: Walker, coding: Coding, picture: Tensor, reduced: Reduced) -> None:
    """Add one photograph: a reduced size should show the mean of `picture` over its squares."""
    for factor, regression in reduced.regressions.items():
        features = walk(walker, coding, Graph(), factor)
        regression.add(features.data, F.avg_pool2d(picture, factor))


def draw_reduced(
    walker: Walker, coding: Coding, graph: Graph, reduced: Reduced, factor: int
) -> Tensor:
    """The reduced picture in [0, 2], recorded in `graph`."""
    features = walk(walker, coding, graph, factor)
    weight, bias = reduced.maps[factor]
    picture = graph.filter(weight, bias, features)
    graph.output(picture)
    return picture.data
