"""The C interface, used wrongly: every mistake has its status, and none does harm."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from ctypes import byref, c_size_t, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_library import (
    LOG,
    Allocator,
    Buffer,
    Chunk,
    CodecOptions,
    DecodeOptions,
    DecoderOptions,
    DecoderState,
    EncodeOptions,
    Error,
    Estimate,
    Image,
    Info,
    Library,
    Limits,
    Logger,
    PackageInfo,
    Picture,
    Status,
    Tensor,
)
from conftest import ROOT, scene

WIDTH, HEIGHT = 40, 30
DECLARATION = re.compile(r"DLF_API ([^;(]*?)\b(dlf_\w+)\(([^;]*?)\);", re.DOTALL)


@dataclass(frozen=True)
class Fixture:
    library: Library
    path: bytes
    codec: c_void_p
    package: c_void_p
    data: bytes


@pytest.fixture(scope="module")
def fixture(installed_library: Path, shipped_test_package: Path) -> Iterator[Fixture]:
    library = Library(installed_library / "lib")
    codec = library.open_codec(shipped_test_package)
    pixels = scene(HEIGHT, WIDTH, seed=2).tobytes()
    data = library.encode(codec, pixels, WIDTH, HEIGHT, 3, rate=1)[1]
    path = str(shipped_test_package).encode()
    yield Fixture(library, path, codec, c_void_p(library.codec_package(codec)), data)
    library.codec_free(codec)


def declarations() -> list[tuple[str, str, int]]:
    """Every function of the header: its result, its name, the number of its arguments."""
    header = (ROOT / "core" / "include" / "dlf" / "dlf.h").read_text()
    return [
        (result.strip(), name, 0 if words == "void" else words.count(",") + 1)
        for result, name, words in DECLARATION.findall(header)
    ]


ANSWERING = ("dlf_version", "dlf_status_string", "dlf_torch_backend")
"""Functions whose answer is never nothing."""


@pytest.mark.parametrize(
    ("result", "name", "count"), declarations(), ids=[name for _, name, _ in declarations()]
)
def test_nothing_at_all(fixture: Fixture, result: str, name: str, count: int) -> None:
    """NULL and 0 for every argument."""
    function = fixture.library.function(name.removeprefix("dlf_"))
    returned = function(*[c_void_p(None)] * count)
    if result == "dlf_status":
        assert returned == Status.INVALID_ARGUMENT
    elif result != "void" and name not in ANSWERING:
        assert not returned


Call = Callable[[Fixture, Any, Error], int]


def decoded(f: Fixture, options: Any, error: Error, picture: Any = None) -> int:
    picture = picture or Picture()
    size = c_size_t(len(f.data))
    status = f.library.function("decode")(
        f.codec, f.data, size, options, byref(picture), byref(error)
    )
    f.library.buffer_free(byref(picture.samples))
    return int(status)


def encoded(f: Fixture, options: Any, error: Error, file: Any = None, image: Any = None) -> int:
    file = file or Buffer()
    pixels = ctypes.create_string_buffer(WIDTH * HEIGHT * 3)
    image = image or Image(width=WIDTH, height=HEIGHT, channels=3)
    image.data = ctypes.cast(pixels, c_void_p)
    status = f.library.function("encode")(f.codec, byref(image), options, byref(file), byref(error))
    f.library.buffer_free(byref(file))
    return int(status)


def opened(f: Fixture, options: Any, error: Error) -> int:
    handle = c_void_p()
    status = f.library.decoder_open(None, options, byref(handle), byref(error))
    assert bool(handle) == (status == Status.OK)
    f.library.decoder_free(handle)
    return int(status)


def codec_opened(f: Fixture, options: Any, error: Error) -> int:
    handle = c_void_p()
    status = f.library.codec_open(f.path, options, byref(handle), byref(error))
    assert bool(handle) == (status == Status.OK)
    f.library.codec_free(handle)
    return int(status)


def verified(f: Fixture, limits: Any, error: Error) -> int:
    size = c_size_t(len(f.data))
    return int(f.library.verify(f.data, size, f.package, limits, byref(error)))


def within(options: type, name: str, call: Call) -> Call:
    """The same for a struct that another struct points to."""

    def inner(f: Fixture, given: Any, error: Error) -> int:
        outer = options()
        setattr(outer, name, ctypes.cast(given, dict(options._fields_)[name]))
        return call(f, byref(outer), error)

    return inner


GIVEN: list[tuple[type, Call]] = [
    (DecodeOptions, decoded),
    (EncodeOptions, encoded),
    (DecoderOptions, opened),
    (CodecOptions, codec_opened),
    (Limits, verified),
    (Limits, within(DecodeOptions, "limits", decoded)),
    (Allocator, within(DecodeOptions, "allocator", decoded)),
    (Limits, within(DecoderOptions, "limits", opened)),
    (Allocator, within(DecoderOptions, "allocator", opened)),
    (Logger, within(DecoderOptions, "logger", opened)),
    (Logger, within(CodecOptions, "logger", codec_opened)),
]


@pytest.mark.parametrize(("kind", "call"), GIVEN)
def test_sizes_of_given_structs(fixture: Fixture, kind: type, call: Call) -> None:
    """Not set: refused by name. The caller's, older or newer: what it does not know is default."""
    size = ctypes.sizeof(kind)
    for said, status in (
        (0, Status.INVALID_ARGUMENT),
        (7, Status.INVALID_ARGUMENT),
        (8, Status.OK),
        (size, Status.OK),
        (size + 64, Status.OK),
    ):
        memory = ctypes.create_string_buffer(b"\xff" * (size + 64))
        memory[8:size] = bytes(size - 8)
        if said == 8:  # all that the caller does not know may be anything
            memory[8:size] = b"\xff" * (size - 8)
        c_size_t.from_buffer(memory).value = said
        error = Error()
        assert call(fixture, ctypes.cast(memory, c_void_p), error) == status, said
        if status != Status.OK:
            assert re.fullmatch(rb"struct_size of dlf_\w+ is not set", error.message)


