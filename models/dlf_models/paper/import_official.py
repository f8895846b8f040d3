"""``dlf import-official CKPT OUT.dlfm``: a published checkpoint of the paper becomes a model
package.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from dlf.cli.arguments import add_overwrite
from dlf.files import replacing
from dlf.outputs import Output, judge, refuse_existing
from dlf.systems import peak_memory
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .checkpoint import SKIPPABLE, CheckpointError, load_checkpoint
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


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="dlf import-official",
        description="Turn a published checkpoint of the paper into a model package.",
    )
    p.add_argument(
        "checkpoint", type=Path, help="Lightning checkpoint (.ckpt); only tensors are read"
    )
    p.add_argument("out", type=Path, help="package to write (.dlfm)")
    p.add_argument(
        "--config", type=Path, help="sizes, ours or the authors' YAML (default: the paper's)"
    )
    p.add_argument("--name", default="dlf-l", help="name of the model, recorded in the package")
    p.add_argument("--licence", default="that of the checkpoint", help="recorded in the package")
    p.add_argument("--weights", choices=WEIGHTS, default="fp16", help="type of the stored weights")
    p.add_argument(
        "--calibration",
        type=Path,
        nargs="+",
        metavar="PHOTO",
        help="photographs that the tables of the detail symbols are fitted to (default: synthetic"
        " pictures for the integer prior, normal distributions in the tables)",
    )
    add_overwrite(p)
    return p


def synthetic_pictures(side: int) -> list[NDArray[np.uint8]]:
    """Two pictures ``[side, side, 3]`` with smooth, striped and rough parts; always the same."""
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
    """Calibration pictures as ``[1, 3, 256 nH, 256 nW]`` in [0, 1], cut to whole windows."""
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


def import_official(args: argparse.Namespace) -> None:
    """Do what the command line asks for and print the report; ``ValueError`` or ``OSError``."""
    start = time.monotonic()
    config = load_paper_config(args.config) if args.config else PaperConfig()
    model, loaded = load_checkpoint(args.checkpoint, config, weights=WEIGHTS[args.weights])
    print(f"parameters: {loaded.parameters} in {loaded.keys} tensors")
    if loaded.skipped:
        print(f"skipped, only for training: {_groups(loaded.skipped)}")
    print(
        f"weights stored as {args.weights}: one changes by at most {loaded.weight_change:.1e} of its"
        " tensor's largest"
    )
    pictures = _pictures(args.calibration, config)
    calibration = calibrate(model, pictures)
    window = pictures[0][:, :, : config.window, : config.window]
    expected = reference(model, window)
    normative = normative_part(config, calibration, expected, fitted=args.calibration is not None)
    exact, integer = rate_loss(normative, calibration)
    loss = integer / exact - 1 if exact else 0.0
    print(
        f"detail symbols of {len(pictures)} calibration pictures: {exact:.0f} bytes with the"
        f" float prior, {integer:.0f} with the integer prior ({loss:+.2%})"
    )
    description = {
        "name": args.name,
        "profile": "dlf-l",
        "licence": args.licence,
        "created_by": "dlf import-official",
        "training": "published checkpoint",
        "parameters": loaded.parameters,
        "calibration": "photographs" if args.calibration else "synthetic pictures",
        "weights": args.weights,
    }
    with tempfile.TemporaryDirectory(dir=_scratch(args.out), prefix=".dlf-") as folder:
        package = Path(folder) / "package.dlfm"
        write_package(model, normative, description, config, package)
        del model
        reopened = torch.jit.load(str(package), map_location="cpu")
        tokens, picture = reconstruct(reopened, window)
        levels = float((picture - expected.picture).abs().max()) * 255
        if not levels < float("inf"):
            raise ValueError(f"self-check: with {args.weights} weights the picture is not finite")
        with package.open("rb") as source, replacing(args.out) as target:
            shutil.copyfileobj(source, target)
    same = int((tokens == expected.tokens).sum())
    print(
        f"self-check of the package on one window: {same} of {tokens.numel()} tokens equal, pixels"
        f" within {levels:.2f} of 255 levels"
    )
    identity = hashlib.sha256(normative.to_bytes()).hexdigest()
    peak = peak_memory() / 2**30
    print(f"{args.out}: {args.out.stat().st_size} bytes, SHA-256 {identity}")
    print(f"{time.monotonic() - start:.0f} s, peak memory {peak:.1f} GiB")


def _scratch(out: Path) -> Path | None:
    """The folder of the package, which has room for it, or else the system's for temporary files."""
    return out.parent if os.access(out.parent, os.W_OK) else None


def _groups(keys: tuple[str, ...]) -> str:
    """How many keys there are of each training-only kind."""
    counts = {prefix: sum(k.startswith(prefix) for k in keys) for prefix in SKIPPABLE}
    return ", ".join(f"{n} {prefix.rstrip('.')}" for prefix, n in counts.items() if n)


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0, or 1 after one line on stderr.

    The work is done in a process of its own with a fixed hash seed: TorchScript writes names in the
    order of Python sets and numbers types as it meets them, and the same checkpoint should give
    the same package, hence the same model id, everywhere.
    """
    words = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(words)
    read = [args.checkpoint, *([args.config] if args.config else []), *(args.calibration or [])]
    judge([Output(str(args.out), "model package")], read, args.overwrite)
    refuse_existing(str(args.out), args.overwrite)
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", __spec__.name, *words]
        paths = os.pathsep.join(p for p in sys.path if p)
        fixed = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": paths}
        return subprocess.run(command, env=fixed, check=False).returncode
    try:
        import_official(args)
    except (CheckpointError, ValueError, OSError, yaml.YAMLError) as error:
        print(f"dlf import-official: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
