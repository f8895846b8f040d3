"""Muon: momentum whose matrices are orthogonalised before each step (Jordan et al., 2024)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
import torch.distributed
from torch import Tensor, nn

from ..common.devices import multiplies_bfloat16

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic that drives every singular value towards 1, steepest at 0 (Jordan et al.)."""
NEWTON_SCHULZ_STEPS = 4
UPDATE_SIZE = 0.2
"""Root mean square of an update in units of the learning rate, as AdamW's (arXiv 2502.16982)."""
SMALLEST_SIDE = 16


def is_matrix(module: nn.Module, parameter: Tensor) -> bool:
    """Whether a weight is a dense linear map, for which orthogonal steps make sense."""
    if not isinstance(module, nn.Conv2d | nn.Linear) or parameter.dim() < 2:
        return False
    return min(parameter.shape[0], parameter[0].numel()) >= SMALLEST_SIDE


def matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weights of all dense layers of a network; everything else is left to AdamW."""
    return [
        p
        for module in network.modules()
        for p in module.parameters(recurse=False)
        if is_matrix(module, p)
    ]


def orthogonalise(batch: Tensor) -> Tensor:
    """`[k, rows, columns]` -> about the nearest (semi-)orthogonal matrices; bfloat16 if faster."""
    a, b, c = NEWTON_SCHULZ
    x = batch.bfloat16() if multiplies_bfloat16(batch.device) else batch
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; the ranks of a distributed run share the work."""

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float = 0.95) -> None:
        super().__init__(list(parameters), {"lr": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the orthogonalised momenta; every rank ends with the same weights."""
        ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        rank = torch.distributed.get_rank() if ranks > 1 else 0
        for group in self.param_groups:
            live = [p for p in group["params"] if p.grad is not None]
            buckets = share(live, ranks)
            updates = self._updates(buckets[rank], group["momentum"])
            for other in range(ranks):
                if other != rank:
                    self._keep_momentum(buckets[other], group["momentum"])
            for bucket, flat in zip(buckets, gather(updates, buckets, rank, ranks), strict=True):
                at = 0
                for p in bucket:
                    scale = UPDATE_SIZE * max(p.shape[0], p[0].numel()) ** 0.5
                    piece = flat[at : at + p.numel()].view(p.shape)
                    p.add_(piece.to(p.dtype), alpha=-group["lr"] * scale)
                    at += p.numel()

    def _momentum(self, p: Tensor, momentum: float) -> Tensor:
        assert p.grad is not None
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        buffer: Tensor = state["momentum"]
        buffer.lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(buffer, momentum)

    def _keep_momentum(self, bucket: list[nn.Parameter], momentum: float) -> None:
        for p in bucket:
            self._momentum(p, momentum)

    def _updates(self, bucket: list[nn.Parameter], momentum: float) -> Tensor:
        shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
        directions = []
        for index, p in enumerate(bucket):
            directions.append(self._momentum(p, momentum).contiguous().view(p.shape[0], -1))
            shapes[directions[-1].shape].append(index)
        result: list[Tensor] = [torch.empty(0)] * len(bucket)
        for indices in shapes.values():
            found = orthogonalise(torch.stack([directions[i] for i in indices]))
            for i, matrix in zip(indices, found, strict=True):
                result[i] = matrix.reshape(-1)
        return torch.cat(result)


def share(parameters: list[nn.Parameter], ranks: int) -> list[list[nn.Parameter]]:
    """Split the matrices among the ranks, largest first, each to the one with the least work."""
    buckets: list[list[nn.Parameter]] = [[] for _ in range(ranks)]
    work = [0] * ranks
    for p in sorted(parameters, key=lambda p: -p.numel()):
        least = work.index(min(work))
        buckets[least].append(p)
        work[least] += p.numel() * min(p.shape[0], p[0].numel())
    return buckets


def gather(own: Tensor, buckets: list[list[nn.Parameter]], rank: int, ranks: int) -> list[Tensor]:
    """Everyone's updates, in the order of the ranks."""
    if ranks == 1:
        return [own]
    size = max(sum(p.numel() for p in bucket) for bucket in buckets)
    padded = torch.zeros(size, dtype=own.dtype, device=own.device)
    padded[: own.numel()] = own
    flats = [torch.empty_like(padded) for _ in range(ranks)]
    torch.distributed.all_gather(flats, padded)
    return flats
