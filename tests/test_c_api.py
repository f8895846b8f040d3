"""The C interface of the built libraries: results, estimates, memory, structs of other versions."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_size_t, c_void_p
from pathlib import Path

import numpy as np
from c_fixtures import HEIGHT, WIDTH
from c_library import (
    ALLOCATE,
    PROGRESS,
    RELEASE,
    Allocator,
    Buffer,
    Chunk,
    DecodeOptions,
    EncodeOptions,
    Error,
    Estimate,
    Image,
    Info,
    Library,
    Limits,
    Picture,
    Status,
)
from progress_calls import rises_to_the_end

pytest_plugins = ["c_fixtures"]


def test_status_texts(library: Library) -> None:
    texts = [library.status_string(int(status)) for status in Status]
    assert len(set(texts)) == len(Status)
    assert library.status_string(12345) not in texts


def test_pixels_are_those_of_the_python_module(
    library: Library, codec: c_void_p, plain: bytes, pixels: bytes, either_package: Path
) -> None:
    from dlf import native

    module = native.Codec(str(either_package))
    array = np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH, 3)
    assert module.encode(array, 4) == plain
    status, picture, samples, _ = library.decode(codec, plain)
    assert status == Status.OK
    assert (picture.width, picture.height, picture.channels) == (WIDTH, HEIGHT, 3)
    assert picture.complete == 1
    assert samples == module.decode(plain).tobytes()


def test_probe(library: Library, chunky: bytes) -> None:
    status, info, error = library.probe(chunky[:26])
    assert (status, error.message) == (Status.OK, b"")
    assert (info.width, info.height, info.channels, info.orientation) == (30, 20, 4, 6)
    assert (info.has_chunks, info.has_trailer, info.version) == (1, 1, 1)


def test_region_is_the_same_part_of_the_whole(
    library: Library, codec: c_void_p, plain: bytes
) -> None:
    _, _, samples, _ = library.decode(codec, plain)
    whole = np.frombuffer(samples, np.uint8).reshape(HEIGHT, WIDTH, 3)
    status, picture, part, _ = library.decode(
        codec, plain, region_x=60, region_y=31, region_width=71, region_height=50
    )
    assert (status, picture.width, picture.height) == (Status.OK, 71, 50)
    assert part == whole[31:81, 60:131].tobytes()
    status, picture, part, _ = library.decode(
        codec, plain, region_x=100, region_width=51, region_height=1
    )
    assert (status, part, picture.width) == (Status.INVALID_ARGUMENT, b"", 0)


def test_semantic_layer_alone(library: Library, codec: c_void_p, plain: bytes) -> None:
    _, _, full, _ = library.decode(codec, plain)
    status, _, semantic, _ = library.decode(codec, plain, semantic_only=1)
    assert status == Status.OK
    assert len(semantic) == len(full)
    assert semantic != full
    # No byte behind the tokens is needed for it.
    cut = plain[:-3]
    assert library.decode(codec, cut, semantic_only=1)[0] == Status.TRUNCATED_FILE
    status, _, samples, _ = library.decode(codec, cut, semantic_only=1, allow_truncated=1)
    assert (status, samples) == (Status.OK, semantic)


def test_reduced_sizes(library: Library, codec: c_void_p, plain: bytes) -> None:
    for downscale in (2, 4, 8):
        status, picture, samples, _ = library.decode(codec, plain, downscale=downscale)
        size = (-(-WIDTH // downscale), -(-HEIGHT // downscale))
        assert (status, (picture.width, picture.height)) == (Status.OK, size)
        assert len(samples) == size[0] * size[1] * picture.channels
        status, picture, part, _ = library.decode(
            codec, plain, downscale=downscale, region_y=9, region_width=WIDTH, region_height=8
        )
        line = size[0] * picture.channels
        top, bottom = 9 // downscale, -(-17 // downscale)
        assert (status, part) == (Status.OK, samples[top * line : bottom * line])
    for downscale in (3, 5, 16, 2**32 - 1):
        status, _, samples, error = library.decode(codec, plain, downscale=downscale)
        assert (status, samples) == (Status.INVALID_ARGUMENT, b"")
        assert b"1, 2, 4 or 8" in error.message


def test_largest_file_within_a_size(
    library: Library, codec: c_void_p, pixels: bytes, rate_points: int
) -> None:
    sizes = [
        len(library.encode(codec, pixels, WIDTH, HEIGHT, 3, rate=rate)[1])
        for rate in range(rate_points)
    ]
    target = sorted(sizes)[len(sizes) // 2]
    status, data, _ = library.encode(codec, pixels, WIDTH, HEIGHT, 3, max_bytes=target)
    assert (status, len(data)) == (Status.OK, target)
    status, data, error = library.encode(codec, pixels, WIDTH, HEIGHT, 3, max_bytes=min(sizes) - 1)
    assert (status, data) == (Status.INVALID_ARGUMENT, b"")
    assert str(min(sizes)).encode() in error.message


def test_chunks_are_listed(library: Library, chunky: bytes) -> None:
    chunks, error = c_void_p(), Error()
    size = c_size_t(len(chunky))
    assert library.chunks_open(chunky, size, None, byref(chunks), byref(error)) == Status.OK
    assert library.chunks_count(chunks) == 2
    chunk = Chunk()
    assert library.chunks_get(chunks, c_size_t(1), byref(chunk), None) == Status.OK
    assert (chunk.type, ctypes.string_at(chunk.data, chunk.size)) == (20, b"private " * 20)
    beyond = library.chunks_get(chunks, c_size_t(2), byref(chunk), byref(error))
    assert (beyond, chunk.data) == (Status.INVALID_ARGUMENT, None)
    library.chunks_free(chunks)

    few = Limits(max_chunk_bytes=100)
    status = library.chunks_open(chunky, size, byref(few), byref(chunks), byref(error))
    assert (status, chunks.value) == (Status.LIMIT_EXCEEDED, None)


def test_estimate_before_any_work(
    library: Library, codec: c_void_p, plain: bytes, chunky: bytes
) -> None:
    package = c_void_p(library.codec_package(codec))
    estimates = []
    for data in (plain[:26], chunky):
        estimate = Estimate()
        args = (data, c_size_t(len(data)), package, 1, byref(estimate), None)
        assert library.estimate_decoding(*args) == Status.OK
        estimates.append(estimate)
    assert estimates[0].output_bytes == WIDTH * HEIGHT * 3
    assert estimates[0].memory_bytes > estimates[0].output_bytes
    assert estimates[0].multiply_accumulates > estimates[1].multiply_accumulates > 0


def test_cancelling(
    library: Library, codec: c_void_p, plain: bytes, pixels: bytes, by_torch: bool
) -> None:
    calls: list[tuple[int, int]] = []

    def note(_user: object, done: int, total: int) -> int:
        calls.append((done, total))
        return 0

    follow = PROGRESS(note)
    assert library.decode(codec, plain, progress=follow)[0] == Status.OK
    # One tile for torch, strips for the integer machine.
    assert rises_to_the_end(calls)
    assert calls[-1][1] == (1 if by_torch else -(-HEIGHT // 32))
    cancel = PROGRESS(lambda _user, _done, _total: 1)
    status, picture, samples, _ = library.decode(codec, plain, progress=cancel)
    assert (status, samples, picture.width) == (Status.CANCELLED, b"", 0)
    status, file, _ = library.encode(codec, pixels, WIDTH, HEIGHT, 3, progress=cancel)
    assert (status, file) == (Status.CANCELLED, b"")


def test_allocator(library: Library, codec: c_void_p, plain: bytes, pixels: bytes) -> None:
    given: dict[int, object] = {}

    def allocate(_user: object, size: int) -> int:
        memory = ctypes.create_string_buffer(size)
        given[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    allocator = Allocator(
        allocate=ALLOCATE(allocate), release=RELEASE(lambda _user, memory: given.pop(memory, None))
    )
    expected = library.decode(codec, plain)[2]
    picture = Picture()
    options = DecodeOptions(allocator=ctypes.pointer(allocator))
    size = c_size_t(len(plain))
    args = (codec, plain, size, byref(options), byref(picture), None)
    assert library.function("decode")(*args) == Status.OK
    assert list(given) == [picture.samples.data]
    assert picture.samples.content() == expected
    library.buffer_free(byref(picture.samples))
    library.buffer_free(byref(picture.samples))
    assert not given

    # Memory that was handed out is taken back when the call fails later: here, when it is
    # cancelled.
    cancel = PROGRESS(lambda _user, _done, _total: 1)
    status = library.decode(codec, plain, allocator=ctypes.pointer(allocator), progress=cancel)[0]
    assert (status, given) == (Status.CANCELLED, {})

    nothing = Allocator(allocate=ALLOCATE(lambda _user, _size: 0), release=RELEASE(lambda *_: None))
    pointer = ctypes.pointer(nothing)
    assert library.decode(codec, plain, allocator=pointer)[0] == Status.OUT_OF_MEMORY
    status = library.encode(codec, pixels, WIDTH, HEIGHT, 3, allocator=pointer)[0]
    assert status == Status.OUT_OF_MEMORY

    half = ctypes.pointer(Allocator(allocate=ALLOCATE(allocate)))
    assert library.decode(codec, plain, allocator=half)[0] == Status.INVALID_ARGUMENT


def test_callers_of_another_version(library: Library, plain: bytes) -> None:
    """A struct shorter than ours is filled as far as it goes, a longer one is not overrun."""
    info = Info()
    info.struct_size = Info.width.offset
    info.width = 77
    size = c_size_t(len(plain))
    assert library.function("probe")(plain, size, byref(info), None) == Status.OK
    assert (info.version, info.width) == (1, 77)

    longer = (ctypes.c_uint8 * (ctypes.sizeof(Info) + 16))(*[0xAB] * (ctypes.sizeof(Info) + 16))
    c_size_t.from_buffer(longer).value = len(longer)
    assert library.function("probe")(plain, size, byref(longer), None) == Status.OK
    assert bytes(longer[-16:]) == b"\xab" * 16

    unset = Info()
    unset.struct_size = 0
    error = Error()
    status = library.function("probe")(plain, size, byref(unset), byref(error))
    assert status == Status.INVALID_ARGUMENT
    assert b"dlf_info" in error.message


def test_missing_arguments(
    library: Library, codec: c_void_p, pixels: bytes, rate_points: int
) -> None:
    error = Error()
    refused = Status.INVALID_ARGUMENT
    assert library.function("probe")(None, c_size_t(5), byref(Info()), byref(error)) == refused
    assert library.function("probe")(b"x", c_size_t(1), None, byref(error)) == refused
    assert library.codec_open(None, None, byref(c_void_p()), byref(error)) == refused
    options = EncodeOptions()
    file = Buffer()
    no_samples = Image(width=1, height=1, channels=3)
    assert library.dlf_encode(codec, no_samples, options, file, error) == refused
    for wrong in ({"rate": rate_points}, {"rate": 256}, {"orientation": 9}, {"color_space": 3}):
        assert library.encode(codec, pixels, WIDTH, HEIGHT, 3, **wrong)[0] == refused, wrong
    assert library.encode(codec, pixels, 0, HEIGHT, 3)[0] == refused
    assert library.encode(codec, pixels, WIDTH, HEIGHT, 5)[0] == refused
    library.codec_free(None)
    library.package_free(None)
    library.buffer_free(None)


def test_wrong_packages(library: Library, tmp_path: Path, shipped_test_package: Path) -> None:
    altered = bytearray(shipped_test_package.read_bytes())
    altered[len(altered) // 2] ^= 1
    for name, content in (("altered", bytes(altered)), ("text", b"no package"), ("empty", b"")):
        path = tmp_path / f"{name}.dlfm"
        path.write_bytes(content)
        handle, error = c_void_p(), Error()
        status = library.codec_open(str(path).encode(), None, byref(handle), byref(error))
        assert (status, handle.value) == (Status.MODEL_ERROR, None), name
        assert error.message
