"""The way back: float networks from the integer programs of a package.

Training can go on from them where no checkpoint is left. Units of values inside a program are not
written down: a network computes the same with any. They are powers of two that put magnitudes of 4
to 8 at the largest value that calibration saw.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...common.configuration import build
from ...common.scale_tables import SCALE_FRACTION
from ...package.integer import BoundedLayer, Encoder, IntegerNormative
from ...package.programs import Op, Program
from ...package.reading import read_package
from ..config import NetworkConfig
from ..importance import ImportanceHead
from ..model import DLF
from ..rate import RateVectors
from .calibrate import GAIN_UNIT, Graphs, Walker
from .graph import Graph, Node
from .package import SAMPLE_BITS, fix_input, fix_output
from .quantise import Units, unit_for
from .tokens import digit_thresholds

INSIDE = 2.0**-11
"""Unit of a value whose own is not written down."""
PRIOR_RATES = 2.0**-13
"""The same of the prior's rate vectors, which begin with a deviation of 0.3."""
SMALLEST_GAIN = 0.5
"""What a gain of 0 counts as, in its unit: its logarithm is stored."""


@dataclass
class Part:
    """A recorded graph and the program that was made of one like it."""

    graph: Graph
    program: Program
    layers: list[BoundedLayer]

    def fix_products(self) -> None:
        """State units around products: the result's, or if that is known, the first factor's."""
        for node, instruction in self.pairs().values():
            if node.op != "product":
                continue
            units, first = Units(self.graph), node.sources[0]
            a, b = (units.of(source) for source in node.sources)
            if "unit" not in node.arguments:
                node.arguments["unit"] = a * b * 2.0**instruction.arg0
            elif not units.known(first):
                unit = node.arguments["unit"] / (b * 2.0**instruction.arg0)
                self.graph.nodes[first].arguments["unit"] = unit[:1]

    def fix_filters(self) -> None:
        """State the units around filters that are not learned.

        Their weights are known, so scales tell units.
        """
        for number, (node, instruction) in reversed(self.pairs().items()):
            if node.op != "conv" or node.arguments["layer"] is not None:
                continue
            units, source = Units(self.graph), node.sources[0]
            layer = self.layers[instruction.arg0].layer
            at = np.unravel_index(
                np.abs(layer.weight[0].astype(int)).argmax(), layer.weight[0].shape
            )
            scale = layer.multiplier[0] / 2.0 ** float(layer.shift[0])
            ratio = float(node.arguments["weight"][0][at]) / (float(layer.weight[0][at]) * scale)
            if units.known(number):
                self.graph.nodes[source].arguments["unit"] = units.of(number)[:1] / ratio
            else:
                node.arguments["unit"] = units.of(source)[:1] * ratio

    def pairs(self) -> dict[int, tuple[Node, Any]]:
        """Nodes by number, inputs left out, and their instructions.

        Raises:
            ValueError: the program is of another network.
        """
        numbers = [n for n, node in enumerate(self.graph.nodes) if node.op != "input"]
        nodes = [self.graph.nodes[n] for n in numbers]
        names = [Op[node.op.upper()] for node in nodes]
        if names != [instruction.op for instruction in self.program.instructions]:
            raise ValueError("a program of another network")
        return dict(zip(numbers, zip(nodes, self.program.instructions, strict=True), strict=True))

    def convolutions(self) -> list[tuple[Node, NDArray[np.float64], NDArray[np.float64]]]:
        """Nodes of layers, and what weight and bias are in floats."""
        units, found = Units(self.graph), []
        for number, (node, instruction) in self.pairs().items():
            if node.op != "conv" or node.arguments["layer"] is None:
                continue
            layer = self.layers[instruction.arg0].layer
            scale = layer.multiplier / 2.0 ** layer.shift.astype(np.float64) * units.of(number)
            unit_in = units.of(node.sources[0])
            weight = layer.weight * scale[:, None, None, None] / unit_in[None, :, None, None]
            found.append((node, weight, layer.bias * scale))
        return found


