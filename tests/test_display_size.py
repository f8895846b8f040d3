"""The size that a reduced picture is to be shown at (core/BITSTREAM.md §2.7), by every door."""

from __future__ import annotations

import ctypes
import io
import json
from collections.abc import Iterator
from ctypes import byref, c_void_p
from pathlib import Path

import dlf
import dlf_imageio  # noqa: F401 - registers the plugin
import dlf_pillow  # noqa: F401 - registers the plugin
import imageio.v3 as iio
import numpy as np
import pytest
from c_library import Info, Library, Status
from conftest import scene
from dlf.cli import main
from dlf.header import probe
from encoded_sizes import smallest_size
from PIL import Image

from conformance.making.container import File, Header

WIDTH, HEIGHT = 79, 45
REDUCED_WIDTH, REDUCED_HEIGHT = 40, 23
BYTES_WITHOUT, BYTES_WITH = 15, 16
"""Bytes of the two headers: the model id has four of them, the payload length two."""


@pytest.fixture(autouse=True)
def installed(encoding_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLF_MODEL_PATH", str(encoding_model.parent))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(scene(HEIGHT, WIDTH, seed=6))


@pytest.fixture(scope="module")
def plain(encoding_codec: dlf.Codec, picture: Image.Image) -> bytes:
    """The smallest file of half the size, by itself."""
    half = picture.reduce(2)
    return encoding_codec.encode(half, max_bytes=smallest_size(encoding_codec, half))


@pytest.fixture(scope="module")
def reduced(encoding_codec: dlf.Codec, picture: Image.Image, plain: bytes) -> bytes:
    """The same, reduced by the encoder."""
    return encoding_codec.encode(picture, max_bytes=len(plain) + 1, reduce=True)


def test_it_costs_one_byte_and_changes_no_sample(
    encoding_codec: dlf.Codec, plain: bytes, reduced: bytes
) -> None:
    assert dlf.info(plain).header_bytes == BYTES_WITHOUT
    assert dlf.info(reduced).header_bytes == BYTES_WITH
    assert reduced[BYTES_WITH:] == plain[BYTES_WITHOUT:]
    assert np.array_equal(encoding_codec.decode(reduced), encoding_codec.decode(plain))


def test_info_says_both_sizes(plain: bytes, reduced: bytes) -> None:
    for header in (dlf.info(reduced), probe(reduced[:BYTES_WITH])):
        assert header.size == (REDUCED_WIDTH, REDUCED_HEIGHT)
        assert header.display_size == (WIDTH, HEIGHT)
    assert dlf.info(plain).display_size == dlf.info(plain).size


def test_the_info_command_says_it(
    reduced: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.dlf"
    path.write_bytes(reduced)
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"display width    {WIDTH}\ndisplay height   {HEIGHT}\n" in said
    assert main(["info", "--json", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["display_width"], facts["display_height"]) == (WIDTH, HEIGHT)


def test_decode_enlarges_on_request(
    encoding_codec: dlf.Codec, picture: Image.Image, reduced: bytes, tmp_path: Path
) -> None:
    path, target = tmp_path / "x.dlf", tmp_path / "x.png"
    path.write_bytes(reduced)
    assert main(["decode", "--quiet", str(path), str(target)]) == 0
    with Image.open(target) as small:
        assert small.size == (REDUCED_WIDTH, REDUCED_HEIGHT)
    assert main(["decode", "--quiet", "--display-size", str(path), str(target)]) == 0
    with Image.open(target) as shown:
        found = np.asarray(shown)
    # All of an even size, and the last column and row cut off.
    twice = Image.fromarray(encoding_codec.decode(reduced)).resize(
        (2 * REDUCED_WIDTH, 2 * REDUCED_HEIGHT), Image.Resampling.LANCZOS
    )
    assert np.array_equal(found, np.asarray(twice)[:HEIGHT, :WIDTH])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_every_mode_is_enlarged(
    encoding_codec: dlf.Codec, pictures: dict[str, Image.Image], mode: str, tmp_path: Path
) -> None:
    image = pictures[mode]
    data = encoding_codec.encode(
        image, max_bytes=smallest_size(encoding_codec, image.reduce(2)) + 1, reduce=True
    )
    path, target = tmp_path / "x.dlf", tmp_path / "x.png"
    path.write_bytes(data)
    assert main(["decode", "--quiet", "--display-size", str(path), str(target)]) == 0
    with Image.open(target) as shown:
        assert (shown.mode, shown.size) == (mode, image.size)


def test_a_picture_that_was_not_reduced_is_written_as_it_is(
    encoding_codec: dlf.Codec, plain: bytes, tmp_path: Path
) -> None:
    path, target = tmp_path / "x.dlf", tmp_path / "x.png"
    path.write_bytes(plain)
    assert main(["decode", "--quiet", "--display-size", str(path), str(target)]) == 0
    with Image.open(target) as shown:
        assert np.array_equal(np.asarray(shown), encoding_codec.decode(plain))


@pytest.mark.parametrize("words", [["--downscale", "2"], ["--region", "0,0,8,8"]])
def test_a_part_has_no_display_size(
    reduced: bytes, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "x.dlf", tmp_path / "x.png"
    path.write_bytes(reduced)
    assert main(["decode", "--display-size", *words, str(path), str(target)]) == 2
    assert "--display-size takes the whole picture" in capsys.readouterr().err
    assert not target.exists()


def test_a_claim_of_many_pixels_is_refused_before_any_work(
    reduced: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two pixels more than the limit allows, though the samples are within it."""
    path, target = tmp_path / "x.dlf", tmp_path / "x.png"
    path.write_bytes(reduced)
    words = ["--max-side", str(WIDTH - 1), str(path), str(target)]
    assert main(["decode", "--quiet", *words]) == 0
    target.unlink()
    assert main(["decode", "--display-size", *words]) == 13
    assert str(WIDTH) in capsys.readouterr().err
    assert not target.exists()


def test_pillow_tells_it_and_keeps_the_samples(reduced: bytes, plain: bytes) -> None:
    with Image.open(io.BytesIO(reduced)) as image:
        assert image.size == (REDUCED_WIDTH, REDUCED_HEIGHT)
        assert image.info["display_size"] == (WIDTH, HEIGHT)
        assert np.asarray(image).shape == (REDUCED_HEIGHT, REDUCED_WIDTH, 3)
    with Image.open(io.BytesIO(plain)) as image:
        assert "display_size" not in image.info


def test_imageio_tells_it(reduced: bytes) -> None:
    metadata = iio.immeta(reduced, extension=".dlf")
    assert metadata["shape"] == (REDUCED_HEIGHT, REDUCED_WIDTH)
    assert metadata["display_shape"] == (HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def library(installed_library: Path) -> Library:
    return Library(installed_library / "lib")


@pytest.fixture(scope="module")
def handle(library: Library, encoding_model: Path) -> Iterator[c_void_p]:
    opened = library.open_codec(encoding_model)
    yield opened
    library.codec_free(opened)


def encoded(
    library: Library, handle: c_void_p, width: int, height: int, **options: int
) -> tuple[Status, bytes, bytes]:
    """A picture of 40 x 23 pixels whose display size is given."""
    samples = scene(REDUCED_HEIGHT, REDUCED_WIDTH, seed=2).tobytes()
    size = {"display_width": width, "display_height": height}
    status, data, error = library.encode(
        handle, samples, REDUCED_WIDTH, REDUCED_HEIGHT, 3, **size, **options
    )
    return status, data, error.message


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_c_interface_records_and_tells_it(
    library: Library, handle: c_void_p, factor: int
) -> None:
    without = encoded(library, handle, 0, 0)[1]
    width, height = factor * REDUCED_WIDTH - 1, factor * REDUCED_HEIGHT - (factor - 1)
    status, data, _ = encoded(library, handle, width, height)
    assert (status, len(data)) == (Status.OK, len(without) + 1)
    info = library.probe(data)[1]
    assert (info.width, info.height) == (REDUCED_WIDTH, REDUCED_HEIGHT)
    assert (info.display_width, info.display_height) == (width, height)
    assert dlf.info(data).display_size == (width, height)
    info = library.probe(without)[1]
    assert (info.display_width, info.display_height) == (REDUCED_WIDTH, REDUCED_HEIGHT)
    same = encoded(library, handle, REDUCED_WIDTH, REDUCED_HEIGHT)[1]
    assert same == without


def test_the_c_interface_refuses_what_no_factor_gives(library: Library, handle: c_void_p) -> None:
    for size in [(81, 46), (79, 92), (41, 23), (0, 46), (80, 0), (2**32 - 1, 2**32 - 1)]:
        status, data, message = encoded(library, handle, *size)
        assert (status, data) == (Status.INVALID_ARGUMENT, b""), size
        assert b"reduced by 2, 4 or 8" in message or b"2^24" in message


def test_input_in_pieces_tells_it_with_the_header(
    library: Library, handle: c_void_p, reduced: bytes
) -> None:
    decoder = library.open_decoder(None)
    info = Info()
    for byte in range(BYTES_WITH):
        assert library.decoder_get_info(decoder, byref(info), None) == Status.INVALID_ARGUMENT
        assert library.push(decoder, reduced[byte : byte + 1])[0] == Status.OK
    assert library.decoder_get_info(decoder, byref(info), None) == Status.OK
    assert (info.display_width, info.display_height) == (WIDTH, HEIGHT)
    library.decoder_free(decoder)


def test_a_caller_that_does_not_know_it_gets_the_rest(library: Library, reduced: bytes) -> None:
    info = Info()
    info.struct_size = Info.display_width.offset
    info.display_width = 7
    size = ctypes.c_size_t(len(reduced))
    assert library.function("probe")(reduced, size, byref(info), None) == Status.OK
    assert (info.width, info.display_width) == (REDUCED_WIDTH, 7)


def test_the_longest_header_is_read() -> None:
    """DLF_MAX_HEADER_BYTES suffice: every field at its longest."""
    header = Header(2**23, 2**23, model_id=2**32 - 1, description=1)
    header.reduction, header.payload_length = 0b001_000_01, 2**32 - 1
    data = File(header, b"").write()
    assert len(data) == dlf.header.MAX_HEADER_BYTES
    assert probe(data).display_size == (2**24, 2**24 - 1)
