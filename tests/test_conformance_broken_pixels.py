"""Tests of tests: decoders that draw wrongly in one way must fail tier 3 of integer packages."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from integer_pictures import in_strips

from conformance import reference_decoder, specification, suite
from conformance.checks import Reason
from conformance.decoders import FunctionDecoder
from conformance.making.drawn import CALM, USUAL
from conformance.reference import decoder, network, pixels
from conformance.reference.noise import noise
from conformance.reference.programs import Layer

WISHES, TALL, WIDE, MAP = (
    f"{shared.name}-{label}"
    for shared, label in (
        (USUAL, "wishes"),
        (USUAL, "tall"),
        (CALM, "wide"),
        (CALM, "map-two-faces"),
    )
)
Failed = dict[tuple[str, str], Reason]


def failures(*ids: str) -> Failed:
    """The reasons of all T3 checks of these vectors that fail, by vector and arguments."""
    vectors = [vector for vector in suite.load_vectors() if vector.id in ids]
    assert len(vectors) == len(ids)
    honest = FunctionDecoder(reference_decoder.main)
    results = suite.run(vectors, honest, specification.pixel_bound(), ["T3"])
    assert not any(result.missing for result in results)
    return {
        (result.vector.id, " ".join(result.check["arguments"])): result.failure.reason
        for result in results
        if result.failure is not None
    }


def test_an_honest_decoder_passes() -> None:
    assert failures(WISHES, TALL, WIDE, MAP) == {}


def test_one_sample_off_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = reference_decoder.picture

    def wrong(*arguments: Any) -> np.ndarray:
        samples = draw(*arguments)
        samples[-1, -1, -1] ^= 1
        return samples

    monkeypatch.setattr(reference_decoder, "picture", wrong)
    found = failures(WISHES, MAP)
    [wishes] = suite.load_vectors(only=WISHES)
    assert Counter(found.values()) == {Reason.PIXELS: checks_of(wishes) + 1}


def checks_of(vector: suite.Vector) -> int:
    return sum(check["tier"] == "T3" for check in vector.test["checks"])


def test_noise_hashed_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "noise", lambda grid, cell: noise(grid, cell + 1))
    found = failures(WISHES, WIDE)
    assert set(found.values()) == {Reason.PIXELS}
    asked = {arguments for _, arguments in found}
    assert "" in asked and "--downscale 2" in asked
    assert not any("faithful" in arguments for arguments in asked)
    assert {vector for vector, _ in found} == {WISHES}  # the other model has no noise


def test_noise_where_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "zeros_like", lambda plane: plane)
    found = failures(WISHES)
    assert {arguments for _, arguments in found} == {
        "--noise faithful",
        "--noise faithful --region 17,9,40,23",
    }


def test_strips_with_too_little_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    window = USUAL.parts.window
    strips = in_strips(window, 0)

    def run(*arguments: Any) -> Any:
        """Whole sizes in strips; others as they should be."""
        program = arguments[0]
        assert USUAL.model.synthesis is not None
        whole = len(program.instructions) == len(USUAL.model.synthesis.programs[1].instructions)
        return strips(*arguments) if whole else network.run(*arguments)

    monkeypatch.setattr(pixels, "run", run)
    found = failures(TALL)
    assert found == {(TALL, ""): Reason.PIXELS}


@pytest.mark.parametrize("padding", [False, True], ids=["zero for edge", "edge for zero"])
def test_the_other_padding(monkeypatch: pytest.MonkeyPatch, padding: bool) -> None:
    convolve = network.convolve

    def wrong(layer: Layer, a: network.Tensor) -> network.Tensor:
        return convolve(dataclasses.replace(layer, edge_padding=padding), a)

    decode = decoder.decode_latents
    change = with_patch(monkeypatch, network, "convolve", wrong)
    monkeypatch.setattr(pixels, "run", change(network.run))
    assert decoder.decode_latents is decode  # the prior stays as it is
    found = failures(WISHES, WIDE)
    assert set(found.values()) == {Reason.PIXELS}
    assert {vector for vector, _ in found} == {WISHES, WIDE}


def with_patch(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, value: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function that is called with `module.name` replaced, and only then."""

    def change(function: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any) -> Any:
            with monkeypatch.context() as patch:
                patch.setattr(module, name, value)
                return function(*arguments)

        return changed

    return change


def test_one_rate_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that is followed by the prior alone."""
    rate_tensor = pixels.rate_tensor
    monkeypatch.setattr(
        pixels, "rate_tensor", lambda vectors, rates: rate_tensor(vectors, np.full_like(rates, 4))
    )
    found = failures(MAP)
    assert found == {(MAP, ""): Reason.PIXELS}


def test_samples_cut_off_in_place_of_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "samples_of", lambda values, bits: np.clip(values >> bits, 0, 255))
    assert ("", Reason.PIXELS) in {(key[1], why) for key, why in failures(WISHES).items()}


def test_a_region_one_pixel_off(monkeypatch: pytest.MonkeyPatch) -> None:
    places = pixels.places

    def wrong(*arguments: Any) -> tuple[slice, slice]:
        rows, columns = places(*arguments)
        moved = max(columns.start - 1, 0)
        return rows, slice(moved, moved + columns.stop - columns.start)

    monkeypatch.setattr(pixels, "places", wrong)
    found = failures(WISHES)
    assert found and all("--region" in arguments for _, arguments in found)


def test_a_reference_that_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash decides; a picture that does not belong to it is noticed."""
    vectors = suite.load_vectors(only=MAP)
    check = next(check for check in vectors[0].test["checks"] if check["tier"] == "T3")
    check["sha256"] = "0" * 64
    honest = FunctionDecoder(reference_decoder.main)
    results = suite.run(vectors, honest, specification.pixel_bound(), ["T3"])
    [detail] = [result.failure.detail for result in results if result.failure is not None]
    assert "not the picture of this hash" in detail
