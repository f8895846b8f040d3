"""Core and reference decoder agree on random models, random and damaged payloads, photographs."""

from __future__ import annotations

import functools
import re
import tempfile
from pathlib import Path

import dlf
import numpy as np
import pytest
from dlf import _core, native
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from conformance import kodak as photographs
from conformance.making import packages, payloads
from conformance.making.container import MAP, VERSION_1, Chunk, File, Header
from conformance.making.integer_parts import integer_parts
from conformance.making.random_parts import random_parts
from conformance.reference.decoder import decode
from conformance.reference.file import read_file
from conformance.reference.grids import Grids, up
from conformance.reference.model import Model
from conformance.reference.normative import parse
from conformance.reference.package import load
from conformance.reference.pixels import Region, Wanted, draw
from conformance.reference.registry import SPECIFICATION, registered
from conformance.reference.report import arrays
from conformance.reference.status import Refused

PHOTOGRAPHS = 3
MODELS, FIRST_INTEGER_MODEL = 61, 41


@functools.lru_cache(maxsize=64)
def model_of(seed: int) -> tuple[Model, _core.Package]:
    """A random model, as the reference decoder and as the core see it."""
    with tempfile.TemporaryDirectory() as folder:
        path = package_file(seed, Path(folder))
        return load(path), _core.Package(str(path))


def package_file(seed: int, folder: Path) -> Path:
    """The package of a random model."""
    integer = seed >= FIRST_INTEGER_MODEL
    parts = integer_parts(seed, width=3) if integer else random_parts(seed)
    path = folder / "random.dlfm"
    path.write_bytes(packages.package(parts.normative(), parts.members))
    return path


def outcomes(data: bytes, seed: int, allow_cut: bool) -> tuple[object, object]:
    """What the core and the reference decoder make of a file: tensors as lists, or the status."""
    model, package = model_of(seed)
    try:
        for threads in (1, 2):
            found = _core.decode_symbols(data, package, allow_truncated=allow_cut, threads=threads)
        ours: object = {name: np.asarray(value).tolist() for name, value in found.items()}
        assert isinstance(ours, dict)
        if not found["complete"]:
            ours["final_state"] = 0  # §5.4: a truncated payload has none
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
def files(draw: st.DrawFn, first: int = 0) -> tuple[int, bytes, int]:
    """A random model's number, at least `first`, a file for it, and where its payload begins."""
    seed = draw(st.integers(first, MODELS - 1))
    model, package = model_of(seed)
    side = st.integers(1, 3 * model.window)
    width, height = draw(side), draw(side)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    recorder = payloads.likely(rng) if draw(st.booleans()) else payloads.even(rng)
    rate = draw(st.integers(0, model.rate_points - 1))
    offsets, flags = None, VERSION_1
    if model.map_unit and draw(st.booleans()):
        rates = -(rate // model.map_unit), (model.rate_points - 1 - rate) // model.map_unit
        align = model.latent_align
        grids = Grids(up(height, align) * align, up(width, align) * align)
        offsets, flags = (
            rng.integers(*rates, grids.shape(model.latent_stride), endpoint=True),
            VERSION_1 | MAP,
        )
    payloads.compose(model, width, height, rate, recorder, offsets)
    payload = recorder.encoded()
    data = File(Header(width, height, package.id, rate, flags=flags), payload).write()
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


@settings(max_examples=25, deadline=None)
@given(files(first=FIRST_INTEGER_MODEL), st.data())
def test_pixels_of_random_models(case: tuple[int, bytes, int], choices: st.DataObject) -> None:
    seed, data, _ = case
    model, codec = model_of(seed)[0], codec_of(seed)
    file = read_file(data)
    decoded = decode(file, model)
    divisor = choices.draw(st.sampled_from([1, 2, 4, 8]))
    left = choices.draw(st.integers(0, file.header.width - 1))
    top = choices.draw(st.integers(0, file.header.height - 1))
    width = choices.draw(st.integers(1, file.header.width - left))
    height = choices.draw(st.integers(1, file.header.height - top))
    region = Region(left, top, width, height)
    ours = codec.decode(data, downscale=divisor, region=region)
    theirs = draw(decoded, file.header, model, None, Wanted(divisor, region=region))
    assert np.array_equal(ours, theirs)


@functools.lru_cache(maxsize=64)
def codec_of(seed: int) -> native.Codec:
    """The core's decoder of a random model, with two threads."""
    with tempfile.TemporaryDirectory() as folder:
        return native.Codec(str(package_file(seed, Path(folder))), threads=2)


@st.composite
def containers(draw: st.DrawFn) -> bytes:
    """A valid file, in which up to two things are then made different; checksums follow."""
    width, height = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    description = draw(st.sampled_from([0, 0, 5, 8, 16, 16 + 64, 64]))
    header = Header(width, height, draw(st.sampled_from([0, 128, 2**32 - 1])), 0, description)
    types = draw(st.lists(st.sampled_from([2, 3, 4, 16, 999]), max_size=3, unique=True))
    chunks = [
        Chunk(kind, draw(st.binary(max_size=9)), draw(st.booleans())) for kind in sorted(types)
    ]
    if description & 16:
        chunks.insert(0, Chunk(1, bytes(1 + width * height), draw(st.booleans()), critical=True))
    file = File(header, b"12345", chunks, trailer=draw(st.sampled_from([None, True, False])))
    for change in draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
        change(file, draw)
    data = bytearray(file.write())
    if draw(st.integers(0, 7)) == 0:
        data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
    if draw(st.integers(0, 7)) == 0:
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data) + b"\x00" * (draw(st.integers(0, 7)) == 0)


