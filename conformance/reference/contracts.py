"""A.2.10 and A.2.11: what the programs of a package get and give, and the checks on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import Model, Synthesis
from .network import sat16
from .program_check import Machine, Shape, check_no_overflow, check_program, reach
from .reading import rule

NOISE_BOUND = 510


def check_prior(model: Model) -> None:
    """A.2.10: inputs and outputs of the four programs, and §8.2."""
    machine = machine_of(model)
    if model.format == 1:
        for layer in model.layers:
            check_no_overflow(layer, 32768)
    init, *quarters = model.programs
    rates, digits = rate_shape(model.rate_vectors, model), token_shape(model)
    rule(init.inputs in (1, 2), "§8.2", "number of inputs of init")
    outputs = check_program(init, machine, [rates, digits][: init.inputs])
    rule(len(outputs) == 4, "A.2.10", "number of outputs of init")
    check_outputs(model, outputs[:3])
    y_hat, context = Shape(model.channels, model.latent_stride), outputs[3]
    rule(context.cell == model.latent_stride, "§8.2", "grid of the context")
    for quarter in quarters:
        outputs = check_program(quarter, machine, [y_hat, context])
        rule(len(outputs) == 2, "§8.2", "number of outputs of a quarter")
        check_outputs(model, outputs)


def check_outputs(model: Model, outputs: list[Shape]) -> None:
    """§8.2: outputs of the prior have C channels on the latent grid."""
    for output in outputs:
        rule(output.channels == model.channels, "§8.2", "channels of an output")
        rule(output.cell == model.latent_stride, "§8.2", "grid of an output")


def check_synthesis(model: Model, reaches: dict[int, int]) -> None:
    """A.2.11: inputs, output and reach of the programs, and §8.2; `reaches` by their divisors."""
    if model.synthesis is None:
        return
    machine, inputs = machine_of(model), synthesis_inputs(model, model.synthesis)
    for f, program in model.synthesis.programs.items():
        outputs = check_program(program, machine, inputs)
        rule(len(outputs) == 1, "A.2.11", "number of outputs of a synthesis")
        rule(outputs[0].channels == 3, "A.2.11", "channels of a synthesis")
        rule(outputs[0].cell == f, "A.2.11", "grid of a synthesis")
        needed = reach(program, machine, inputs)
        stated = reaches.get(f, needed)
        rule(stated == needed, "§8.5", f"reach {stated}, not {needed}")


def synthesis_inputs(model: Model, synthesis: Synthesis) -> list[Shape]:
    """§9.8.1 to §9.8.4: shapes and intervals of the inputs of a synthesis."""
    bound = synthesis.latent_bound
    inputs = [Shape(model.channels, model.latent_stride, -bound, bound), token_shape(model)]
    if synthesis.rate_vectors.size:
        inputs.append(rate_shape(synthesis.rate_vectors, model))
    inputs += [Shape(1, cell, -NOISE_BOUND, NOISE_BOUND) for cell in synthesis.noise_cells]
    return inputs


def rate_shape(vectors: NDArray[np.int64], model: Model) -> Shape:
    """§8.4.1: rate vectors are from the least to the greatest entry of their table."""
    return Shape(vectors.shape[1], model.latent_stride, int(vectors.min()), int(vectors.max()))


def token_shape(model: Model) -> Shape:
    """§8.4.1: tokens reach as far as the digit with the most levels does (§7.2.2)."""
    bound = np.int64(max(model.levels) - 1) * 64
    low, high = (int(value) for value in sat16(np.array([-bound, bound])))
    return Shape(model.tokens_per_window * model.depth, model.window, low, high)


def machine_of(model: Model) -> Machine:
    """What all programs of the model share."""
    return Machine(model.layers, model.format, model.window, model.latent_stride)
