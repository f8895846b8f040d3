"""Export of the convolutional profile: walks equal networks, packages are whole and repeatable."""

from __future__ import annotations

import copy
import json
import struct
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import dlf
import numpy as np
import pytest
import torch
from dlf.specification import ENCODER_MEMBER, NORMATIVE_MEMBER
from dlf_models.package.integer import BoundedLayer, reach_of
from dlf_models.package.programs import Op
from dlf_models.package.reading import read_package
from dlf_models.small.export import walks
from dlf_models.small.export.calibrate import (
    MOST_GAIN,
    Graphs,
    Walker,
    calibrate,
    whole_windows,
)
from dlf_models.small.export.graph import Graph
from dlf_models.small.export.package import FITTED, build_package
from dlf_models.small.export.quantise import LayerList, compile_program, exact_scale
from dlf_models.small.export.tokens import digit_thresholds
from dlf_models.small.layers import bilinear_weights
from dlf_models.small.model import DLF, draw_noise
from tiny_networks import TINY_NETWORK


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "grain"])
def network(request: pytest.FixtureRequest) -> DLF:
    torch.manual_seed(0)
    network = DLF(replace(TINY_NETWORK, grain=request.param)).eval().requires_grad_(False)
    network.start(torch.rand(8, 3, 128, 128))
    for parameter in network.parameters():  # the zero starts would hide mistakes
        parameter.add_(0.02 * torch.randn_like(parameter))
    return network


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    return [np.kron(c, np.ones((16, 16, 1), np.uint8)) for c in coarse]


def test_walks_equal_the_networks(network: DLF, images: list[np.ndarray]) -> None:
    walker, graphs = Walker(network), Graphs()
    image = whole_windows(images[0], 128)
    torch.manual_seed(5)
    coding = walker.code(graphs, image, 0.4)
    digits, values, features = network.analysis(image / 2 + 0.5)
    assert torch.equal(coding.digits, digits)
    latent, _ = network.prior(network.bottleneck(features, coding.rate), coding.rate, values)
    assert torch.allclose(coding.latent, latent, atol=1e-3)
    torch.manual_seed(5)
    picture = walker.draw(graphs, coding)
    torch.manual_seed(5)
    noise = draw_noise(torch.empty(1, 1, *image.shape[2:]))
    wanted = network.synthesis(values, coding.latent, coding.rate, noise)
    assert torch.allclose(picture / 2, wanted, atol=1e-5)


def test_walks_that_differ_are_refused() -> None:
    graph = Graph()
    graph.leaky(graph.input(torch.ones(1, 2, 3, 3)))
    graph.begin()
    x = graph.input(torch.ones(1, 2, 3, 3))
    with pytest.raises(ValueError, match="node 1"):
        graph.add(x, x)


def test_thresholds_give_the_quantisers_digits(network: DLF) -> None:
    quantiser, levels, unit = network.analysis.quantiser, TINY_NETWORK.token_levels, 2.0**-10
    thresholds = digit_thresholds(quantiser, levels, unit)
    x = torch.linspace(-6, 6, 4001)[:, None].expand(-1, len(levels))
    integers = torch.round(x / unit)
    digits, _ = quantiser(integers * unit)
    for d, edges in enumerate(thresholds):
        assert np.all(np.diff(edges) > 0)
        found = (edges[None, :] <= integers[:, d : d + 1].numpy()).sum(axis=1)
        assert np.array_equal(found, digits[:, d].numpy())


def test_fixed_filters_keep_their_sums() -> None:
    real = bilinear_weights(3).double().numpy()
    scale = exact_scale(real, np.abs(real).reshape(12, -1).max(axis=1) / 127)
    integer = np.round(real / scale[:, None, None, None])
    assert np.array_equal(integer * scale[:, None, None, None], real)


def test_added_values_share_a_unit(network: DLF, images: list[np.ndarray]) -> None:
    graphs = calibrate(Walker(network), images, 8).graphs
    layers = LayerList()
    program, units = compile_program(graphs.analysis, layers)
    assert len(units) == 2
    assert {i.op for i in program.instructions} >= {Op.CONV, Op.ADD, Op.LEAKY, Op.SPACE_TO_DEPTH}


def test_reach_counts_kernels_and_folds() -> None:
    graph = Graph()
    x = graph.input(torch.zeros(1, 4, 4, 4), 1.0)
    x = graph.filter(torch.zeros(16, 4, 3, 3), torch.zeros(16), x)
    x = graph.filter(torch.zeros(4, 4, 3, 3), torch.zeros(4), graph.depth_to_space(x, 2))
    graph.output(x)
    layers = LayerList()
    program, _ = compile_program(graph, layers)
    # 16 px behind the enlargement become one cell of 32, and the first kernel adds another.
    assert reach_of(program, [BoundedLayer(v) for v in layers.layers], [32], 32) == 2


