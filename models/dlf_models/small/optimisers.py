"""Optimisers of the convolutional profile.

AdamW, or Muon or SOAP for the dense weights and AdamW for the rest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .muon import Muon, matrices
from .rate import RateVectors
from .soap import Soap

RATE_VECTOR_BOOST = 4.0
"""Rate vectors learn faster and without decay: each anchor sees only its share of the samples."""
WEIGHT_DECAY = 1e-4
WIDEST = 256
"""Inputs of a unit up to which AdamW's rate is the recipe's.

Beyond, it falls with the root of their number. A step moves every weight by the rate, so what it
does to a sum grows with the number of summands (arXiv 2203.03466).
"""
NAMES = ("adamw", "muon", "soap")


@dataclass
class Optimisers:
    """One or two optimisers that step together."""

    adamw: torch.optim.AdamW
    dense: torch.optim.Optimizer | None

    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate of both, times the boost of each group."""
        for group in self.adamw.param_groups:
            group["lr"] = group["boost"] * learning_rate
        if self.dense is not None:
            self.dense.param_groups[0]["lr"] = learning_rate

    def step(self) -> None:
        """Let both update the weights from their gradients."""
        self.adamw.step()
        if self.dense is not None:
            self.dense.step()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; `load` takes it."""
        return {
            "adamw": self.adamw.state_dict(),
            "dense": self.dense.state_dict() if self.dense else None,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` has returned."""
        self.adamw.load_state_dict(state["adamw"])
        if self.dense is not None and state["dense"] is not None:
            self.dense.load_state_dict(state["dense"])


def boost(parameter: Tensor) -> float:
    """What the learning rate of a parameter is multiplied by."""
    inputs = parameter[0].numel() if parameter.dim() > 1 else 1
    return min(1.0, (WIDEST / inputs) ** 0.5)


def make_optimisers(name: str, network: nn.Module) -> Optimisers:
    """Return the optimisers of this name.

    Raises:
        ValueError: a name that is not in NAMES.
    """
    if name not in NAMES:
        raise ValueError(f"optimiser {name!r} is none of {', '.join(NAMES)}")
    learning = [p for p in network.parameters() if p.requires_grad]
    taken = [] if name == "adamw" else [p for p in matrices(network) if p.requires_grad]
    vectors = [
        p
        for m in network.modules()
        if isinstance(m, RateVectors)
        for p in m.parameters()
        if p.requires_grad
    ]
    apart = {id(p) for p in (*taken, *vectors)}
    by_boost: dict[float, list[nn.Parameter]] = defaultdict(list)
    for p in learning:
        if id(p) not in apart:
            by_boost[boost(p)].append(p)
    groups = [
        {"params": ps, "boost": factor, "weight_decay": WEIGHT_DECAY}
        for factor, ps in by_boost.items()
    ]
    groups.append({"params": vectors, "boost": RATE_VECTOR_BOOST, "weight_decay": 0.0})
    adamw = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), fused=True)
    if not taken:
        return Optimisers(adamw, None)
    return Optimisers(adamw, Muon(taken) if name == "muon" else Soap(taken))
