"""What all tests share: a model package, small pictures, files made of them.

Tests that code pictures use the fixture `model_environment`: the default model is then a throw-away
package, the `test` profile with random weights. It codes nothing well, but everything truly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CALIBRATION_IMAGES = 16
PHOTO_SIZE = (168, 120)


@pytest.fixture(scope="session")
def shipped_test_package() -> Path:
    """The normative test model, id 0, as it is shipped."""
    return ROOT / "models" / "pretrained" / "test.dlfm"


@pytest.fixture(scope="session")
def test_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away model package, under the name of the default model."""
    path = tmp_path_factory.mktemp("models") / "dlf-s.dlfm"
    path.write_bytes(throwaway_package())
    return path


@pytest.fixture(scope="session")
def model_environment(test_package: Path) -> Iterator[None]:
    """Make the throw-away package the default, in this process and in those that it starts."""
    before = os.environ.get("DLF_MODEL_PATH")
    os.environ["DLF_MODEL_PATH"] = str(test_package.parent)
    yield
    if before is None:
        del os.environ["DLF_MODEL_PATH"]
    else:
        os.environ["DLF_MODEL_PATH"] = before


@pytest.fixture(scope="session")
def pictures() -> dict[str, Image.Image]:
    """One small picture in each of the modes L, LA, RGB and RGBA."""
    rgb = Image.fromarray(scene(61, 83, seed=1))
    alpha = Image.radial_gradient("L").resize(rgb.size)
    gray = rgb.convert("L")
    return {
        "L": gray,
        "LA": Image.merge("LA", (gray, alpha)),
        "RGB": rgb,
        "RGBA": Image.merge("RGBA", (*rgb.split(), alpha)),
    }


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture of several windows, with smooth parts, edges and texture."""
    return Image.fromarray(scene(PHOTO_SIZE[1], PHOTO_SIZE[0], seed=2))


@pytest.fixture(scope="session")
def photo_dlf(photo: Image.Image, model_environment: None) -> bytes:
    """`photo` as a plain .dlf file without chunks, at the best quality."""
    import dlf

    return dlf.encode(photo, 100)


@pytest.fixture(scope="session")
def chunky_dlf(pictures: dict[str, Image.Image], model_environment: None) -> bytes:
    """A .dlf file with every kind of chunk, and so with a trailer."""
    import dlf
    from dlf import icc

    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "description", 6
    return dlf.encode(
        pictures["RGBA"], 100, exif=exif, xmp="<x/>", icc_profile=icc.display_p3_profile()
    )


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of gradients, discs and noise: uint8, height x width x 3, the same in every run."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    for _ in range(8):
        centre, radius = dice.uniform(0, (height, width)), dice.uniform(5, 40)
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        picture[inside] = dice.uniform(0, 255, 3)
    picture += dice.normal(0, 12, picture.shape) * (x > width / 2)[..., None]
    return picture.clip(0, 255).astype(np.uint8)


def throwaway_package() -> bytes:
    """The `test` profile with random weights, scaled so that rate points and tokens differ."""
    import torch
    from dlf_models.config import load_config
    from dlf_models.export.package import build_package
    from dlf_models.networks.model import DLF

    config = load_config(ROOT / "models" / "configs" / "test.yaml")
    torch.manual_seed(0)
    network = DLF(config.network).eval().requires_grad_(False)
    encoder = network.bottleneck
    encoder.project.weight.mul_(20)
    anchors = len(encoder.log_gain.vectors)
    encoder.log_gain.vectors.add_(torch.linspace(-1.5, 1.5, anchors)[:, None])
    images = [scene(128, 192, seed) for seed in range(10, 10 + CALIBRATION_IMAGES)]
    spread_tokens(network, images)
    description = {"name": "throwaway", "profile": "test", "licence": "Apache-2.0"}
    return build_package(network, images, description)[0]


def spread_tokens(network: Any, images: list[np.ndarray]) -> None:
    """Normalise what the tokens are rounded from, so that many different tokens occur."""
    import torch

    layer = network.analysis.semantic.to_digits
    seen = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    for image in images:
        network.analysis(torch.from_numpy(image).permute(2, 0, 1)[None] / 255)
    hook.remove()
    values = torch.cat([output.flatten(0, -2) for output in seen])
    mean, deviation = values.mean(0), values.std(0)
    layer.weight.div_(deviation[:, None])
    layer.bias.sub_(mean).div_(deviation)
