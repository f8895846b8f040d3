"""Damaged files and long runs: only the expected exceptions leave, and memory stays bounded."""

from __future__ import annotations

import io
import random
import resource
import warnings
from pathlib import Path
from typing import Any

import dlf
import pytest
from dlf.errors import DlfError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, UnidentifiedImageError

pytestmark = pytest.mark.usefixtures("model_environment")

FUZZED_FILES = 300
ROUNDS = 100
SIDE = 256
MEMORY_GROWTH = (
    ROUNDS * SIDE * SIDE
)  # bytes: a quarter of what leaking each RGBA picture would take


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with bits flipped, bytes replaced, cut out, repeated, or the end missing."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        kind = rng.randrange(5)
        place = rng.randrange(len(damaged)) if damaged else 0
        if kind == 0 and damaged:
            damaged[place] ^= 1 << rng.randrange(8)
        elif kind == 1 and damaged:
            damaged[place] = rng.randrange(256)
        elif kind == 2:
            del damaged[place : place + rng.randrange(1, 20)]
        elif kind == 3:
            damaged[place:place] = damaged[place : place + rng.randrange(1, 20)]
        else:
            del damaged[place:]
    return bytes(damaged)


@pytest.mark.parametrize("truncated_allowed", [False, True])
def test_fuzzed_files_raise_nothing_but_the_allowed_classes(
    truncated_allowed: bool, monkeypatch: pytest.MonkeyPatch, chunky_dlf: bytes
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", truncated_allowed)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1 << 20)
    rng = random.Random(1)
    outcomes = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(FUZZED_FILES):
            try:
                damaged = mutated(chunky_dlf, rng)
                with Image.open(io.BytesIO(damaged)) as image:
                    image.getexif()
                    image.thumbnail((9, 9))
                    image.load()
                with Image.open(io.BytesIO(damaged)) as image:
                    image.rotate(45).save(io.BytesIO(), "DLF")
                Image.open(io.BytesIO(damaged)).verify()
                outcomes.add("loaded")
            except UnidentifiedImageError:
                outcomes.add("unidentified")
            except DlfError as error:
                outcomes.add(type(error).__name__)
            except Image.DecompressionBombError:
                outcomes.add("bomb")
    assert {"unidentified", "InvalidFile"} <= outcomes


def test_every_truncation_is_an_oserror(photo_dlf: bytes) -> None:
    header = dlf.info(photo_dlf).header_bytes
    for size in range(len(photo_dlf)):
        cut = io.BytesIO(photo_dlf[:size])
        if size < header:
            with pytest.raises(UnidentifiedImageError):
                Image.open(cut)
        elif size % 7 == 0 or size < header + 8:
            with pytest.raises(dlf.TruncatedFile):
                Image.open(cut).load()


def test_every_bit_of_the_header_matters(photo_dlf: bytes) -> None:
    for bit in range(8 * dlf.info(photo_dlf).header_bytes):
        damaged = bytearray(photo_dlf)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(UnidentifiedImageError):
                Image.open(io.BytesIO(damaged))


def test_a_hundred_rounds_do_not_grow_memory(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGBA"].resize((SIDE, SIDE))

    def one_round() -> None:
        file = io.BytesIO()
        image.save(file, "DLF", xmp=bytes(1000))
        with Image.open(file) as reopened:
            reopened.load()
        Image.open(file).verify()
        with pytest.raises(OSError):
            Image.open(io.BytesIO(file.getvalue()[:-30])).load()

    for _ in range(10):
        one_round()
    before = resident_bytes()
    for _ in range(ROUNDS):
        one_round()
    assert resident_bytes() - before < MEMORY_GROWTH


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            ["quality", "bpp", "max_bytes", "model", "threads", "device", "exif", "icc_profile"]
            + ["xmp", "save_all", "append_images", "lossless", "effort"]
        ),
        ANYTHING,
        max_size=4,
    )
)
def test_whatever_the_options_are_only_value_errors_and_oserrors_leave(
    options: dict[str, Any],
) -> None:
    image = Image.new("L", (5, 5))
    file = io.BytesIO()
    try:
        image.save(file, "DLF", **options)
    except (OSError, ValueError):
        assert file.getvalue() == b""
    else:
        assert dlf.info(file.getvalue()).size == (5, 5)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
