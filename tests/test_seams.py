"""A picture decoded in tiles shows no seam: beside the same picture synthesised as a whole.

Only TorchScript packages have tiles (BITSTREAM.md §9.2). 2.5 megapixels are the smallest size that
the one of the tests cuts. `pytest tests/test_seams.py -s` prints the figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import scene
from dlf import _core, native
from dlf_models.package.torchscript import read_package
from PIL import Image

Pixels = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 1280, 1920
BORDER = 1024
"""The only tile border in either direction: `tile_core` windows."""


@pytest.fixture(scope="module")
def picture() -> Pixels:
    """A photograph enlarged, so that no edge of its own is at the border; else a made-up scene."""
    folder = Path(__file__).parents[2] / "shared" / "kodak"
    photo = folder / "kodim05.png"
    if not photo.is_file():
        return scene(HEIGHT, WIDTH, seed=11)
    with Image.open(photo) as image:
        larger = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    return np.asarray(larger)


def synthesised_whole(file: bytes, package: Path) -> Pixels:
    """What the network gives for all windows at once (BITSTREAM.md §9 without §9.2)."""
    import torch

    loaded = _core.Package(str(package))
    symbols = _core.decode_symbols(file, loaded)
    normative, _ = read_package(package.read_bytes())
    fraction = normative.mean_fraction + normative.step_fraction
    latents = symbols["latent"].astype(np.float32) * 2.0**-fraction
    per_window = loaded.window // loaded.latent_stride
    rows, columns = -(-HEIGHT // loaded.window), -(-WIDTH // loaded.window)
    missing = (rows * per_window - latents.shape[1], columns * per_window - latents.shape[2])
    latents = np.pad(latents, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    module = torch.jit.load(str(package)).float().eval()
    with torch.inference_mode(), torch.jit.optimized_execution(False):
        made = module.synthesis(
            torch.from_numpy(symbols["tokens"].astype(np.int64)),
            torch.from_numpy(latents.astype(np.float32))[None],
            _core.probe(file)["rate"],
            rows,
            columns,
        )
    samples = (made[0, :, :HEIGHT, :WIDTH].clamp(0, 1) * 255 + 0.5).floor()
    return np.asarray(samples.byte().permute(1, 2, 0).numpy())


def border_steps(pixels: Pixels) -> dict[str, float]:
    """Mean absolute difference of neighbours across the tile borders, and everywhere."""
    values = pixels.astype(np.float64)
    across, down = np.abs(np.diff(values, axis=1)), np.abs(np.diff(values, axis=0))
    at = (across[:, BORDER - 1].mean() + down[BORDER - 1].mean()) / 2
    # Beside the border the picture is the same as at it, but for the seam.
    near = np.r_[BORDER - 9 : BORDER - 1, BORDER : BORDER + 8]
    beside = (across[:, near].mean() + down[near].mean()) / 2
    return {"at": at, "beside": beside, "all": (across.mean() + down.mean()) / 2}


@pytest.mark.parametrize("part", [0.1, 0.9])
def test_no_seam(torch_package: Path, picture: Pixels, part: float) -> None:
    codec: Any = native.Codec(str(torch_package), threads=2)
    file = codec.encode(picture, round(part * (codec.rate_points - 1)))
    loaded = _core.Package(str(torch_package))
    assert _core.estimate(file, loaded)["parts"] == 4
    assert loaded.window * 16 == BORDER
    tiled, whole = codec.decode(file), synthesised_whole(file, torch_package)
    difference = np.abs(tiled.astype(int) - whole)
    steps = {"tiled": border_steps(tiled), "whole": border_steps(whole)}
    print(f"\nrate {part}: {steps}; tiled against whole: mean {difference.mean():.4f}, "
          f"max {difference.max()}, above 2: {(difference > 2).mean():.2e}")  # fmt: skip
    seam = steps["tiled"]["at"] / steps["tiled"]["beside"]
    assert seam < 1.1 * steps["whole"]["at"] / steps["whole"]["beside"]
    assert difference.mean() < 0.25
