"""Assembly of an integer package: calibrate, quantise all programs, fit the tables."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...common.configuration import build
from ...common.scale_tables import SCALE_FRACTION, scale_tables, scale_thresholds
from ...package.integer import (
    BoundedLayer,
    Drawing,
    Encoder,
    IntegerNormative,
    assemble,
    reach_of,
)
from ...package.programs import Program
from ..config import STRIDE, NetworkConfig
from ..importance import ImportanceHead
from ..macs import macs_per_pixel
from ..model import DLF
from .calibrate import (
    GAIN_UNIT,
    MOST_GAIN,
    REDUCED,
    Calibration,
    Walker,
    calibrate,
    no_progress,
    whole_windows,
)
from .graph import Graph
from .quantise import LayerList, compile_program, unit_for
from .reduced import Reduced, draw_reduced, observe
from .token_tables import token_tables
from .tokens import digit_thresholds

RATE_POINTS = 64
MAP_UNIT = 2
SAMPLE_BITS = 6
"""Fraction bits of samples in 0 to 255 where the synthesis puts them out."""
FITTED = 24
"""Photographs that the maps of the reduced sizes are fitted on."""
NOISE_SEED = 1
"""Of the noise planes that calibration draws with: the same checkpoint gives the same package."""


def network_of(state: dict[str, Any]) -> DLF:
    """The averaged network of a training checkpoint, in evaluation mode."""
    network = DLF(build(NetworkConfig, state["config"]["network"], "checkpoint"))
    network.load_state_dict(state["ema"])
    return network.eval().requires_grad_(False)


def fix_input(graph: Graph, index: int, unit: object) -> None:
    """Say what 1 stands for in an input of a program."""
    inputs = [node for node in graph.nodes if node.op == "input"]
    inputs[index].arguments["unit"] = unit


def fix_output(graph: Graph, index: int, unit: object) -> None:
    """State the unit of an output; None: it follows from the peak."""
    graph.nodes[graph.outputs[index]].arguments["unit"] = unit


def peak(graph: Graph, index: int) -> float:
    """Largest magnitude of an output."""
    return graph.nodes[graph.outputs[index]].peak


def to_integers(real: torch.Tensor, unit: float) -> NDArray[np.int16]:
    """A table in units of `unit`.

    Raises:
        ValueError: it does not fit.
    """
    rounded = np.round(real.double().numpy() / unit)
    if np.abs(rounded).max() > 32767:
        raise ValueError("a rate vector does not fit int16")
    return rounded.astype(np.int16)


class Assembly:
    """Builds the parts of a package one after the other; units flow from program to program."""

    def __init__(self, walker: Walker, calibration: Calibration) -> None:
        self.network, self.head = walker.network, walker.head
        self.graphs = calibration.graphs
        self.decoder, self.encoder = LayerList(), LayerList()
        rates = torch.linspace(0, 1, RATE_POINTS)[None, :, None]
        self.vectors = [v[0, :, :, 0].T for v in walker.rates(rates)]

    def encoder_part(self) -> Encoder:
        """Return the encoder's part (A.3)."""
        graphs, net = self.graphs, self.network
        analysis, units = compile_program(graphs.analysis, self.encoder)
        fix_input(graphs.bottleneck, 0, units[1])
        fix_output(graphs.bottleneck, 0, unit_for(peak(graphs.bottleneck, 0)))
        bottleneck, out = compile_program(graphs.bottleneck, self.encoder)
        importance = None
        if self.head is not None:
            fix_input(graphs.importance, 0, units[2])
            importance, _ = compile_program(graphs.importance, self.encoder)
        return Encoder(
            thresholds=digit_thresholds(
                net.analysis.quantiser, net.config.token_levels, float(units[0][0])
            ),
            y_fraction=-round(float(np.log2(out[0][0]))),
            rates=to_integers(self.vectors[0], GAIN_UNIT),
            layers=[BoundedLayer(layer) for layer in self.encoder.layers],
            analysis=analysis,
            bottleneck=bottleneck,
            importance=importance,
        )

    def prior_programs(self) -> tuple[list[Program], dict[str, int], NDArray[np.int16]]:
        """Programs, fraction bits of mean and step, rate vectors."""
        graphs, init = self.graphs, self.graphs.prior_init
        rate_unit = unit_for(float(self.vectors[1].abs().max()))
        mean = max(peak(init, 2), *(s.nodes[0].peak for s in graphs.prior_quarters))
        mean_unit = max(unit_for(mean), 2.0**-8)
        step_unit = max(unit_for(peak(init, 0)), 2.0**-12)
        context_unit = unit_for(peak(init, 3))
        fix_input(init, 0, rate_unit)
        for index, unit in enumerate((step_unit, 2.0**-SCALE_FRACTION, mean_unit, context_unit)):
            fix_output(init, index, unit)
        programs = [compile_program(init, self.decoder)[0]]
        # The quarters share layers: so they must share units, and these come of the largest peaks.
        for nodes in zip(*(s.nodes for s in graphs.prior_quarters), strict=True):
            largest = max(node.peak for node in nodes)
            for node in nodes:
                node.peak = largest
        for quarter in graphs.prior_quarters:
            fix_input(quarter, 0, mean_unit)
            fix_input(quarter, 1, context_unit)
            fix_output(quarter, 0, 2.0**-SCALE_FRACTION)
            fix_output(quarter, 1, mean_unit)
            programs.append(compile_program(quarter, self.decoder)[0])
        bits = {"mean": -round(np.log2(mean_unit)), "step": -round(np.log2(step_unit))}
        return programs, bits, to_integers(self.vectors[1], rate_unit)

    def drawing(self, graph: Graph, latent_unit: float) -> Program:
        """Synthesis or a reduced one: [0, 2] becomes 0 to 255 with `SAMPLE_BITS` fraction bits."""
        fix_input(graph, 0, latent_unit)
        fix_output(graph, 0, 1 / (127.5 * 2**SAMPLE_BITS))
        return compile_program(graph, self.decoder)[0]