RESULTS: list[tuple[type, Callable[[Fixture, Any], int]]] = [
    (Info, lambda f, out: f.library.function("probe")(f.data, c_size_t(40), out, None)),
    (
        Estimate,
        lambda f, out: f.library.estimate_decoding(f.data, c_size_t(40), f.package, 1, out, None),
    ),
    (PackageInfo, lambda f, out: f.library.package_get_info(f.package, out, None)),
]


@pytest.mark.parametrize(("kind", "call"), RESULTS)
def test_sizes_of_results(
    fixture: Fixture, kind: type, call: Callable[[Fixture, Any], int]
) -> None:
    whole = kind()
    assert call(fixture, byref(whole)) == Status.OK
    size = ctypes.sizeof(kind)
    for said in (0, 7, 8, 16, size - 4, size, size + 32):
        memory = ctypes.create_string_buffer(b"\xab" * (size + 32))
        c_size_t.from_buffer(memory).value = said
        status = call(fixture, memory)
        assert status == (Status.OK if said >= 8 else Status.INVALID_ARGUMENT)
        known = min(said, size) if said >= 8 else 8
        assert memory[8:known] == bytes(whole)[8:known]
        assert set(memory[max(known, 8) : size + 32]) == {0xAB}


def test_results_that_hold_memory_must_have_room_for_it(fixture: Fixture) -> None:
    for kind, call in ((Picture, decoded), (Buffer, encoded)):
        short, error = kind(), Error()
        short.struct_size -= 8
        result = call(fixture, None, error, short)
        assert (result, b"too small" in error.message) == (Status.INVALID_ARGUMENT, True)