def parts_of(graphs: Graphs, normative: IntegerNormative, encoder: Encoder) -> list[Part]:
    """Graphs beside their programs, the full-size synthesis alone."""
    drawing = [(graphs.prior_init, normative.prior[0])]
    drawing += list(zip(graphs.prior_quarters, normative.prior[1:], strict=True))
    drawing += [(graphs.synthesis, normative.synthesis.program)]
    coding = [(graphs.analysis, encoder.analysis), (graphs.bottleneck, encoder.bottleneck)]
    if encoder.importance is not None:
        coding.append((graphs.importance, encoder.importance))
    return [Part(g, p, encoder.layers) for g, p in coding] + [
        Part(g, p, normative.layers) for g, p in drawing
    ]


def state_units(
    graphs: Graphs, network: DLF, normative: IntegerNormative, encoder: Encoder
) -> None:
    """State all units that the package tells, and `INSIDE` for the others."""
    every = [graphs.analysis, graphs.bottleneck, graphs.importance, graphs.prior_init]
    for graph in (*every, *graphs.prior_quarters, graphs.synthesis):
        for node in graph.nodes:
            node.peak = INSIDE * 2.0**13
            assert unit_for(node.peak) == INSIDE
    latent = 2.0**-encoder.y_fraction
    shift = next(i.arg0 for i in encoder.bottleneck.instructions if i.op == Op.PRODUCT)
    linear = latent / (GAIN_UNIT * 2.0**shift)
    fix_output(graphs.analysis, 0, digit_unit(network, encoder))
    features = graphs.analysis.nodes[graphs.analysis.outputs[1]]
    graphs.analysis.nodes[features.sources[1]].arguments["unit"] = linear
    units = Units(graphs.analysis)
    fix_input(graphs.bottleneck, 0, units.of(graphs.analysis.outputs[1]))
    fix_output(graphs.bottleneck, 0, latent)
    if encoder.importance is not None:
        fix_input(graphs.importance, 0, units.of(graphs.analysis.outputs[2]))
    mean, step = 2.0**-normative.mean_fraction, 2.0**-normative.step_fraction
    fix_input(graphs.prior_init, 0, PRIOR_RATES)
    for index, unit in enumerate((step, 2.0**-SCALE_FRACTION, mean, INSIDE)):
        fix_output(graphs.prior_init, index, unit)
    for quarter in graphs.prior_quarters:
        fix_input(quarter, 0, mean)
        fix_input(quarter, 1, INSIDE)
        fix_output(quarter, 0, 2.0**-SCALE_FRACTION)
        fix_output(quarter, 1, mean)
    fix_input(graphs.synthesis, 0, 2.0**normative.latent_shift * mean * step)
    fix_output(graphs.synthesis, 0, 1 / (127.5 * 2**SAMPLE_BITS))


def digit_unit(network: DLF, encoder: Encoder) -> float:
    """The unit of the token quantiser's input: a power of two, from thresholds clear of 0."""
    levels = network.config.token_levels
    real = np.concatenate(digit_thresholds(network.analysis.quantiser, levels, 2.0**-12)) * 2.0**-12
    stored = np.concatenate(encoder.thresholds).astype(np.float64)
    clear = np.abs(real) > np.abs(real).max() / 2
    return float(2.0 ** np.round(np.log2(np.median(real[clear] / stored[clear]))))


@torch.no_grad()
def load_vectors(into: RateVectors, table: NDArray[np.float64]) -> None:
    """Anchors from a table `[R, width]` over evenly spaced rates, by least squares."""
    probe = RateVectors(into.vectors.shape[0], into.vectors.shape[0])
    probe.vectors.copy_(torch.eye(len(probe.vectors)))
    hats = probe(torch.linspace(0, 1, len(table))[None, :, None])[0, :, :, 0].T
    found = np.linalg.lstsq(hats.double().numpy(), table, rcond=None)[0]
    into.vectors.copy_(torch.from_numpy(found))


