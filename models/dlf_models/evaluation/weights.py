"""The weights of LPIPS v0.1 with SqueezeNet features: from a file, or from the `lpips` package.

The file is one `.npz` of float32 arrays: `N.weight` / `N.bias` and
`N.squeeze|expand1x1|expand3x3.weight|bias`, as torchvision names the `features` of SqueezeNet 1.1,
and `linK.model.1.weight`, K = 0..6, as LPIPS v0.1 names its layers.
"""

from __future__ import annotations

import hashlib
import importlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Widths of the seven feature maps that LPIPS compares, finest first.
TAP_WIDTHS = (64, 128, 256, 384, 384, 512, 512)


class MetricUnavailable(Exception):
    """A metric cannot be measured here; the message says why and what would help."""


def optional(module: str, attribute: str) -> Any:
    """A function of an optional package; one that is there but broken is named as such.

    Raises:
        MetricUnavailable: it cannot be had; the message says why.
    """
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name == package:
            raise MetricUnavailable(f"the package {package} is not installed") from None
        raise MetricUnavailable(f"the package {module} needs {error.name}") from None
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        raise MetricUnavailable(f"the package {module} cannot be used: {error}") from None


@dataclass(frozen=True)
class Weights:
    """SqueezeNet features and LPIPS layers.

    features: state dict under torchvision's names; lins: seven tensors [1, width, 1, 1], float32;
    source: where they come from, for messages; digest: SHA-256 hex over all values.
    """

    features: dict[str, Tensor]
    lins: tuple[Tensor, ...]
    source: str
    digest: str

    @classmethod
    def from_file(cls, path: str | Path) -> Weights:
        """Read the `.npz`.

        Raises:
            MetricUnavailable: names the file and what is wrong with it.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as archive:
                arrays = {name: torch.from_numpy(archive[name].copy()) for name in archive.files}
        except FileNotFoundError:
            raise MetricUnavailable(f"no weights file {path}") from None
        except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise MetricUnavailable(f"{path} is not an .npz of plain arrays: {error}") from None
        return cls._from_arrays(arrays, str(path))

    @classmethod
    def from_package(cls, backbone: bool = True) -> Weights:
        """Take them from the installed `lpips` package, which may download the backbone.

        backbone=False leaves the backbone random (for tests that compare implementations).

        Raises:
            MetricUnavailable: the package or its weights cannot be had.
        """
        make = optional("lpips", "LPIPS")
        try:
            model = make(net="squeeze", pnet_rand=not backbone, verbose=False)
        except (OSError, RuntimeError) as error:
            raise MetricUnavailable(f"lpips cannot get its SqueezeNet weights: {error}") from None
        return cls.from_package_model(model)

    @classmethod
    def from_package_model(cls, model: torch.nn.Module) -> Weights:
        """Take them from a live `lpips.LPIPS(net="squeeze")`."""
        arrays = {}
        for name, value in model.state_dict().items():
            if name.startswith("net.slice"):  # net.sliceK.<torchvision's name>
                arrays[name.split(".", 2)[2]] = value
            elif name.startswith("lin") and name[3].isdigit():
                arrays[name] = value
        return cls._from_arrays(arrays, "the package lpips")

    @classmethod
    def _from_arrays(cls, arrays: dict[str, Tensor], source: str) -> Weights:
        digest = hashlib.sha256()
        for name in sorted(arrays):
            digest.update(name.encode() + arrays[name].float().numpy().tobytes())
        features = {name: value.float() for name, value in arrays.items()}
        lins = []
        for index, width in enumerate(TAP_WIDTHS):
            name = f"lin{index}.model.1.weight"
            lin = features.pop(name, None)
            if lin is None or tuple(lin.shape) != (1, width, 1, 1):
                raise MetricUnavailable(f"{source} has no {name} of shape (1, {width}, 1, 1)")
            lins.append(lin)
        return cls(features, tuple(lins), source, digest.hexdigest())