def change_header(file: File, draw: st.DrawFn) -> None:
    """Give one field of the header another value."""
    name, values = draw(
        st.sampled_from(
            [
                ("width", [2**24, 2**24 + 1]),
                ("description", [0, 16, 32, 128, 255]),
                ("flags", [0, 2, 9, 17, 0x21, 0x41]),
                ("model_id", [b"\x80\x00", b"\xff\xff\xff\xff\x1f", b"\x80\x80\x80\x80\x80\x00"]),
                ("with_description", [True]),
                ("payload_length", [3, 4, 6, 2**32 - 1]),
            ]
        )
    )
    setattr(file.header, name, draw(st.sampled_from(values)))


def change_chunk(file: File, draw: st.DrawFn) -> None:
    """Give one field of a chunk another value, or add a chunk."""
    if not file.chunks:
        file.chunks.append(Chunk(4, b"xmp"))
    name, values = draw(
        st.sampled_from(
            [
                ("type", [0, 1, 2, 4, 5, 15, 16, 2**29 - 1]),
                ("content", [b"", bytes(2), bytes(17), bytes(300)]),
                ("stored", [b"", b"\x00", b"\x80", b"\x03\x78\x9c\x03\x00", b"\x01a"]),
                ("deflated", [True, False]),
                ("critical", [True, False]),
                ("safe_to_copy", [True]),
            ]
        )
    )
    setattr(draw(st.sampled_from(file.chunks)), name, draw(st.sampled_from(values)))


def change_sequence(file: File, draw: st.DrawFn) -> None:
    """Repeat or reorder chunks, or state another number of them."""
    file.chunks = draw(st.permutations(file.chunks * draw(st.integers(0, 2))))
    file.chunk_count = draw(st.sampled_from([None, None, b"\x00", b"\x03", b"\x81\x08"]))


CHANGES = [change_header, change_chunk, change_sequence]


def content(chunk: _core.ChunkRecord) -> bytes:
    """What a chunk holds: it is inflated when it is asked for."""
    body = chunk["body"]
    return _core.inflate(body, chunk["content_bytes"]) if chunk["deflated"] else body


@settings(max_examples=400, deadline=None)
@given(containers(), st.booleans())
def test_containers(data: bytes, allow_cut: bool) -> None:
    try:
        chunks = _core.chunks(data, allow_truncated=allow_cut)
        ours: object = [(c["type"], c["critical"], content(c), c["stored_bytes"]) for c in chunks]
    except dlf.DlfError as error:
        ours = error.exit_status
    try:
        file = read_file(data, allow_cut)
        pairs = zip(file.chunks, file.contents, strict=True)
        theirs: object = [(c.type, c.critical, content, len(c.stored)) for c, content in pairs]
    except Refused as refused:
        theirs = refused.status.value
    assert ours == theirs


@pytest.mark.parametrize(
    "package",
    [
        # The NumPy decoder takes seconds for a photograph with a model of full size.
        pytest.param(path, id=path.stem, marks=() if path.stem == "test" else pytest.mark.slow)
        for path in photographs.packages()
    ],
)
def test_photographs(package: Path, kodak: list[Path]) -> None:
    for path in kodak[::8][:PHOTOGRAPHS]:
        picture = np.asarray(Image.open(path))
        for rate in photographs.rate_points(package):
            # The NumPy decoder draws a photograph with the default model in some seconds.
            drawn = package.stem != "test"
            names, size = photographs.differences(picture, package, rate, with_pixels=drawn)
            assert names == [], f"{path.name} at rate point {rate}, {size} bytes"


def test_the_registries_agree() -> None:
    ours = {sha256: number for number, _, sha256 in _core.registered_models()}
    assert registered() == {
        sha256: number for sha256, number in ours.items() if set(sha256) != {"0"}
    }


def test_the_worked_example() -> None:
    """Annex C, as the reference decoder sees it."""
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