def fit_reduced(
    walker: Walker, calibration: Calibration, images: Sequence[NDArray[np.uint8]]
) -> None:
    """Fit the reduced sizes on `images` and record their graphs in `calibration`."""
    reduced, fitted = Reduced(), []
    for number, image in enumerate(images):
        rate = number / max(FITTED - 1, 1)
        picture = whole_windows(image, walker.network.config.window)
        coding = walker.code(calibration.graphs, picture, rate)
        observe(walker, coding, walker.draw(calibration.graphs, coding), reduced)
        fitted.append(coding)
    reduced.solve()
    for factor in REDUCED:
        for coding in fitted:
            draw_reduced(walker, coding, calibration.graphs.reduced[factor], reduced, factor)
    for graph in (*calibration.graphs.reduced.values(), *calibration.graphs.reduced.values()):
        calibration.graphs.synthesis.share_peaks(graph)  # twice: each may have raised them


def build_package(
    network: DLF,
    images: Sequence[NDArray[np.uint8]],
    description: dict[str, Any],
    head: ImportanceHead | None = None,
    progress: Callable[[int, int], None] = no_progress,
) -> tuple[bytes, dict[str, Any]]:
    """Package bytes and a report. `images`: training photographs, never test images.

    `progress` is as for `calibrate`.
    """
    config, network = network.config, copy.deepcopy(network)
    network.synthesis.bound_gains(MOST_GAIN)
    walker = Walker(network, head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(NOISE_SEED)
        calibration = calibrate(walker, images, RATE_POINTS, progress)
        fit_reduced(walker, calibration, images[:FITTED])
    assembly = Assembly(walker, calibration)
    encoder = assembly.encoder_part()
    prior, bits, prior_rates = assembly.prior_programs()
    latent_peak = calibration.graphs.synthesis.nodes[0].peak
    latent_unit = unit_for(latent_peak)
    latent_shift = max(0, bits["mean"] + bits["step"] + round(np.log2(latent_unit)))
    latent_unit = 2.0 ** (latent_shift - bits["mean"] - bits["step"])
    synthesis = assembly.drawing(calibration.graphs.synthesis, latent_unit)
    drawings = {f: assembly.drawing(g, latent_unit) for f, g in calibration.graphs.reduced.items()}
    layers = [BoundedLayer(layer) for layer in assembly.decoder.layers]
    noise_cells = network.synthesis.renderer.cells()
    cells = [STRIDE, config.window, STRIDE, *noise_cells]

    def reach(program: Program) -> Drawing:
        return Drawing(program, reach_of(program, layers, cells, STRIDE))

    tables, rows = token_tables(calibration.digits, config.token_levels)
    symbols, indexes = np.concatenate(calibration.symbols), np.concatenate(calibration.indexes)
    normative = IntegerNormative(
        window=config.window,
        tokens_per_window=config.tokens_per_window,
        levels=tuple(config.token_levels),
        latent_channels=config.latent_channels,
        mean_fraction=bits["mean"],
        step_fraction=bits["step"],
        token_tables=tables,
        token_map=rows,
        thresholds=scale_thresholds(),
        scale_tables=scale_tables(symbols, indexes),
        prior_rates=prior_rates,
        layers=layers,
        prior=(prior[0], prior[1], prior[2], prior[3]),
        latent_shift=latent_shift,
        latent_bound=32767,
        sample_bits=SAMPLE_BITS,
        noise_cells=noise_cells,
        synthesis_rates=to_integers(assembly.vectors[2], GAIN_UNIT),
        synthesis=reach(synthesis),
        reduced={f: reach(p) for f, p in drawings.items()},
        map_unit=MAP_UNIT,
    )
    report = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "macs_per_pixel": {k: round(v) for k, v in macs_per_pixel(network).items()},
        "calibration_images": len(calibration.digits),
        "latent_fraction_bits": bits["mean"] + bits["step"],
    }
    model_json = json.dumps({**description, "network": asdict(config), **report}, indent=1)
    return assemble(normative, encoder, model_json), report
