"""Start a run from a shipped package instead of from chance (``dlf train --init PACKAGE``).

A package holds the transforms as float16 and the entropy model only as integers; ``dlf export`` therefore leaves the float
entropy model beside it, as ``NAME.prior.npz`` (float16), which training needs and decoding does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from dlf.files import replacing
from torch import Tensor

from ..networks.model import DLF
from .refine import is_coarser, load_coarser

PARTS = {"analysis_net": "analysis", "bottleneck_net": "bottleneck", "synthesis_net": "synthesis"}
"""Attributes of the exported module, and the parts of the network that they are."""
REFITTED = {"reduced"}
"""Attributes that every export fits anew."""


def prior_path(package: Path) -> Path:
    """Where the float entropy model of a package lies."""
    return package.with_suffix(".prior.npz")


def save_prior(network: DLF, package: Path) -> None:
    """Write the float entropy model beside a package."""
    arrays = {key: value.half().numpy() for key, value in network.prior.state_dict().items()}
    with replacing(prior_path(package)) as file:
        np.savez(file, **arrays)


def load_package(network: DLF, package: Path, draw: Callable[[], Tensor]) -> None:
    """Take all weights from a package and its float entropy model.

    A network with a base picture at 1/2 may start from one at 1/4 (:mod:`.refine`); only then ``draw`` is asked for images
    ``[B, 3, H, W]`` in [0, 1], which must be the same in every process. Raises ``FileNotFoundError`` when one of the two
    files is missing and ``RuntimeError`` when sizes differ.
    """
    for path in (package, prior_path(package)):
        if not path.exists():
            raise FileNotFoundError(f"--init needs {path}, which does not exist")
    exported = torch.jit.load(str(package), map_location="cpu").state_dict()
    state = {}
    for key, value in exported.items():
        part, _, rest = key.partition(".")
        if part in REFITTED:
            continue
        state[f"{PARTS[part]}.{rest}"] = value.float()
    with np.load(prior_path(package)) as arrays:
        for key in arrays.files:
            state[f"prior.{key}"] = torch.from_numpy(arrays[key]).float()
    if is_coarser(network, state):
        # Beside the network, which may lie on an accelerator.
        finer = DLF(network.config)
        load_coarser(finer, state, draw().cpu())
        state = finer.state_dict()
    network.load_state_dict(state)
