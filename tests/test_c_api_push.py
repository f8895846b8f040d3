"""Input in pieces through the C interface: the same pictures and the same errors as in one call."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_void_p
from pathlib import Path

import numpy as np
import pytest
from c_library import (
    ALLOCATE,
    LOG,
    RELEASE,
    Allocator,
    DecoderOptions,
    Error,
    Estimate,
    Info,
    Library,
    Limits,
    Logger,
    Stage,
    Status,
    Tensor,
)
from conftest import scene

WIDTH, HEIGHT = 90, 70


@pytest.fixture(scope="module")
def library(installed_library: Path) -> Library:
    return Library(installed_library / "lib")


@pytest.fixture(scope="module")
def codec(library: Library, shipped_test_package: Path) -> Iterator[c_void_p]:
    handle = library.open_codec(shipped_test_package)
    yield handle
    library.codec_free(handle)


@pytest.fixture(scope="module")
def package(library: Library, codec: c_void_p) -> c_void_p:
    return c_void_p(library.codec_package(codec))


@pytest.fixture(scope="module", params=[3, 4], ids=["plain", "alpha"])
def data(request: pytest.FixtureRequest, library: Library, codec: c_void_p) -> bytes:
    """A file without chunks, and one with an alpha chunk and a trailer."""
    pixels = np.dstack([scene(HEIGHT, WIDTH, seed=9), np.full((HEIGHT, WIDTH), 9, np.uint8)])
    channels: int = request.param
    content = np.ascontiguousarray(pixels[:, :, :channels]).tobytes()
    status, file, error = library.encode(codec, content, WIDTH, HEIGHT, channels, rate=5)
    assert status == Status.OK, error.message
    return file


def outcome_in_pieces(
    library: Library, codec: c_void_p, pieces: list[bytes], **options: int
) -> tuple[Status, int, bytes, bytes]:
    """Push, finish, decode; the first failure, or the samples."""
    decoder = library.open_decoder(c_void_p(library.codec_package(codec)), **options)
    try:
        for piece in pieces:
            status, error = library.push(decoder, piece)
            if status != Status.OK:
                return status, error.offset, error.message, b""
        error = Error()
        status = Status(library.decoder_finish(decoder, byref(error)))
        if status != Status.OK:
            return status, error.offset, error.message, b""
        status, _, samples, error = library.decoder_picture(decoder, codec)
        return status, error.offset, error.message, samples
    finally:
        library.decoder_free(decoder)


def outcome_at_once(
    library: Library, codec: c_void_p, data: bytes, **options: int
) -> tuple[Status, int, bytes, bytes]:
    status, _, samples, error = library.decode(codec, data, **options)
    return status, error.offset, error.message, samples


def test_every_split_gives_the_picture_of_one_call(
    library: Library, codec: c_void_p, data: bytes
) -> None:
    expected = outcome_at_once(library, codec, data)
    assert expected[0] == Status.OK
    for cut in range(0, len(data) + 1, 5):
        assert outcome_in_pieces(library, codec, [data[:cut], data[cut:]]) == expected, cut
    single = [data[i : i + 1] for i in range(len(data))]
    assert outcome_in_pieces(library, codec, single) == expected


def test_damaged_files_fail_as_in_one_call(library: Library, codec: c_void_p, data: bytes) -> None:
    rng = np.random.default_rng(3)
    cases = [data[:length] for length in range(0, len(data), 3)] + [data + b"more"]
    for bit in rng.integers(8 * len(data), size=120):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        cases.append(bytes(damaged))
    for case in cases:
        cuts = sorted(rng.integers(len(case) + 1, size=3))
        bounds = [0, *cuts, len(case)]
        pieces = [case[a:b] for a, b in itertools.pairwise(bounds)]
        expected = outcome_at_once(library, codec, case)
        assert outcome_in_pieces(library, codec, pieces) == expected, (case, cuts)
        if expected[0] == Status.TRUNCATED_FILE:
            expected = outcome_at_once(library, codec, case, allow_truncated=1)
            assert outcome_in_pieces(library, codec, pieces, allow_truncated=1) == expected


def test_pictures_on_the_way(
    library: Library, codec: c_void_p, package: c_void_p, data: bytes
) -> None:
    """What is drawn at a stage is what one call makes of the bytes so far."""
    decoder = library.open_decoder(package)
    seen = {}
    for i in range(len(data)):
        stage = library.state(decoder).stage
        if stage not in seen:
            seen[stage] = i
            status, picture, samples, _ = library.decoder_picture(decoder, codec)
            if stage < Stage.SEMANTIC:
                assert (status, samples) == (Status.INVALID_ARGUMENT, b"")
            else:
                at_once = library.decode(codec, data[:i], allow_truncated=1)
                assert (status, picture.complete) == (Status.OK, 0)
                assert samples == at_once[2]
                alone = library.decoder_picture(decoder, codec, semantic_only=1)[2]
                cut = library.decode(codec, data[:i], semantic_only=1, allow_truncated=1)
                assert alone == cut[2]
        assert library.push(decoder, data[i : i + 1])[0] == Status.OK
    assert list(seen) == [Stage.START, Stage.INFO, Stage.SEMANTIC]
    assert seen[Stage.INFO] == library.probe(data)[1].header_bytes
    state = library.state(decoder)
    assert (state.stage, state.bytes_wanted) == (Stage.COMPLETE, 0)
    assert (state.bytes_received, state.file_bytes) == (len(data), len(data))
    assert library.decoder_picture(decoder, codec)[2] == library.decode(codec, data)[2]
    assert library.decoder_finish(decoder, None) == Status.OK
    assert library.decoder_finish(decoder, None) == Status.OK
    assert library.state(decoder).stage == Stage.FINISHED
    assert library.push(decoder, b"x")[0] == Status.INVALID_ARGUMENT
    assert library.decoder_picture(decoder, codec)[1].complete == 1
    part = library.decoder_picture(decoder, codec, region_x=3, region_width=9, region_height=5)
    assert (part[1].width, part[1].height) == (9, 5)
    library.decoder_free(decoder)


def test_package_may_come_when_the_header_has_named_it(
    library: Library, codec: c_void_p, package: c_void_p, shipped_default: Path, data: bytes
) -> None:
    other = c_void_p()
    path = str(shipped_default).encode()
    assert library.package_open(path, byref(other), None) == Status.OK
    decoder = library.open_decoder(None)
    error, info = Error(), Info()
    assert library.decoder_get_info(decoder, byref(info), None) == Status.INVALID_ARGUMENT
    assert library.push(decoder, data[:-6])[0] == Status.OK
    assert library.decoder_get_info(decoder, byref(info), None) == Status.OK
    assert (info.width, info.height, info.model_id) == (WIDTH, HEIGHT, 5)
    assert library.state(decoder).stage == Stage.INFO
    assert library.decoder_symbols(decoder, byref(c_void_p()), None) == Status.INVALID_ARGUMENT
    assert library.decoder_set_package(decoder, other, byref(error)) == Status.MODEL_ERROR
    assert library.decoder_set_package(decoder, package, byref(error)) == Status.OK
    assert library.decoder_set_package(decoder, package, None) == Status.INVALID_ARGUMENT
    assert library.state(decoder).stage == Stage.SEMANTIC
    library.package_free(other)
    library.decoder_free(decoder)


def test_symbols_and_bytes(
    library: Library, codec: c_void_p, package: c_void_p, data: bytes
) -> None:
    decoder = library.open_decoder(package)
    assert library.decoder_data(decoder, None) is None
    assert library.push(decoder, data)[0] == Status.OK
    size = c_size_t()
    held = library.decoder_data(decoder, byref(size))
    assert ctypes.string_at(held, size.value) == data
    expected, symbols = c_void_p(), c_void_p()
    at_once = (data, c_size_t(len(data)), package, None, byref(expected), None)
    assert library.symbols_decode(*at_once) == Status.OK
    assert library.decoder_symbols(decoder, byref(symbols), None) == Status.OK
    for name in range(8):
        contents = []
        for handle in (expected, symbols):
            tensor = Tensor()
            assert library.symbols_get(handle, name, byref(tensor), None) == Status.OK
            values = np.prod(list(tensor.shape)) * tensor.bytes_per_value
            contents.append(ctypes.string_at(tensor.data, int(values)))
        assert contents[0] == contents[1], name
    for handle in (expected, symbols):
        library.symbols_free(handle)
    library.decoder_free(decoder)


def test_a_claim_too_large_is_refused_by_the_header(
    library: Library, package: c_void_p, data: bytes
) -> None:
    for limits in ({"max_pixels": 100}, {"max_file_bytes": len(data) - 1}, {"max_memory": 1000}):
        decoder = library.open_decoder(package, limits=ctypes.pointer(Limits(**limits)))
        end = library.probe(data)[1].header_bytes
        assert library.push(decoder, data[: end - 1])[0] == Status.OK
        first, error = library.push(decoder, data[end - 1 : end])
        if first == Status.OK:  # the chunks' heads tell more than the header
            first, error = library.push(decoder, data[end:])
        assert first == Status.LIMIT_EXCEEDED, limits
        again = Error()
        assert library.decoder_finish(decoder, byref(again)) == Status.LIMIT_EXCEEDED
        assert again.message == error.message
        library.decoder_free(decoder)


def test_limits_are_judged_for_the_size_that_is_wanted(
    library: Library, codec: c_void_p, package: c_void_p, data: bytes
) -> None:
    estimate = Estimate()
    assert (
        library.estimate_decoding(data, c_size_t(len(data)), package, 1, byref(estimate), None)
        == Status.OK
    )
    enough = estimate.reduced_memory_bytes[2]
    assert enough < estimate.memory_bytes
    limits = ctypes.pointer(Limits(max_memory=enough))
    whole = library.open_decoder(package, limits=limits)
    assert library.push(whole, data)[0] == Status.LIMIT_EXCEEDED
    library.decoder_free(whole)
    reduced = library.open_decoder(package, limits=limits, downscale=8)
    assert library.push(reduced, data)[0] == Status.OK
    assert library.decoder_picture(reduced, codec)[0] == Status.LIMIT_EXCEEDED
    status, picture, samples, _ = library.decoder_picture(reduced, codec, downscale=8)
    assert (status, picture.width, picture.height) == (Status.OK, -(-WIDTH // 8), -(-HEIGHT // 8))
    assert samples == library.decode(codec, data, downscale=8)[2]
    library.decoder_free(reduced)
    wrong = DecoderOptions(downscale=3)
    handle = c_void_p()
    status = library.decoder_open(package, byref(wrong), byref(handle), None)
    assert (status, handle.value) == (Status.INVALID_ARGUMENT, None)


def test_memory_and_log_are_the_handles_own(
    library: Library, package: c_void_p, data: bytes
) -> None:
    given: dict[int, ctypes.Array[ctypes.c_char]] = {}

    def allocate(_user: int | None, size: int) -> int:
        memory = ctypes.create_string_buffer(size)
        given[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    lines: list[tuple[int, bytes]] = []
    allocator = Allocator(
        allocate=ALLOCATE(allocate), release=RELEASE(lambda _user, memory: given.pop(memory, None))
    )
    logger = Logger(log=LOG(lambda _user, level, text: lines.append((level, text))), level=4)
    pointers = {"allocator": ctypes.pointer(allocator), "logger": ctypes.pointer(logger)}
    decoder = library.open_decoder(package, **pointers)
    silent = library.open_decoder(package)
    for handle in (decoder, silent):
        assert library.push(handle, data)[0] == Status.OK
        assert library.push(handle, b"more")[0] == Status.OK
        assert library.decoder_finish(handle, None) == Status.INVALID_FILE
    assert list(given) == [library.decoder_data(decoder, None)]
    assert [level for level, _ in lines] == [4, 1]
    assert b"every byte there" in lines[0][1]
    assert b"4 bytes after the end" in lines[1][1]
    library.decoder_free(silent)
    library.decoder_free(decoder)
    assert not given