def test_short_errors_are_filled_as_far_as_they_go(fixture: Fixture) -> None:
    for size in (0, 8, 16, 24, 25, 40):
        memory = ctypes.create_string_buffer(b"\xab" * ctypes.sizeof(Error))
        c_size_t.from_buffer(memory).value = size
        status = fixture.library.function("probe")(b"x", c_size_t(1), byref(Info()), memory)
        assert status == Status.INVALID_FILE
        assert set(memory.raw[max(size, 8) : -1]) == {0xAB}
        if size > 24:
            assert b"\0" in memory.raw[24:size]


def test_enumerators_that_do_not_exist(fixture: Fixture) -> None:
    f, error = fixture, Error()
    symbols = c_void_p()
    size = c_size_t(len(f.data))
    f.library.symbols_decode(f.data, size, f.package, None, byref(symbols), None)
    for name in (-1, 9, 2**31 - 1):
        status = f.library.symbols_get(symbols, name, byref(Tensor()), byref(error))
        assert (status, b"name" in error.message) == (Status.INVALID_ARGUMENT, True)
    f.library.symbols_free(symbols)
    assert encoded(f, byref(EncodeOptions(color_space=77)), error) == Status.INVALID_ARGUMENT
    for level in (-1, 5):
        logger = Logger(log=LOG(lambda *_: None), level=level)
        options = DecoderOptions(logger=ctypes.pointer(logger))
        assert opened(f, byref(options), error) == Status.INVALID_ARGUMENT
    assert f.library.status_string(-5) == b"unknown status"


def test_chunks_that_cannot_be_written(fixture: Fixture) -> None:
    content = ctypes.create_string_buffer(b"content")
    for kind in (0, 1, 5, 15, 2**29):
        chunk = Chunk(type=kind, data=ctypes.cast(content, c_void_p), size=7)
        options = EncodeOptions(chunks=ctypes.pointer(chunk), chunk_count=1)
        error = Error()
        assert encoded(fixture, byref(options), error) == Status.INVALID_ARGUMENT, kind
    twice = (Chunk * 2)()
    for chunk in twice:
        chunk.__init__(type=2, data=ctypes.cast(content, c_void_p), size=7)
    options = EncodeOptions(chunks=ctypes.cast(twice, ctypes.POINTER(Chunk)), chunk_count=2)
    assert encoded(fixture, byref(options), Error()) == Status.INVALID_ARGUMENT
    assert encoded(fixture, byref(EncodeOptions(chunk_count=1)), Error()) == Status.INVALID_ARGUMENT


def test_images_that_are_none(fixture: Fixture) -> None:
    for wrong in (
        {"width": 0},
        {"height": 0},
        {"channels": 0},
        {"channels": 5},
        {"stride": 3 * WIDTH - 1},
    ):
        image = Image(**{"width": WIDTH, "height": HEIGHT, "channels": 3} | wrong)
        assert encoded(fixture, None, Error(), None, image) == Status.INVALID_ARGUMENT, wrong


def test_pushing_in_the_wrong_order(fixture: Fixture) -> None:
    f, error = fixture, Error()
    library = f.library
    decoder = library.open_decoder(None)
    info, state = Info(), DecoderState()
    refused = Status.INVALID_ARGUMENT
    assert library.decoder_push(decoder, None, c_size_t(3), None) == refused
    assert library.decoder_push(decoder, None, c_size_t(0), None) == Status.OK
    assert library.decoder_get_info(decoder, byref(info), None) == refused
    assert library.decoder_symbols(decoder, byref(c_void_p()), None) == refused
    assert library.decoder_picture(decoder, f.codec)[0] == refused
    assert library.decoder_set_package(decoder, None, None) == refused
    assert library.decoder_finish(decoder, byref(error)) == Status.TRUNCATED_FILE
    # An input that has failed stays so, whatever is asked of it.
    for _ in range(2):
        assert library.push(decoder, f.data)[0] == Status.TRUNCATED_FILE
        assert library.decoder_picture(decoder, f.codec)[0] == Status.TRUNCATED_FILE
        assert library.decoder_set_package(decoder, f.package, None) == Status.TRUNCATED_FILE
        assert library.decoder_finish(decoder, None) == Status.TRUNCATED_FILE
        assert library.decoder_get_state(decoder, byref(state), None) == Status.OK
        assert library.decoder_symbols(decoder, byref(c_void_p()), None) == Status.TRUNCATED_FILE
    library.decoder_free(decoder)


