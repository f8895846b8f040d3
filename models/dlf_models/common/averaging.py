"""Mean of the gradients over the ranks of a run, without copies that nobody needs.

Ranks on one machine without accelerators average through shared memory: each sums its share of all
gradients in place. Anything else goes through one all-reduce of one flat message. `dlf-s` has 51 MB
of gradients; flattening them afresh in every step and sending them through a socket cost more than
a third of the step.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .ranks import world

SHARED_MEMORY = Path("/dev/shm")
SPARE = 1.5
"""Shared memory must have this many times the room needed: a full one kills the writing process."""


def _machine() -> str:
    """Something that equals on all ranks of one machine (and container) and nowhere else."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    name = boot.read_text().strip() if boot.exists() else str(uuid.getnode())
    return f"{name} {SHARED_MEMORY.stat().st_dev if SHARED_MEMORY.exists() else os.getpid()}"


def _shared_buffers(size: int) -> list[Tensor] | None:
    """One float32 buffer of every rank, mapped into all; None where they do not share a machine."""
    rank, ranks = world()
    room = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.exists() else 0
    facts: list[tuple[str, bool, str]] = [("", False, "")] * ranks
    dist.all_gather_object(
        facts, (_machine(), room > SPARE * 4 * size * ranks, f"dlf-{uuid.uuid4().hex}")
    )
    if any(machine != facts[0][0] or not enough for machine, enough, _ in facts):
        return None
    names = [str(SHARED_MEMORY / f"{facts[0][2]}-{other}") for other in range(ranks)]
    own = torch.from_file(names[rank], shared=True, size=size)
    own.zero_()
    dist.barrier()
    buffers = [
        own if other == rank else torch.from_file(names[other], shared=True, size=size)
        for other in range(ranks)
    ]
    dist.barrier()
    Path(names[rank]).unlink()
    return buffers


class GradientAverager:
    """Averages the gradients of one module; afterwards they lie in one flat buffer.

    Call it after `backward`. Every rank ends with the same bits, and so takes the same step.
    """

    def __init__(self, module: nn.Module, shared_memory: bool = True) -> None:
        """`shared_memory`: use it where the ranks can."""
        self.shared_memory = shared_memory
        self.parameters = list(module.parameters())
        self.rank, self.ranks = world()
        self.learning: list[nn.Parameter] = []
        self.views: list[Tensor] = []
        self.flat = torch.empty(0)
        self.buffers: list[Tensor] | None = None

    def _attach(self, learning: list[nn.Parameter]) -> None:
        """Lay out the buffer for the parameters that learn now (a phase may freeze some)."""
        self.learning = learning
        size = sum(p.numel() for p in learning)
        device = learning[0].device
        local = self.shared_memory and device.type == "cpu"
        self.buffers = _shared_buffers(size) if local else None
        self.flat = self.buffers[self.rank] if self.buffers else torch.zeros(size, device=device)
        self.views, at = [], 0
        for p in learning:
            # The strides of the parameter (channels last): the fused optimisers walk both side by
            # side.
            self.views.append(torch.as_strided(self.flat, p.shape, p.stride(), at))
            at += p.numel()

    def __call__(self) -> None:
        """Replace every gradient by the mean over all ranks; nothing happens with one rank."""
        if self.ranks == 1:
            return
        learning = [p for p in self.parameters if p.grad is not None]
        if [id(p) for p in learning] != [id(p) for p in self.learning]:
            self._attach(learning)
        torch._foreach_copy_(self.views, [p.grad for p in learning])
        if self.buffers is None:
            dist.all_reduce(self.flat)
            self.flat /= self.ranks
        else:
            self._reduce(self.buffers)
        for p, view in zip(learning, self.views, strict=True):
            p.grad = view

    def _reduce(self, buffers: list[Tensor]) -> None:
        """Each rank sums one share of all buffers and writes the mean into all of them."""
        dist.barrier()
        first = self.flat.numel() * self.rank // self.ranks
        last = self.flat.numel() * (self.rank + 1) // self.ranks
        shares = [buffer[first:last] for buffer in buffers]
        for other in shares[1:]:
            shares[0] += other
        shares[0] /= self.ranks
        for other in shares[1:]:
            other.copy_(shares[0])
        dist.barrier()
