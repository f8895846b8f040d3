"""The reference decoder's pixels: worked example, instructions by hand, what must not matter."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from integer_pictures import in_strips, toy

from conformance import suite
from conformance.making import drawn
from conformance.making.integer_parts import integer_parts
from conformance.reference import network, pixels
from conformance.reference.decoder import decode
from conformance.reference.file import read_file
from conformance.reference.grids import Grids, up
from conformance.reference.model import Model
from conformance.reference.network import Register
from conformance.reference.noise import noise
from conformance.reference.normative import parse
from conformance.reference.pixels import Region, Wanted, draw
from conformance.reference.programs import (
    CONV,
    DEPTH_TO_SPACE,
    MIN,
    PRODUCT,
    SPACE_TO_DEPTH,
    Instruction,
    Layer,
    Program,
)
from conformance.reference.registry import SPECIFICATION
from conformance.reference.status import Refused, Status

GRIDS = Grids(4, 6)


def listing(name: str) -> bytes:
    """The bytes of a block of Annex C; words of three digits are offsets."""
    annex = SPECIFICATION.read_text(encoding="utf-8").split("## Annex C", 1)[1]
    block = annex.split(f"```{name}\n", 1)[1].split("```", 1)[0]
    return bytes.fromhex("".join(word for word in block.split() if len(word) == 2))


def test_the_worked_example() -> None:
    """Annex C.4, from its bytes to its samples."""
    model = parse(listing("integer-normative"))
    file = read_file(listing("integer-file"))
    decoded = decode(file, model)
    assert decoded.rates.tolist() == [[1, 2]]
    assert decoded.latents.latent.reshape(4, 2).tolist() == [
        [16, -48],
        [20, 77],
        [0, -32],
        [56, 72],
    ]
    assert decoded.final_state == 0x00805D48
    annex = SPECIFICATION.read_text(encoding="utf-8").split("### C.4", 1)[1]
    wishes = {"vivid": Wanted(), "faithful": Wanted(vivid=False), "vivid, f = 2": Wanted(2)}
    for label, wanted in wishes.items():
        row = re.search(rf"^\| {label}[^|]*\|(.*)$", annex, re.MULTILINE)
        assert row is not None
        told = [int(number) for number in re.findall(r"\d+", row[1])]
        assert draw(decoded, file.header, model, None, wanted).ravel().tolist() == told


def one(number: int, first: int, *inputs: Register, grids: Grids = GRIDS) -> np.ndarray:
    """The result of a single instruction."""
    sources = tuple(range(len(inputs)))
    instruction = Instruction(number, len(inputs), sources, first, 0)
    program = Program(9, len(inputs), (instruction,), (len(inputs),))
    [result] = network.run(program, LAYERS, list(inputs), grids)
    return result


def layer(edge_padding: bool, low: int = -32768, high: int = 32767) -> Layer:
    """Sums of 3 x 3 samples, halved."""
    ones = np.ones(1, np.int64)
    weight = np.ones((1, 1, 3, 3), np.int64)
    return Layer(False, edge_padding, 3, 1, 1, weight, 0 * ones, ones, ones, low, high)


LAYERS = [layer(False), layer(True), layer(True, -5, 40)]


def register(cell: int, *rows: list[int]) -> Register:
    return Register(cell, np.array([rows]))


def test_padding_and_the_range_of_a_layer() -> None:
    a = register(2, [1, 2, 30], [4, 5, -60])
    assert one(CONV, 0, a).tolist() == [[[6, -9, -11], [6, -9, -11]]]
    # At the corner the first row counts twice, and so does the first column: 4 + 4 + 13, halved.
    assert one(CONV, 1, a).tolist() == [[[11, 8, 5], [15, -34, -84]]]
    assert one(CONV, 2, a).tolist() == [[[11, 8, 5], [15, -5, -5]]]


def test_space_to_depth_clamps_and_depth_to_space_crops() -> None:
    a = register(2, [1, 2, 3], [4, 5, 6])
    deep = one(SPACE_TO_DEPTH, 2, a)
    assert deep.tolist() == [[[1, 3]], [[2, 3]], [[4, 6]], [[5, 6]]]
    assert one(DEPTH_TO_SPACE, 2, Register(4, deep)).tolist() == a.values.tolist()


def test_rounding_of_products_and_constants() -> None:
    a, b = register(2, [3, -3, 300], [1, 0, 0]), register(2, [1, 1, 300], [-1, 0, 0])
    assert one(PRODUCT, 1, a, b).tolist() == [[[2, -1, 32767], [0, 0, 0]]]
    assert one(MIN, 2, a).tolist() == [[[2, -3, 2], [1, 0, 0]]]


def test_noise_by_another_way() -> None:
    """§9.9.1 in unbounded integers; and it looks like noise."""
    m = 2**32

    def at(x: int, y: int, cell: int) -> int:
        h = (x * 0x9E3779B1 + y * 0x85EBCA77 + cell * 0xC2B2AE3D) % m
        h = (h ^ h >> 15) * 0x2C1B3C6D % m
        h = (h ^ h >> 12) * 0x297A2D39 % m
        return sum((h ^ h >> 15).to_bytes(4, "little")) - 510

    for cell in (1, 2, 32):
        plane = noise((40, 70), cell)[0]
        assert all(plane[y, x] == at(x, y, cell) for y in range(40) for x in range(70))
        assert abs(plane.mean()) < 20 and 130 < plane.std() < 165
        neighbours = np.corrcoef(plane[:, 1:].ravel(), plane[:, :-1].ravel())[0, 1]
        assert abs(neighbours) < 0.1


MODELS = [shared.model for shared in (drawn.USUAL, drawn.CALM, drawn.LARGE_WINDOW)]


@pytest.mark.parametrize("model", MODELS, ids=["33", "36", "4"])
def test_strips_with_the_reach_around_them_are_the_whole(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, header = toy(model, 31, 5 * model.window - 3)
    whole = draw(decoded, header, model, None, Wanted())
    assert model.synthesis is not None
    shared = next(each for each in drawn.PACKAGES if each.model is model)
    assert shared.parts.synthesis is not None
    pixels_around = shared.parts.synthesis.reaches[1] * model.latent_stride
    enough = up(pixels_around, model.window) * model.window
    monkeypatch.setattr(pixels, "run", in_strips(model.window, enough))
    assert np.array_equal(draw(decoded, header, model, None, Wanted()), whole)
    monkeypatch.setattr(pixels, "run", in_strips(model.window, 0))
    assert not np.array_equal(draw(decoded, header, model, None, Wanted()), whole)


@pytest.mark.parametrize("divisor", [1, 2, 8])
def test_regions_are_crops(divisor: int) -> None:
    model = drawn.USUAL.model
    decoded, header = toy(model, 53, 38)
    whole = draw(decoded, header, model, None, Wanted(divisor))
    part = draw(decoded, header, model, None, Wanted(divisor, region=Region(9, 5, 30, 33)))
    top, left = 5 // divisor, 9 // divisor
    assert np.array_equal(part, whole[top : up(38, divisor), left : up(39, divisor)])


def test_a_map_of_one_offset_is_another_rate() -> None:
    model = drawn.CALM.model
    grid = Grids(24, 40).shape(model.latent_stride)
    offsets = np.full(grid, 2 // model.map_unit)
    with_map, header = toy(model, 40, 24, rate=1, offsets=offsets)
    plain, _ = toy(model, 40, 24, rate=3)
    found = draw(with_map, header, model, None, Wanted())
    assert np.array_equal(found, draw(plain, header, model, None, Wanted()))
    other, _ = toy(model, 40, 24, rate=1)
    assert not np.array_equal(found, draw(other, header, model, None, Wanted()))


def test_sums_may_reach_the_bound_and_no_farther() -> None:
    """§8.4.3: with the range that a register has, not with all that 16 bits hold."""
    parts = integer_parts(11, width=2)
    assert parts.synthesis is not None
    first = parts.layers[parts.synthesis.programs[1].instructions[0][3]]
    weights = int(np.abs(first.weight[0]).sum())
    largest = 2**31 - 1 - parts.synthesis.latent_bound * weights
    assert largest > 2**31 - 1 - 32768 * weights
    for bias in (largest, -largest):
        first.bias[0] = bias
        parse(parts.normative())
    first.bias[0] = largest + 1
    with pytest.raises(Refused, match="overflow"):
        parse(parts.normative())


def test_nothing_is_shown_of_a_file_that_is_cut_in_its_map() -> None:
    """§5.5: not even on request; behind the tokens there is something to show."""
    [vector] = suite.load_vectors(only="cut-in-map")
    data = (vector.folder / "input.dlf").read_bytes()
    with pytest.raises(Refused) as caught:
        decode(read_file(data, allow_cut=True), drawn.USUAL.model)
    assert caught.value.status is Status.TRUNCATED_FILE


def test_gray_is_made_of_samples() -> None:
    model = drawn.USUAL.model
    decoded, header = toy(model, 20, 10)
    red, green, blue = draw(decoded, header, model, None, Wanted()).astype(int).transpose(2, 0, 1)
    gray = draw(decoded, replace(header, grayscale=True), model, None, Wanted())
    assert np.array_equal(gray[..., 0], (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)