def test_files_for_another_model(fixture: Fixture, shipped_default: Path) -> None:
    f = fixture
    other = c_void_p()
    assert f.library.package_open(str(shipped_default).encode(), byref(other), None) == Status.OK
    size = c_size_t(len(f.data))
    estimate, symbols = Estimate(), c_void_p()
    wrong = Status.MODEL_ERROR
    assert f.library.estimate_decoding(f.data, size, other, 1, byref(estimate), None) == wrong
    codec, path = c_void_p(), str(shipped_default).encode()
    assert f.library.codec_open(path, None, byref(codec), None) == Status.OK
    for file, status in (  # the container comes first (§4.4)
        (f.data, wrong),
        (f.data[:-3], Status.TRUNCATED_FILE),
        (f.data + b"\0", Status.INVALID_FILE),
    ):
        size = c_size_t(len(file))
        assert f.library.verify(file, size, other, None, None) == status
        assert f.library.symbols_decode(file, size, other, None, byref(symbols), None) == status
        assert f.library.decode(codec, file)[0] == status
    f.library.codec_free(codec)
    decoder = f.library.open_decoder(other)
    assert f.library.push(decoder, f.data)[0] == Status.OK  # likewise
    assert f.library.decoder_finish(decoder, None) == wrong
    f.library.decoder_free(decoder)
    f.library.package_free(other)


def test_loggers_hear_of_failures_and_of_nothing_else_unless_asked(fixture: Fixture) -> None:
    f = fixture
    for level, count in ((0, 1), (1, 1), (3, 2), (4, 3)):
        lines: list[tuple[int, bytes]] = []
        logger = Logger(
            log=LOG(lambda _user, level, text, lines=lines: lines.append((level, text))),
            level=level,
        )
        codec = c_void_p()
        options = CodecOptions(logger=ctypes.pointer(logger), threads=2)
        assert f.library.codec_open(f.path, byref(options), byref(codec), None) == Status.OK
        assert f.library.decode(codec, f.data)[0] == Status.OK
        assert f.library.decode(codec, f.data[:-3])[0] == Status.TRUNCATED_FILE
        f.library.codec_free(codec)
        assert len(lines) == count, lines
        assert lines[-1][0] == 1
        assert lines[-1][1].startswith(b"truncated file: ")


def test_a_cut_file_that_is_accepted_is_worth_a_warning(fixture: Fixture) -> None:
    f = fixture
    lines: list[tuple[int, bytes]] = []
    logger = Logger(log=LOG(lambda _user, level, text: lines.append((level, text))))
    codec = f.library.open_codec(Path(f.path.decode()), logger=ctypes.pointer(logger))
    assert f.library.decode(codec, f.data[:-2], allow_truncated=1)[0] == Status.OK
    f.library.codec_free(codec)
    assert [(level, b"truncated" in text) for level, text in lines] == [(2, True)]


def test_pictures_do_not_depend_on_the_noise_around_them(fixture: Fixture) -> None:
    """Failures in between change nothing for the handle."""
    first = fixture.library.decode(fixture.codec, fixture.data)[2]
    for wrong in (b"", b"x", fixture.data[:-1]):
        assert fixture.library.decode(fixture.codec, wrong)[0] != Status.OK
    assert np.frombuffer(first, np.uint8).size == WIDTH * HEIGHT * 3
    assert fixture.library.decode(fixture.codec, fixture.data)[2] == first
