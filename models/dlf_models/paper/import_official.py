"""`dlf import-official CKPT OUT.dlfm`: a published checkpoint of the paper becomes a package."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml
from dlf import _core
from dlf.files import replacing
from dlf.outputs import Output, Overwrite, judge, refuse_existing
from dlf.systems import peak_memory
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .checkpoint import SKIPPABLE, load_checkpoint
from .config import PaperConfig, load_paper_config
from .package import (
    calibrate,
    normative_part,
    rate_loss,
    reconstruct,
    reference,
    write_package,
)

WEIGHTS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
CALIBRATION_WINDOWS = 2
"""Calibration pictures are cut to this many windows a side, which bounds time and memory."""


@dataclass(frozen=True)
class ImportOptions:
    """What `dlf import-official` is told."""

    checkpoint: Path
    out: Path
    config: Path | None = None
    name: str = "dlf-l"
    licence: str = "that of the checkpoint"
    weights: str = "fp16"
    """One of `WEIGHTS`."""
    calibration: list[Path] | None = None
    overwrite: Overwrite = "alike"


def synthetic_pictures(side: int) -> list[NDArray[np.uint8]]:
    """Two pictures `[side, side, 3]` with smooth, striped and rough parts; always the same."""
    y, x = np.mgrid[0:side, 0:side] / side
    noise = np.zeros((side, side, 3))
    random = np.random.default_rng(1)
    for octave in range(2, 8):
        grid = Image.fromarray((random.random((2**octave, 2**octave, 3)) * 255).astype(np.uint8))
        layer = np.asarray(grid.resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255
        noise += (layer - 0.5) / octave
    ramp = np.stack([x, y, 1 - (x + y) / 2], axis=2)
    stripes = 0.5 + 0.5 * np.sin(2 * np.pi * np.cumsum(2 + 60 * x, axis=1) / side)[:, :, None]
    disc = (((x - 0.6) ** 2 + (y - 0.4) ** 2) < 0.05)[:, :, None]
    first = 0.5 + noise
    second = np.where(
        disc, 1 - ramp, 0.6 * ramp + 0.3 * stripes * (y > 0.5)[:, :, None] + 0.3 * noise
    )
    return [(np.clip(p, 0, 1) * 255).astype(np.uint8) for p in (first, second)]


def _pictures(paths: list[Path] | None, config: PaperConfig) -> list[Tensor]:
    """Calibration pictures as `[1, 3, 256 nH, 256 nW]` in [0, 1], cut to whole windows."""
    side = CALIBRATION_WINDOWS * config.window
    if paths is None:
        arrays = synthetic_pictures(side)
    else:
        arrays = []
        for path in paths:
            with Image.open(path) as image:
                if min(image.size) < config.window:
                    raise ValueError(f"{path}: smaller than {config.window}x{config.window} pixels")
                arrays.append(np.asarray(image.convert("RGB")))
    result = []
    for array in arrays:
        height, width = (min(n, side) // config.window * config.window for n in array.shape[:2])
        picture = torch.from_numpy(array[:height, :width].copy()).permute(2, 0, 1).unsqueeze(0)
        result.append(picture.float() / 255)
    return result


def import_official(options: ImportOptions) -> None:
    """Do what the command line asks for and print the report.

    Raises:
        ValueError: what is wrong with the checkpoint or the options.
        OSError: a file cannot be read or written.
    """
    start = time.monotonic()
    config = load_paper_config(options.config) if options.config else PaperConfig()
    model, loaded = load_checkpoint(options.checkpoint, config, weights=WEIGHTS[options.weights])
    print(f"parameters: {loaded.parameters} in {loaded.keys} tensors")
    if loaded.skipped:
        print(f"skipped, only for training: {_groups(loaded.skipped)}")
    print(
        f"weights stored as {options.weights}: one changes by at most {loaded.weight_change:.1e} of"
        " its tensor's largest"
    )
    pictures = _pictures(options.calibration, config)
    calibration = calibrate(model, pictures)
    window = pictures[0][:, :, : config.window, : config.window]
    expected = reference(model, window)
    normative = normative_part(
        config, calibration, expected, fitted=options.calibration is not None
    )
    description = {
        "name": options.name,
        "profile": "dlf-l",
        "licence": options.licence,
        "created_by": "dlf import-official",
        "training": "published checkpoint",
        "parameters": loaded.parameters,
        "calibration": "photographs" if options.calibration else "synthetic pictures",
        "weights": options.weights,
    }
    with tempfile.TemporaryDirectory(dir=_scratch(options.out), prefix=".dlf-") as folder:
        package = Path(folder) / "package.dlfm"
        write_package(model, normative, description, config, package)
        del model
        exact, integer = rate_loss(_core.Package(str(package)), normative, calibration)
        loss = integer / exact - 1 if exact else 0.0
        print(
            f"detail symbols of {len(pictures)} calibration pictures: {exact:.0f} bytes with the"
            f" float prior, {integer:.0f} with the integer prior ({loss:+.2%})"
        )
        reopened = torch.jit.load(str(package), map_location="cpu")
        tokens, picture = reconstruct(reopened, window)
        levels = float((picture - expected.picture).abs().max()) * 255
        if not levels < float("inf"):
            raise ValueError(
                f"self-check: with {options.weights} weights the picture is not finite"
            )
        with package.open("rb") as source, replacing(options.out) as target:
            shutil.copyfileobj(source, target)
    same = int((tokens == expected.tokens).sum())
    print(
        f"self-check of the package on one window: {same} of {tokens.numel()} tokens equal, pixels"
        f" within {levels:.2f} of 255 levels"
    )
    identity = hashlib.sha256(normative.to_bytes()).hexdigest()
    peak = peak_memory() / 2**30
    print(f"{options.out}: {options.out.stat().st_size} bytes, SHA-256 {identity}")
    print(f"{time.monotonic() - start:.0f} s, peak memory {peak:.1f} GiB")


def _scratch(out: Path) -> Path | None:
    """The package's folder, which has room for it, or else the system's for temporary files."""
    return out.parent if os.access(out.parent, os.W_OK) else None


def _groups(keys: tuple[str, ...]) -> str:
    """How many keys there are of each training-only kind."""
    counts = {prefix: sum(k.startswith(prefix) for k in keys) for prefix in SKIPPABLE}
    return ", ".join(f"{n} {prefix.rstrip('.')}" for prefix, n in counts.items() if n)


def run(options: ImportOptions, words: Sequence[str]) -> int:
    """Do what the options of `dlf import-official` ask for; returns the exit status.

    The work is done in a process of its own with a fixed hash seed. TorchScript writes names in the
    order of Python sets and numbers types as it meets them. The same checkpoint should give the
    same package, hence the same model id, everywhere. `words` start the command again there.

    Raises:
        ValueError: a checkpoint or a configuration that does not fit, or an output that must not be
            written over.
        OSError: a file that cannot be read or written.
    """
    read = [
        options.checkpoint,
        *([options.config] if options.config else []),
        *(options.calibration or []),
    ]
    judge([Output(str(options.out), "model package")], read, options.overwrite)
    refuse_existing(str(options.out), options.overwrite)
    if os.environ.get("PYTHONHASHSEED") != "0":
        paths = os.pathsep.join(p for p in sys.path if p)
        fixed = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths}
        return subprocess.run([sys.executable, *words], env=fixed, check=False).returncode
    try:
        import_official(options)
    except yaml.YAMLError as error:
        raise ValueError(f"{options.config}: {error}") from error
    return 0
