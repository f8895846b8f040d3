"""The torch backend `dlf._torch`, loaded when the first package needs it.

Thread safety: all functions may be called from several threads.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from dlf import forks
from dlf.errors import ModelError

__all__ = ["TORCH", "backend", "check_device"]

TORCH = "torch==2.13.*"
"""The series of torch that `dlf._torch` is built with and runs with."""


def backend(package: str, chosen: bool = False) -> Any:
    """Return the backend for the model package at `package`, as `dlf._core` takes it.

    `chosen`: the package could do without, but the caller wants torch.

    Raises:
        ModelError: torch or `dlf._torch` is missing; the message says how to get it.
    """
    try:
        return _module().BACKEND
    except ImportError as error:
        choice = 'backend "torch" of ' if chosen else ""
        raise ModelError(f"{choice}model package {package!r} {_advice(error)}") from error


def check_device(device: str) -> None:
    """Check that networks can run on `device`, which `dlf.options` knows.

    Raises:
        ValueError: the device is not there, or only torch could use it and is missing.
    """
    if device == "cpu":
        return
    try:
        module = _module()
    except ImportError as error:
        raise ValueError(f'device "{device}" is not available: it {_advice(error)}') from error
    module.check_device(device)


def _module() -> ModuleType:
    torch = importlib.util.find_spec("torch")
    with forks.undivided():
        if torch is not None and torch.origin is not None:
            # Loaded by its path, it is the library that dlf._torch then finds by its name, so that
            # no build has to record where torch lies.
            library = Path(torch.origin).parent / "lib" / "libtorch_cpu.so"
            if library.is_file():
                ctypes.CDLL(str(library))
        return importlib.import_module("dlf._torch")


def _advice(error: ImportError) -> str:
    needs = "needs the torch backend"
    if importlib.util.find_spec("dlf._torch") is None:
        return (
            f"{needs}, which this DLF was built without: pip install '{TORCH}', "
            "then build DLF again"
        )
    if importlib.util.find_spec("torch") is None:
        return f"{needs}: pip install '{TORCH}'"
    return f"{needs}, which does not load; it was built for {TORCH}: {error}"
