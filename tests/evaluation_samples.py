"""Pictures and weights that tests of the evaluation share."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from dlf_models.evaluation.weights import Weights
from PIL import Image, ImageDraw, ImageFont

SHARED = Path(__file__).resolve().parents[2] / "shared"
LINES = ("Bakery and coffee", "open every morning")


def astronaut() -> np.ndarray:
    """Part of a photograph that shows one face, 256x256."""
    data = pytest.importorskip("skimage.data", reason="scikit-image has the photograph")
    return np.ascontiguousarray(data.astronaut()[:256, 96:352])


def sign() -> np.ndarray:
    """Printed words, 320x160."""
    image = Image.new("RGB", (320, 160), (235, 230, 220))
    draw = ImageDraw.Draw(image)
    for place, line in enumerate(LINES):
        draw.text((16, 24 + 60 * place), line, (30, 30, 40), ImageFont.load_default(28))
    return np.asarray(image)


def pair(height: int = 192, width: int = 233) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture with texture, and a worse one; the same on every machine."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([(x * 3 + y) % 256, (x * y // 16) % 256, (y * 2 + 40) % 256], axis=-1)
    noise = np.random.default_rng(7).integers(-40, 41, base.shape)
    return base.astype(np.uint8), np.clip(base + noise, 0, 255).astype(np.uint8)


def random_weights() -> Weights:
    """LPIPS weights with the right shapes and seeded values, for tests that need no real ones."""
    generator = torch.Generator().manual_seed(3)

    def values(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) / math.sqrt(math.prod(shape[1:]) or 1)

    arrays = {"0.weight": values(64, 3, 3, 3), "0.bias": values(64)}
    width = 64
    for index, squeezed, expanded in (
        (3, 16, 64), (4, 16, 64), (6, 32, 128), (7, 32, 128),
        (9, 48, 192), (10, 48, 192), (11, 64, 256), (12, 64, 256),
    ):  # fmt: skip
        for part, shape in (
            ("squeeze", (squeezed, width, 1, 1)),
            ("expand1x1", (expanded, squeezed, 1, 1)),
            ("expand3x3", (expanded, squeezed, 3, 3)),
        ):
            arrays[f"{index}.{part}.weight"] = values(*shape)
            arrays[f"{index}.{part}.bias"] = values(shape[0])
        width = 2 * expanded
    lins = tuple(values(1, w, 1, 1).abs() for w in (64, 128, 256, 384, 384, 512, 512))
    return Weights(arrays, lins, "random", "0" * 64)


def write_random_weights(path: Path) -> None:
    """Write `random_weights` as the .npz that `--lpips` takes: figures mean nothing, paths work."""
    weights = random_weights()
    arrays = {name: value.numpy() for name, value in weights.features.items()}
    arrays |= {f"lin{i}.model.1.weight": lin.numpy() for i, lin in enumerate(weights.lins)}
    np.savez(path, **arrays)
