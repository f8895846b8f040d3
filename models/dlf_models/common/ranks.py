"""The processes of one run: who they are, how they meet and how they part."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from torch import nn


def join(device: str) -> None:
    """Meet the other processes if `torchrun` started several; otherwise, or when done, nothing."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if device == "cuda" else "gloo")


def leave() -> None:
    """Part from the other processes, at a point that all reach; nothing where there are none.

    Without it the threads of the process group may outlive the interpreter and end the process with
    SIGABRT (pytorch/pytorch#190489), which torchrun reports as a failed run. All meet first, so
    that nobody waits for somebody gone.
    """
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def world() -> tuple[int, int]:
    """This process's rank, and how many train together."""
    if not dist.is_initialized():
        return 0, 1
    return dist.get_rank(), dist.get_world_size()


def mean_over_ranks(values: dict[str, float], device: torch.device) -> dict[str, float]:
    """Mean of each value over all ranks; every rank must hold the same names."""
    _, ranks = world()
    if ranks == 1 or not values:
        return values
    names = sorted(values)
    packed = torch.tensor([values[n] for n in names], dtype=torch.float64).to(device)
    dist.all_reduce(packed)
    means = dict(zip(names, (packed / ranks).tolist(), strict=True))
    return {name: means[name] for name in values}


def from_first_rank(network: nn.Module) -> None:
    """Give every rank the weights of the first."""
    if dist.is_initialized():
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)
