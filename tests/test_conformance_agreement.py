"""Core and reference decoder agree on random models, random payloads and damaged ones; on photographs."""

from __future__ import annotations

import functools
import re
import tempfile
from pathlib import Path

import dlf
import numpy as np
import pytest
from dlf import _bitstream
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conformance import kodak as photographs
from conformance.making import packages, payloads
from conformance.making.container import File, Header
from conformance.making.random_parts import random_parts
from conformance.reference.file import read_file
from conformance.reference.normative import Model, parse
from conformance.reference.registry import SPECIFICATION, registered
from conformance.reference.report import arrays
from conformance.reference.status import Refused

PHOTOGRAPHS = 3


@functools.lru_cache(maxsize=64)
def model_of(seed: int) -> tuple[Model, _bitstream.Package]:
    """A random model, as the reference decoder and as the core see it."""
    parts = random_parts(seed)
    normative = parts.normative()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.dlfm"
        path.write_bytes(packages.package(normative, parts.members))
        return parse(normative), _bitstream.Package(str(path))


def outcomes(data: bytes, seed: int, allow_cut: bool) -> tuple[object, object]:
    """What the core and the reference decoder make of a file: tensors as lists, or the status."""
    from conformance.reference.decoder import decode

    model, package = model_of(seed)
    try:
        for threads in (1, 2):
            found = _bitstream.decode_symbols(
                data, package, allow_truncated=allow_cut, threads=threads
            )
        ours: object = {name: np.asarray(value).tolist() for name, value in found.items()}
        assert isinstance(ours, dict)
        if not found["complete"]:
            ours["final_state"] = 0  # §5.4: a cut payload has none
    except dlf.DlfError as error:
        ours = error.exit_status
    try:
        file = read_file(data, allow_cut)
        decoded = arrays(file, decode(file, model))
        theirs: object = {name: value.tolist() for name, value in decoded.items()}
    except Refused as refused:
        theirs = refused.status.value
    return ours, theirs


@st.composite
def files(draw: st.DrawFn) -> tuple[int, bytes, int]:
    """A random model's number, a file for it, and where its payload begins."""
    seed = draw(st.integers(0, 40))
    model, package = model_of(seed)
    side = st.integers(1, 3 * model.window)
    width, height = draw(side), draw(side)
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    recorder = payloads.likely(dice) if draw(st.booleans()) else payloads.even(dice)
    rate = draw(st.integers(0, model.rate_points - 1))
    payloads.compose(model, width, height, rate, recorder)
    payload = recorder.encoded()
    data = File(Header(width, height, package.id, rate), payload).write()
    return seed, data, len(data) - len(payload)


@settings(max_examples=60, deadline=None)
@given(files())
def test_random_models_and_payloads(case: tuple[int, bytes, int]) -> None:
    seed, data, _ = case
    ours, theirs = outcomes(data, seed, allow_cut=False)
    assert isinstance(ours, dict)
    assert ours == theirs


@settings(max_examples=60, deadline=None)
@given(files(), st.data())
def test_damaged_and_cut_payloads(case: tuple[int, bytes, int], choices: st.DataObject) -> None:
    seed, data, start = case
    damaged = bytearray(data)
    for _ in range(choices.draw(st.integers(0, 3))):
        damaged[choices.draw(st.integers(start, len(data) - 1))] = choices.draw(st.integers(0, 255))
    length = choices.draw(st.one_of(st.just(len(data)), st.integers(start, len(data))))
    allow_cut = choices.draw(st.booleans())
    ours, theirs = outcomes(bytes(damaged[:length]), seed, allow_cut)
    assert ours == theirs


@pytest.mark.parametrize("package", photographs.packages(), ids=lambda path: path.stem)
def test_photographs(package: Path, kodak: list[Path]) -> None:
    for path in kodak[::8][:PHOTOGRAPHS]:
        picture = np.asarray(Image.open(path))
        for rate in photographs.rate_points(package):
            names, size = photographs.differences(picture, package, rate)
            assert names == [], f"{path.name} at rate point {rate}, {size} bytes"


def test_the_registries_agree() -> None:
    ours = {sha256: number for number, _, sha256 in _bitstream.registered_models()}
    assert registered() == {
        sha256: number for sha256, number in ours.items() if set(sha256) != {"0"}
    }


def test_the_worked_example() -> None:
    """Annex C, as the reference decoder sees it."""
    from conformance.reference.decoder import decode

    annex = SPECIFICATION.read_text(encoding="utf-8").split("## Annex C", 1)[1]
    listing = re.search(r"```normative\n(.*?)```", annex, re.DOTALL)
    file_bytes = re.search(r"```file\n(.*?)```", annex, re.DOTALL)
    assert listing is not None and file_bytes is not None
    lines = [line.split("  ", 1)[1] for line in listing[1].splitlines()]
    file = read_file(bytes.fromhex(file_bytes[1]))
    decoded = decode(file, parse(bytes.fromhex(" ".join(lines))))
    assert decoded.digits.ravel().tolist() == [2, 1]
    rows = re.findall(
        r"^\| \d \| (\d) \| (\d) \| \S+ \| (\S+) \| (\S+) \| (\S+) \|$", annex, re.MULTILINE
    )
    assert len(rows) == decoded.latents.symbols.size == 8
    for x, channel, mean, symbol, y_hat in ([int(number) for number in row] for row in rows):
        at = (channel, 0, x)
        latents = decoded.latents
        told = [latents.mean[at], latents.symbols[at], latents.y_hat[at]]
        assert told == [mean, symbol, y_hat]
