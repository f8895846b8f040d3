"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..common.devices import multiplies_bfloat16

LARGEST_SIDE = 512
"""Sides longer than this get no basis of their own (one-sided SOAP)."""


def product(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b` in bfloat16 where faster: directions need few digits, sums are kept in float32."""
    if multiplies_bfloat16(a.device):
        return (a.bfloat16() @ b.bfloat16()).float()
    return a @ b


class Soap(torch.optim.Optimizer):
    """For dense weights; each is seen as a matrix `[outputs, inputs * kernel]`."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        betas: tuple[float, float] = (0.95, 0.95),
        every: int = 10,
    ) -> None:
        """`every`: steps between two improvements of the bases."""
        super().__init__(list(parameters), {"lr": 0.0, "betas": betas, "every": every})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; `closure` must be None."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, group)

    def _update(self, p: Tensor, group: dict) -> None:  # type: ignore[type-arg]
        assert p.grad is not None
        gradient = p.grad.flatten(1).float()
        state = self.state[p]
        first, second = group["betas"]
        if not state:
            state["count"] = 0
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            for side, size in zip("lr", gradient.shape, strict=True):
                if size <= LARGEST_SIDE:
                    state["gram_" + side] = gradient.new_zeros(size, size)
                    state["basis_" + side] = torch.eye(size)
            self._accumulate(state, gradient, 0.0)
            self._first_basis(state)
            return  # the first gradient only tells the bases
        state["count"] += 1
        count = state["count"]
        state["mean"].lerp_(gradient, 1 - first)
        turned = self._turn(state, gradient)
        state["square"].mul_(second).addcmul_(turned, turned, value=1 - second)
        correction = (1 - second**count) ** 0.5 / (1 - first**count)
        update = self._turn(state, state["mean"]) / (state["square"].sqrt() + 1e-8)
        update = self._turn_back(state, update)
        p.add_(update.view_as(p), alpha=-group["lr"] * correction)
        self._accumulate(state, gradient, second)
        if count % group["every"] == 0:
            self._improve(state)

    @staticmethod
    def _accumulate(state: dict[str, Tensor], gradient: Tensor, keep: float) -> None:
        if "gram_l" in state:
            state["gram_l"].lerp_(product(gradient, gradient.T), 1 - keep)
        if "gram_r" in state:
            state["gram_r"].lerp_(product(gradient.T, gradient), 1 - keep)

    @staticmethod
    def _first_basis(state: dict[str, Tensor]) -> None:
        for side in "lr":
            if "gram_" + side in state:
                state["basis_" + side] = torch.linalg.eigh(state["gram_" + side])[1].flip(1)

    @staticmethod
    def _turn(state: dict[str, Tensor], x: Tensor) -> Tensor:
        if "basis_l" in state:
            x = product(state["basis_l"].T, x)
        return product(x, state["basis_r"]) if "basis_r" in state else x

    @staticmethod
    def _turn_back(state: dict[str, Tensor], x: Tensor) -> Tensor:
        if "basis_l" in state:
            x = product(state["basis_l"], x)
        return product(x, state["basis_r"].T) if "basis_r" in state else x

    @staticmethod
    def _improve(state: dict[str, Tensor]) -> None:
        """One power iteration with QR: the bases follow the slowly changing preconditioners."""
        for side, axis in (("l", 0), ("r", 1)):
            if "gram_" + side not in state:
                continue
            gram, basis = state["gram_" + side], state["basis_" + side]
            order = torch.argsort((basis * (gram @ basis)).sum(dim=0), descending=True)
            basis = basis[:, order]
            state["square"] = state["square"].index_select(axis, order)
            state["basis_" + side] = torch.linalg.qr(gram @ basis)[0]