def load_rates(network: DLF, normative: IntegerNormative, encoder: Encoder) -> None:
    """Rate vectors and gains of all parts."""
    channels = network.config.latent_channels
    tables = [(network.bottleneck, encoder.rates), (network.synthesis, normative.synthesis_rates)]
    for part, table in tables:
        gains = np.maximum(table[:, :channels], SMALLEST_GAIN) * GAIN_UNIT
        load_vectors(part.gain.log_gain, np.log(gains))
        load_vectors(part.rate, table[:, channels:] * GAIN_UNIT)
    load_vectors(network.prior.rate_vectors, normative.prior_rates * PRIOR_RATES)


@torch.no_grad()
def load_layers(walker: Walker, normative: IntegerNormative, encoder: Encoder) -> None:
    """Weights and biases of all layers.

    In a second walk the biases: some nodes add to those of their layers what follows from the
    weights.
    """
    side = walker.network.config.window
    image = torch.zeros(1, 3, side, side)
    for second in (False, True):
        graphs = Graphs()
        walker.draw(graphs, walker.code(graphs, image, 0.5))
        state_units(graphs, walker.network, normative, encoder)
        for part in parts_of(graphs, normative, encoder):
            part.fix_filters()
            part.fix_products()
            for node, weight, bias in part.convolutions():
                layer, rows = node.arguments["layer"], node.arguments["rows"]
                if not second:
                    layer.weight[rows].copy_(torch.from_numpy(weight))
                else:
                    missing = torch.from_numpy(bias) - node.arguments["bias"].double()
                    layer.bias[rows].add_(missing)


@torch.no_grad()
def fit_sketch(network: DLF, images: Tensor) -> None:
    """The layer that draws pictures at 1/32 from tokens, which no package has, by least squares.

    `images [B, 3, H, W]` in [0, 1], sides whole windows; a few hundred windows at least.
    """
    cells = network.cells
    before, _ = network.analysis.encode(images)
    values = network.analysis.tokens(before)[1].movedim(1, -1).flatten(0, 2).double()
    small = torch.nn.functional.avg_pool2d(images, network.config.window // cells)
    wanted = torch.nn.functional.pixel_unshuffle(small, cells).movedim(1, -1).flatten(0, 2)
    columns = torch.cat([values, torch.ones(len(values), 1)], dim=1).numpy()
    found = np.linalg.lstsq(columns, wanted.double().numpy(), rcond=None)[0]
    assert network.sketch.bias is not None
    network.sketch.weight.copy_(torch.from_numpy(found[:-1].T.copy())[:, :, None, None])
    network.sketch.bias.copy_(torch.from_numpy(found[-1]))


def networks_of_package(path: Path) -> tuple[DLF, ImportanceHead | None]:
    """The float network of a package of this profile that encodes, and its importance head.

    They compute what the package's programs do but for rounding. The training-only sketch is not
    loaded.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a package; the message names it.
    """
    package = read_package(path)
    if package.encoder is None:
        raise ValueError(f"{path}: has no encoding half, which training needs")
    config = build(NetworkConfig, json.loads(package.model_json)["network"], str(path))
    network = DLF(config).eval().requires_grad_(False)
    head = None
    if package.encoder.importance is not None:
        head = ImportanceHead(config.detail_width).eval().requires_grad_(False)
    load_rates(network, package.normative, package.encoder)
    try:
        load_layers(Walker(network, head), package.normative, package.encoder)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: not a package of this profile ({error})") from error
    return network, head


def checkpoint_of_package(path: Path, images: Tensor) -> dict[str, Any]:
    """What `Trainer.load` takes, with counters at 0 and no optimiser's state.

    `images [B, 3, H, W]` in [0, 1]: training crops that the sketch is fitted to.

    Raises:
        OSError, ValueError: as `networks_of_package`.
    """
    network, _ = networks_of_package(path)
    fit_sketch(network, images)
    weights = network.state_dict()
    return {
        "config": {"profile": "small", "network": asdict(network.config)},
        "network": weights,
        "ema": {name: value.clone() for name, value in weights.items()},
        "optimisers": None,
        "counters": [0, 0],
    }
