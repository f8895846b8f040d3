"""Networks come back from packages: training goes on from one where no checkpoint is left."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, scene
from dlf.specification import ENCODER_MEMBER, NORMATIVE_MEMBER
from dlf_models.common.configuration import build
from dlf_models.package.reading import read_package
from dlf_models.small.analysis import fold, rate_grid
from dlf_models.small.config import NetworkConfig
from dlf_models.small.export.measure import measure
from dlf_models.small.export.package import build_package
from dlf_models.small.export.weights import checkpoint_of_package, networks_of_package
from dlf_models.small.importance import ImportanceHead
from dlf_models.small.model import DLF, draw_noise
from tiny_networks import TINY_NETWORK

PACKAGES = [ROOT / "models" / "pretrained" / name for name in ("test.dlfm", "dlf-s.dlfm")]
TORCHSCRIPT = ROOT / "conformance" / "packages" / "test-torch.dlfm"


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.stem)
def test_what_is_read_is_what_was_written(path: Path) -> None:
    package = read_package(path)
    assert package.encoder is not None
    with zipfile.ZipFile(path) as archive:
        assert package.normative.to_bytes() == archive.read(f"archive/{NORMATIVE_MEMBER}")
        assert package.encoder.to_bytes() == archive.read(f"archive/{ENCODER_MEMBER}")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "grain"])
def trained(request: pytest.FixtureRequest) -> tuple[DLF, ImportanceHead]:
    """A network whose layers all do something; the linear path has a part of the channels alone."""
    torch.manual_seed(0)
    network = DLF(replace(TINY_NETWORK, grain=request.param)).eval().requires_grad_(False)
    network.start(torch.rand(8, 3, 128, 128))
    for parameter in network.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    return network, ImportanceHead(TINY_NETWORK.detail_width).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def package(
    trained: tuple[DLF, ImportanceHead], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    pictures = [scene(200, 260, number) for number in range(3)]
    path = tmp_path_factory.mktemp("package") / "tiny.dlfm"
    path.write_bytes(build_package(trained[0], pictures, {"name": "tiny"}, trained[1])[0])
    yield path


def test_a_network_comes_back(trained: tuple[DLF, ImportanceHead], package: Path) -> None:
    network, head = trained
    found, found_head = networks_of_package(package)
    assert found.config == network.config
    image = torch.from_numpy(scene(256, 256, 9)).permute(2, 0, 1)[None] / 255
    for value in (0.0, 0.35, 1.0):
        rate = torch.full((1, *rate_grid(image)), value)
        (digits, values, features), (digits_found, _, features_found) = (
            n.analysis(image) for n in (network, found)
        )
        assert (digits != digits_found).float().mean() < 0.05
        y, y_found = network.bottleneck(features, rate), found.bottleneck(features_found, rate)
        assert torch.allclose(y, y_found, atol=0.03 * float(y.abs().max()))
        (latent, bits), (_, bits_found) = (n.prior(y, rate, values) for n in (network, found))
        assert float(bits_found.sum()) == pytest.approx(float(bits.sum()), rel=0.05)
        noise = draw_noise(image)
        drawn, redrawn = (n.synthesis(values, latent, rate, noise) for n in (network, found))
        assert -10 * torch.log10((drawn - redrawn).square().mean()) > 40
    assert found_head is not None
    details = [n.analysis.branches(fold(image))[1] for n in (network, found)]
    looks, looks_found = (
        h(h.features(d)) for h, d in zip((head, found_head), details, strict=True)
    )
    assert (looks - looks_found).square().mean() < 0.01 * looks.var()


def test_integers_draw_what_the_network_of_their_package_draws() -> None:
    path = PACKAGES[0]
    package = read_package(path)
    bits = package.normative.mean_fraction + package.normative.step_fraction
    network, _ = networks_of_package(path)
    losses = measure(network, path, [scene(128, 128, 3)], bits)
    assert min(losses["drawing"]) > 40
    assert np.allclose(losses["integer"], losses["float"], atol=0.3)


def test_the_sketch_is_fitted_to_the_crops(package: Path) -> None:
    crops = torch.stack(
        [torch.from_numpy(scene(128, 128, n)).permute(2, 0, 1) / 255 for n in range(40)]
    )
    state = checkpoint_of_package(package, crops)
    network = DLF(build(NetworkConfig, state["config"]["network"], "package"))
    network.load_state_dict(state["network"])
    with torch.no_grad():
        _, values, _ = network.analysis(crops)
        fitted = network.sketch_error(values, crops)
        network.sketch.weight.zero_()
        assert fitted < 0.9 * network.sketch_error(values, crops)


@pytest.mark.parametrize("path", [TORCHSCRIPT, ROOT / "README.md"], ids=lambda path: path.stem)
def test_other_files_are_refused_by_name(path: Path) -> None:
    with pytest.raises(ValueError, match=path.name):
        networks_of_package(path)


def test_a_decoding_half_is_refused_by_name(package: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.dlfm"
    with zipfile.ZipFile(package) as whole, zipfile.ZipFile(half, "w") as archive:
        for name in whole.namelist():
            if not name.endswith(ENCODER_MEMBER):
                archive.writestr(name, whole.read(name))
    with pytest.raises(ValueError, match=r"half\.dlfm: has no encoding half"):
        networks_of_package(half)
