"""The small networks: shapes, quantisers, the quadtree's partition, scripting, and the float prior's bookkeeping."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import scene
from dlf_models.config import NetworkConfig, load_config
from dlf_models.export.macs import macs_per_pixel, reduced_macs_per_pixel, stage_macs_per_pixel
from dlf_models.export.reduced import fit_reduced, measure_reduced, reduced_picture
from dlf_models.export.torchscript import Transforms, transforms_archive
from dlf_models.networks.model import DLF
from dlf_models.networks.prior import quadtree_masks
from dlf_models.networks.quantise import FiniteScalarQuantiser
from dlf_models.networks.reduced import DOWNSCALES, ReducedHeads
from dlf_models.training.start import spread_latents
from hypothesis import given, settings
from hypothesis import strategies as st

CONFIGS = Path(__file__).parent.parent / "models" / "configs"


@pytest.fixture(scope="module")
def network() -> DLF:
    torch.manual_seed(0)
    return DLF(load_config(CONFIGS / "test.yaml").network).eval().requires_grad_(False)


@given(st.lists(st.integers(2, 9), min_size=1, max_size=6))
def test_fsq_digits_cover_their_levels_and_values_agree(levels: list[int]) -> None:
    quantiser = FiniteScalarQuantiser(levels)
    sweep = torch.linspace(-9, 9, 401)[:, None].expand(-1, len(levels))
    digits, values = quantiser(sweep)
    for d, level in enumerate(levels):
        assert sorted(set(digits[:, d].tolist())) == list(range(level))
    assert torch.allclose(quantiser.values(digits), values.detach())
    assert float(values.detach().abs().max()) <= 1


@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from([4, 8, 64]))
def test_quadtree_steps_partition_the_latent(height: int, width: int, channels: int) -> None:
    masks = quadtree_masks(channels, height, width, torch.device("cpu"))
    assert bool((masks.sum(dim=0) == 1).all())
    # At every position, each step codes exactly one group of a quarter of the channels.
    assert bool((masks.sum(dim=1) == channels // 4).all())


@settings(deadline=None, max_examples=6)
@given(st.integers(1, 2), st.integers(1, 3), st.floats(0, 1))
def test_a_pass_keeps_the_shape_and_costs_bits(
    network: DLF, rows: int, columns: int, rate: float
) -> None:
    window = network.config.window
    image = torch.rand(2, 3, rows * window, columns * window)
    coded = network(image, torch.full((2,), rate))
    assert coded.image.shape == image.shape
    assert coded.digits.shape == (2 * rows * columns, network.config.tokens_per_window, 2)
    assert coded.detail_bits.shape == (2,) and bool((coded.detail_bits >= 0).all())


def test_without_symbols_the_detail_costs_nothing(network: DLF) -> None:
    image = torch.rand(1, 3, 64, 64)
    assert float(network(image, torch.ones(1), keep=torch.zeros(1)).detail_bits) == 0


def test_scripted_transforms_equal_the_network(network: DLF) -> None:
    transforms = torch.jit.script(Transforms(network, ReducedHeads(network.synthesis.renderer)))
    window, points = network.config.window, network.config.rate_points
    image = torch.rand(1, 3, 2 * window, window)
    tokens, features = transforms.analysis(image)
    y = transforms.bottleneck(features, points - 1)
    picture = transforms.synthesis(tokens, y, points - 1, 2, 1)
    digits, values, expected = network.analysis(image)
    assert torch.equal(tokens, digits.flatten(1)) and torch.allclose(features, expected, atol=1e-5)
    assert torch.allclose(picture, network.synthesis(values, y, torch.ones(1)), atol=1e-5)


def test_package_weights_are_half_precision(network: DLF) -> None:
    reduced = ReducedHeads(network.synthesis.renderer)
    macs = reduced_macs_per_pixel(network, reduced)
    archive = torch.jit.load(io.BytesIO(transforms_archive(network, reduced, macs)))
    assert {p.dtype for p in archive.parameters()} == {torch.float16}


def test_default_model_keeps_its_budget() -> None:
    """At most 16 M parameters, 20 and 30 kMAC per pixel."""
    network = DLF(load_config(CONFIGS / "dlf-s.yaml").network).eval()
    assert sum(p.numel() for p in network.parameters()) <= 16_000_000
    analysis, synthesis = macs_per_pixel(network)
    assert analysis <= 20_000 and synthesis <= 30_000
    stages = stage_macs_per_pixel(network)
    assert abs(sum(stages.values()) - analysis - synthesis) <= len(stages)
    assert next(iter(stages)) == "analysis: stem"
    assert "synthesis: renderer at 1/4" in stages


@pytest.mark.parametrize(
    "change", [{"window": 100}, {"latent_channels": 10}, {"analysis_blocks": 9}, {"heads": 5}]
)
def test_impossible_sizes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        DLF(NetworkConfig(**change))


def test_unknown_configuration_keys_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("network: {windwo: 128}\n")
    with pytest.raises(ValueError, match="windwo"):
        load_config(path)


def test_the_linear_path_reaches_the_picture_through_the_latent() -> None:
    """A network with a linear path scripts, and its base picture alone can carry an image."""
    config = replace(load_config(CONFIGS / "test.yaml").network, linear_path=True)
    torch.manual_seed(4)
    network = DLF(config).eval()
    image = torch.rand(1, 3, config.window, 2 * config.window)
    scripted = torch.jit.script(network.synthesis)
    _, values, features = network.analysis(image)
    rate = torch.tensor([0.4])
    y = network.bottleneck(network.bottleneck.prepare(features), rate)
    assert y.shape == (1, config.latent_channels, config.window // 32, config.window // 16)
    before = network.synthesis(values, y, rate)
    torch.testing.assert_close(scripted(values, y, rate), before)
    assert network.synthesis.linear is not None
    torch.nn.init.normal_(network.synthesis.linear.expand.weight)
    after = network.synthesis(values, y, rate)
    assert after.shape == image.shape
    assert (after - before).abs().mean() > 0.01


@pytest.mark.parametrize("linear_path", [False, True])
def test_reduced_synthesis_is_fitted_to_the_whole_one(linear_path: bool) -> None:
    torch.manual_seed(5)
    config = replace(load_config(CONFIGS / "test.yaml").network, linear_path=linear_path)
    network = DLF(config).eval().requires_grad_(False)
    if network.synthesis.linear is not None:
        torch.nn.init.normal_(network.synthesis.linear.expand.weight, std=0.1)
    images = [scene(128, 192, seed) for seed in range(6)]
    fitted = fit_reduced(network, images[:5])
    again = fit_reduced(network, images[:5])
    assert all(
        torch.equal(a, b) for a, b in zip(fitted.parameters(), again.parameters(), strict=True)
    )
    seen = measure_reduced(network, fitted, images[5:])
    random = measure_reduced(network, ReducedHeads(network.synthesis.renderer), images[5:])
    for downscale in DOWNSCALES:
        assert seen[str(downscale)] > random[str(downscale)] + 10

    macs = reduced_macs_per_pixel(network, fitted)
    assert macs["8"] < macs["4"] < macs["2"] < macs_per_pixel(network)[1]

    # What a decoder runs is what was fitted.
    tokens = torch.zeros(6, config.tokens_per_window * 2, dtype=torch.long)
    y = torch.randn(1, config.latent_channels, 4, 6)
    scripted = torch.jit.script(Transforms(network, fitted))
    for index, downscale in enumerate(DOWNSCALES):
        made = scripted.synthesis_reduced(tokens, y, 0, 2, 3, downscale)
        assert made.shape == (1, 3, 128 // downscale, 192 // downscale)
        torch.testing.assert_close(made, reduced_picture(network, fitted, y, torch.zeros(1), index))


@pytest.mark.parametrize("scale", [4, 2])
def test_a_linear_path_starts_as_a_transform_codec(scale: int) -> None:
    """Before any training, what comes out is nearly the small picture, sample for sample, and more so at higher rates."""
    config = replace(
        load_config(CONFIGS / "test.yaml").network,
        linear_path=True,
        linear_scale=scale,
        latent_channels=3 * (32 // scale) ** 2,
    )
    torch.manual_seed(6)
    network = DLF(config).eval()
    # Samples that know nothing of each other: put back in another place they would be worth nothing.
    small = torch.rand(48, 3, 128 // scale, 128 // scale)
    images = torch.nn.functional.interpolate(small, scale_factor=scale)
    spread_latents(network, images)
    errors = []
    for rate in (0.0, 1.0):
        picture = network(images, torch.full((48,), rate)).image
        made = torch.nn.functional.avg_pool2d(picture.detach(), scale)
        errors.append(float((made - small).square().mean() / small.var()))
    assert errors[1] < 0.8 * errors[0]
    # The bilinear enlargement of the base picture, averaged again, gives most of its contrast back.
    assert errors[1] < 0.6