def test_packages_are_whole_and_repeatable(network: DLF, images: list[np.ndarray]) -> None:
    torch.manual_seed(1)
    first, report = build_package(network, images, {"name": "tiny"})
    torch.manual_seed(1)
    second, _ = build_package(network, images, {"name": "tiny"})
    assert first == second
    assert report["macs_per_pixel"]["synthesis"] > 0
    with zipfile.ZipFile(BytesIO(first)) as archive:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        names = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    assert names[NORMATIVE_MEMBER][:8] == b"DLFN" + struct.pack("<HH", 2, 3)
    assert names[ENCODER_MEMBER][:4] == b"DLFE"
    assert json.loads(names["extra/model.json"])["name"] == "tiny"


def test_reduced_sizes_share_the_layers_of_the_whole(
    network: DLF, images: list[np.ndarray], tmp_path: Path
) -> None:
    """They are fitted on the first photographs alone, which here are grey: peaks are others."""
    grey = [np.full((128, 128, 3), 128, np.uint8)] * FITTED
    louder = [*grey, *images]
    path = tmp_path / "tiny.dlfm"
    path.write_bytes(build_package(network, louder, {"name": "tiny"})[0])
    normative = read_package(path).normative
    used = [
        {i.arg0 for i in drawing.program.instructions if i.op == Op.CONV}
        for drawing in (normative.synthesis, *normative.reduced.values())
    ]
    for reduced in used[1:]:
        assert len(reduced - used[0]) == 1  # the map to the picture


def test_large_gains_get_another_unit(network: DLF, images: list[np.ndarray]) -> None:
    large = copy.deepcopy(network)
    large.synthesis.gain.log_gain.vectors[0, 2] = 4.0
    bounded = copy.deepcopy(large)
    bounded.synthesis.bound_gains(MOST_GAIN)
    assert float(bounded.synthesis.gain.log_gain.vectors.exp().max()) <= MOST_GAIN
    image = whole_windows(images[0], 128) / 2 + 0.5
    rate = torch.full((1, image.shape[2] // 32, image.shape[3] // 32), 0.1)
    drawn = []
    for net in (large, bounded):
        torch.manual_seed(3)
        drawn.append(net(image, rate).image)
    assert torch.allclose(drawn[0], drawn[1], atol=1e-5)
    assert build_package(large, images, {"name": "tiny"})[0]


def test_synthesis_takes_noise_and_rates(network: DLF) -> None:
    graph = Graph()
    size, latent = torch.empty(1, 1, 128, 128), torch.zeros(1, TINY_NETWORK.latent_channels, 4, 4)
    units: dict[str, object] = dict.fromkeys(("latent", "tokens", "noise", "rate"), 1.0)
    units["offset"] = torch.zeros(TINY_NETWORK.token_channels)
    tokens = torch.zeros(1, TINY_NETWORK.token_channels, 1, 1)
    rate = torch.ones(1, TINY_NETWORK.latent_channels + TINY_NETWORK.rate_width, 4, 4)
    inputs = walks.DrawingInputs(latent, tokens, rate, draw_noise(size), units)
    walks.synthesis(graph, network.synthesis, inputs)
    planes = [1] * (3 if network.config.grain else 2)
    assert [n.channels for n in graph.nodes if n.op == "input"] == [8, 16, 12, *planes]


def test_grain_is_in_vivid_pictures_alone(images: list[np.ndarray], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DLF(replace(TINY_NETWORK, grain=True)).eval().requires_grad_(False)
    network.start(torch.rand(8, 3, 128, 128))
    grain = network.synthesis.renderer.grain
    assert grain is not None
    assert grain.bias is not None
    grain.bias.fill_(4 * 2 / 255)  # four levels
    path = tmp_path / "grain.dlfm"
    path.write_bytes(build_package(network, images, {"name": "grain"})[0])
    codec = dlf.Codec(path)
    data = codec.encode(np.full((256, 256, 3), 128, np.uint8), 50)
    vivid, faithful = (
        codec.decode(data, noise=noise).astype(int) for noise in ("vivid", "faithful")
    )
    difference = vivid - faithful
    assert difference.std() == pytest.approx(4, rel=0.1)
    red, blue = difference[..., 0].ravel(), difference[..., 2].ravel()
    assert np.corrcoef(red, blue)[0, 1] > 0.9  # the other planes differ from colour to colour
    gray = difference[..., 1] - difference[..., 1].mean()
    beside = (gray[:, 1:] * gray[:, :-1]).mean() / gray.var()
    assert abs(beside) < 0.05  # as fine as pixels
