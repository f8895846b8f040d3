"""Walks of the networks, instruction by instruction; each equals a `forward` of `.` in floats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...common.prior import STEP_MIN
from ..analysis import Analysis, Bottleneck, Exchange
from ..importance import MOST, ImportanceHead
from ..layers import Conv, Down, Pointwise, Residual, Up, bilinear_weights
from ..linear_path import COARSE, FINE, LinearAnalysis, LinearSynthesis
from ..prior import DetailPrior
from ..synthesis import Noise, Renderer, Synthesis
from .graph import Graph, Value


def residual(graph: Graph, block: nn.Module, x: Value) -> Value:
    """`Residual` and `Pointwise`."""
    assert isinstance(block, Residual | Pointwise)
    return graph.add(x, graph.conv(block.conv2, graph.leaky(graph.conv(block.conv1, x))))


def residuals(graph: Graph, blocks: Iterable[nn.Module], x: Value) -> Value:
    """Walk several residual blocks, one after the other."""
    for block in blocks:
        x = residual(graph, block, x)
    return x


def down(graph: Graph, layer: Down, x: Value) -> Value:
    """Walk a `Down`: sides halved."""
    return graph.conv(layer.conv, graph.space_to_depth(x, 2))


def up(graph: Graph, layer: Up, x: Value) -> Value:
    """Walk an `Up`: sides doubled."""
    return graph.depth_to_space(graph.conv(layer.conv, x), 2)


def exchange(graph: Graph, layer: Exchange, semantic: Value, detail: Value) -> tuple[Value, Value]:
    """Walk the interaction of both branches; return semantic and detail."""
    return (
        graph.add(semantic, graph.conv(layer.to_semantic, detail)),
        graph.add(detail, graph.conv(layer.to_detail, semantic)),
    )


def enlarge(graph: Graph, picture: Value) -> Value:
    """Bilinear by 2, before depth to space."""
    return graph.filter(bilinear_weights(3), torch.zeros(12), picture)


def from_tokens(graph: Graph, layer: Conv, tokens: Value, units: dict[str, object]) -> Value:
    """A 1x1 layer on token values as decoders give them: around 0, without `units["offset"]`."""
    offset = units["offset"]
    assert isinstance(offset, Tensor)
    assert layer.bias is not None
    bias = layer.bias + layer.weight[:, :, 0, 0] @ offset
    return graph.filter(layer.weight, bias, tokens, layer=layer)


def linear_analysis(graph: Graph, layer: LinearAnalysis, folded: Value) -> Value:
    """Walk the linear path to the latent, from the image folded to 1/2."""
    half = graph.filter(layer.average, torch.zeros(3), folded)
    return graph.filter(*layer.weights(), graph.space_to_depth(half, FINE), layer=layer.project)


def linear_synthesis(graph: Graph, layer: LinearSynthesis, plain: Value) -> Value:
    """Walk the linear path from the latent without its gain to the base picture at 1/2."""
    coarse = graph.depth_to_space(graph.conv(layer.coarse, plain), COARSE)
    fine = graph.depth_to_space(graph.conv(layer.fine, plain), FINE)
    return graph.add(graph.depth_to_space(enlarge(graph, coarse), 2), fine)


def analysis(
    graph: Graph, net: Analysis, head: ImportanceHead | None, image: Tensor, unit: float
) -> tuple[Tensor, ...]:
    """Image `[B, 3, H, W]` in [-1, 1] -> the token quantiser's input, features, head's features."""
    folded = graph.space_to_depth(graph.input(image, unit), 2)
    x = graph.leaky(graph.conv(net.stem_half, folded))
    x = graph.leaky(residual(graph, net.block_quarter, down(graph, net.stem_quarter, x)))
    x = graph.leaky(residual(graph, net.block_eighth, down(graph, net.stem_eighth, x)))
    detail = down(graph, net.stem_detail, x)
    semantic = graph.leaky(graph.conv(net.embed, detail))
    semantic = residuals(graph, net.semantic, semantic)
    first, *rest = net.detail
    detail = residual(graph, first, detail)
    semantic, detail = exchange(graph, net.exchange_16, semantic, detail)
    detail = residuals(graph, rest, detail)
    sixteenth = detail
    detail = down(graph, net.detail_32, graph.leaky(detail))
    semantic = down(graph, net.semantic_32, graph.leaky(semantic))
    semantic, detail = exchange(graph, net.exchange_32, semantic, detail)
    x = graph.leaky(down(graph, net.semantic_64, graph.leaky(semantic)))
    tokens = graph.conv(net.to_digits, graph.leaky(down(graph, net.semantic_128, x)))
    linear = linear_analysis(graph, net.linear, folded)
    features = graph.concat(graph.leaky(detail), linear)
    if head is None:
        return graph.output(tokens, features)
    narrow = graph.leaky(graph.conv(head.narrow, graph.leaky(sixteenth)))
    return graph.output(tokens, features, graph.space_to_depth(narrow, 2))


def importance(graph: Graph, head: ImportanceHead, features: Tensor) -> tuple[Tensor, ...]:
    """Features as `analysis` puts them out -> how much people will look, 1 for most."""
    x = graph.leaky(graph.conv(head.gather.conv, graph.input(features)))
    x = residuals(graph, head.blocks, x)
    return graph.output(graph.conv(head.out, graph.leaky(x), unit=1 / MOST))


def bottleneck(
    graph: Graph, net: Bottleneck, features: Tensor, units: object, rate: Tensor, unit: float
) -> tuple[Tensor, ...]:
    """Features as `analysis` puts them out; gains and rate vectors, one after another -> latent."""
    joint, vectors = graph.input(features, units), graph.input(rate, unit)
    channels = net.project.out_channels
    gains = graph.slice(vectors, 0, channels)
    vector = graph.slice(vectors, channels, vectors.channels - channels)
    deep = graph.slice(joint, 0, joint.channels - channels)
    linear = graph.slice(joint, joint.channels - channels, channels)
    x = graph.leaky(graph.conv(net.mix, graph.concat(deep, vector)))
    x = residual(graph, net.pointwise, residual(graph, net.block, x))
    y = graph.add(graph.conv(net.project, x), linear)
    return graph.output(graph.product(y, gains))


def prior_init(
    graph: Graph, net: DetailPrior, rate: Tensor, tokens: Tensor, units: dict[str, object]
) -> tuple[Tensor, ...]:
    """Rate vectors and token values -> step, scale, mean, context.

    `units`: of tokens, step, scale, mean.
    """
    vector, values = graph.input(rate, units["rate"]), graph.input(tokens, units["tokens"])
    x = graph.leaky(from_tokens(graph, net.token_in, values, units))
    expanded = graph.depth_to_space(graph.conv(net.token_expand, x), net.cells)
    x = graph.leaky(graph.conv(net.init_in, graph.concat(vector, graph.leaky(expanded))))
    x = graph.leaky(graph.conv(net.init_mix, x))
    c = net.channels
    step = graph.conv(net.init_out, x, slice(0, c), units["step"])
    scale = graph.conv(net.init_out, x, slice(c, 2 * c), units["scale"])
    mean = graph.conv(net.init_out, x, slice(2 * c, 3 * c), units["mean"])
    context = graph.conv(net.init_out, x, slice(3 * c, None), units.get("context"))
    return graph.output(graph.at_least(step, STEP_MIN), scale, mean, context)


def prior_quarter(
    graph: Graph,
    net: DetailPrior,
    index: int,
    y_hat: Tensor,
    context: Tensor,
    units: dict[str, object],
) -> tuple[Tensor, ...]:
    """Latent so far and context -> scale, mean."""
    known, around = graph.input(y_hat, units["mean"]), graph.input(context, units["context"])
    adaptor = net.adaptors[index]
    assert isinstance(adaptor, Conv)
    x = graph.leaky(graph.conv(adaptor, graph.concat(known, around)))
    y = graph.leaky(graph.conv(net.spatial_in, x))
    x = graph.add(x, graph.leaky(graph.conv(net.spatial_mix, y)))
    c = net.channels
    scale = graph.conv(net.spatial_out, x, slice(0, c), units["scale"])
    return graph.output(scale, graph.conv(net.spatial_out, x, slice(c, None), units["mean"]))


@dataclass(frozen=True)
class DrawingInputs:
    """What synthesis reads, in the order of A.2.11."""

    latent: Tensor
    """`[1, C, h, w]`."""
    tokens: Tensor
    """Token values `[1, T*D, nH, nW]`."""
    rate: Tensor
    """`[1, C + P', h, w]`: gains and rate vectors, one after the other."""
    noise: Noise
    units: dict[str, object]
    """Of all of them, and the `offset` of the tokens."""


def synthesis(graph: Graph, net: Synthesis, inputs: DrawingInputs, depth: int = 1) -> Value:
    """The picture, or the features and base picture that a reduced size starts from.

    `depth`: 1 for the picture, else 2, 4, 8.
    """
    units, noise = inputs.units, inputs.noise
    values = graph.input(inputs.latent, units["latent"])
    digits = graph.input(inputs.tokens, units["tokens"])
    vectors = graph.input(inputs.rate, units["rate"])
    planes = [graph.input(plane, units["noise"]) for plane in noise[: len(net.renderer.cells())]]
    channels = values.channels
    gains = graph.slice(vectors, 0, channels)
    around = graph.slice(vectors, channels, vectors.channels - channels)
    plain = graph.product(values, gains)
    detail = graph.leaky(graph.conv(net.mix, graph.concat(plain, around)))
    detail = residual(graph, net.pointwise, detail)
    branch = net.semantic
    x = graph.leaky(from_tokens(graph, branch.embed, digits, units))
    x = graph.leaky(up(graph, branch.up_64, x))
    semantic = graph.leaky(up(graph, branch.up_32, x))
    semantic, detail = exchange(graph, net.exchange_32, semantic, detail)
    semantic = up(graph, net.semantic_16, graph.leaky(semantic))
    detail = up(graph, net.detail_16, graph.leaky(detail))
    semantic = residuals(graph, net.semantic_blocks, semantic)
    detail = residuals(graph, net.detail_blocks, detail)
    semantic, detail = exchange(graph, net.exchange_16, semantic, detail)
    x = graph.conv(net.fusion, graph.leaky(graph.concat(semantic, detail)))
    x = residuals(graph, net.fusion_blocks, x)
    base = linear_synthesis(graph, net.linear, plain)
    return renderer(graph, net.renderer, x, base, planes, depth)


def grain(graph: Graph, net: Conv, x: Value, noise: Value) -> Value:
    """Walk the noise at full size, the same in all three colours, folded to 1/2."""
    gray = graph.product(graph.conv(net, x), graph.space_to_depth(noise, 2))
    return graph.filter(torch.eye(4).repeat(3, 1)[:, :, None, None], torch.zeros(12), gray)


def renderer(
    graph: Graph, net: Renderer, latent: Value, base: Value, noise: Sequence[Value], depth: int
) -> Value:
    """The picture in [0, 2], or for `depth` 2, 4, 8 the features there.

    Their last channels are the folded base picture.
    """
    x = residuals(graph, net.blocks_8, up(graph, net.up_8, graph.leaky(latent)))
    if depth == 8:
        return graph.concat(x, graph.space_to_depth(base, 4))
    x = up(graph, net.up_4, graph.leaky(x))
    folded = graph.space_to_depth(base, 2)
    x = graph.add(x, graph.conv(net.side_4, graph.concat(folded, noise[0])))
    x = residuals(graph, net.blocks_4, x)
    if depth == 4:
        return graph.concat(x, folded)
    x = up(graph, net.up_2, graph.leaky(x))
    x = graph.add(x, graph.conv(net.side_2, graph.concat(base, noise[1])))
    x = residuals(graph, net.blocks_2, x)
    if depth == 2:
        return graph.concat(x, base)
    assert net.out.bias is not None
    x = graph.leaky(x)
    out = graph.filter(net.out.weight, net.out.bias + 1, x, layer=net.out)
    out = graph.add(out, enlarge(graph, base))
    if net.grain is not None:
        out = graph.add(out, grain(graph, net.grain, x, noise[2]))
    return graph.depth_to_space(out, 2)
