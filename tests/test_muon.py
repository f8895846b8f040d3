"""The optimiser of the dense layers: orthogonal steps, the same for every number of ranks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from dlf_models.common.ranks import leave
from dlf_models.small.muon import Muon, matrices, orthogonalise, share
from torch import nn


def small_network() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(8, 24, 3, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(24, 24, 3, padding=1, groups=24),
        nn.Conv2d(24, 32, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(32, 20, 3, padding=1),
    ).to(memory_format=torch.channels_last)


def trained(steps: int = 4) -> nn.Sequential:
    network = small_network()
    muon = Muon(matrices(network))
    muon.param_groups[0]["lr"] = 0.02
    image = torch.linspace(-1, 1, 2 * 8 * 6 * 6).view(2, 8, 6, 6)
    for _ in range(steps):
        network.zero_grad()
        network(image).square().mean().backward()
        muon.step()
    return network


@pytest.mark.parametrize("shape", [(3, 16, 40), (2, 64, 24), (1, 32, 32)])
def test_steps_are_nearly_orthogonal(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_only_dense_layers_are_taken() -> None:
    network = small_network()
    assert [tuple(p.shape) for p in matrices(network)] == [
        (24, 8, 3, 3),
        (32, 24, 1, 1),
        (20, 32, 3, 3),
    ]


def test_the_loss_falls() -> None:
    before, after = small_network(), trained(30)
    image = torch.linspace(-1, 1, 2 * 8 * 6 * 6).view(2, 8, 6, 6)
    assert after(image).square().mean() < 0.5 * before(image).square().mean()


def test_work_is_shared_evenly() -> None:
    parameters = [nn.Parameter(torch.zeros(32, 32)) for _ in range(10)]
    parameters += [nn.Parameter(torch.zeros(64, 64)) for _ in range(2)]
    buckets = share(parameters, 2)
    assert sorted(id(p) for b in buckets for p in b) == sorted(id(p) for p in parameters)
    assert [len(bucket) for bucket in buckets] == [6, 6]


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    torch.save(trained().state_dict(), f"{folder}/{rank}.pt")
    leave()
    # The step is tested here, not the teardown of the interpreter, in which a rank once ended with
    # SIGABRT.
    os._exit(0)


def test_two_ranks_take_the_step_of_one(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_rank, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, weight in trained().state_dict().items():
        assert torch.equal(first[name], second[name]), name
        # Alone there may be more threads, and matrices of one shape are not divided: sums in
        # another order.
        torch.testing.assert_close(first[name], weight, rtol=1e-4, atol=1e-6)
