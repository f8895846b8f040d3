"""The codec under the bindings: results depend on nothing but the file, the host is left alone."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from conftest import scene
from dlf import _core, native
from dlf.errors import DlfError, LimitExceeded, ModelError, TruncatedFile
from progress_calls import rises_to_the_end

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
RATE = 4


@pytest.fixture(scope="module")
def codec(either_package: Path) -> native.Codec:
    return native.Codec(str(either_package))


@pytest.fixture(scope="module")
def package(either_package: Path) -> _core.Package:
    return _core.Package(str(either_package))


@pytest.fixture(scope="module")
def by_torch(either_package: Path, torch_package: Path) -> bool:
    """Whether the networks are TorchScript, which works on tiles and reports each of them."""
    return either_package == torch_package


@pytest.fixture(scope="module")
def torch_codec(torch_package: Path) -> native.Codec:
    return native.Codec(str(torch_package))


@pytest.fixture(scope="module")
def small() -> Pixels:
    return scene(137, 201, seed=3)


@pytest.fixture(scope="module")
def large(torch_package: Path) -> Pixels:
    """For torch, more windows than are coded as a whole, and several tiles in both directions."""
    picture = scene(1650, 1700, seed=4)
    package = _core.Package(str(torch_package))
    estimate = _core.estimate(_codec_header(package, picture), package)
    assert estimate["parts"] >= 4
    return picture


def _codec_header(package: _core.Package, picture: Pixels) -> bytes:
    """A file of a picture of the same size that was cheap to make: zeros for tokens and latents."""
    height, width = picture.shape[:2]
    windows = -(-height // package.window) * -(-width // package.window)
    tokens = np.zeros((windows, package.tokens_per_window * len(package.levels)), np.int16)
    grid = (-(-height // package.latent_stride), -(-width // package.latent_stride))
    latents = np.zeros((package.latent_channels, *grid), np.float32)
    return _core.encode_symbols(tokens, latents, package, width=width, height=height, rate=RATE)


@pytest.fixture(scope="module")
def small_file(codec: native.Codec, small: Pixels) -> bytes:
    return codec.encode(small, RATE)


@pytest.fixture(scope="module")
def large_file(codec: native.Codec, large: Pixels) -> bytes:
    return codec.encode(large, RATE)


@pytest.fixture(scope="module")
def tiled_file(torch_codec: native.Codec, large: Pixels) -> bytes:
    return torch_codec.encode(large, RATE)


def test_number_of_threads_changes_nothing(
    either_package: Path, codec: native.Codec, large: Pixels, large_file: bytes, small: Pixels
) -> None:
    decoded = codec.decode(large_file)
    for threads in (2, 3):
        other = native.Codec(str(either_package), threads=threads)
        assert other.encode(large, RATE) == large_file
        assert np.array_equal(other.decode(large_file), decoded)
        assert other.encode(small, 7) == codec.encode(small, 7)


def test_every_process_gives_the_same(
    either_package: Path,
    codec: native.Codec,
    small: Pixels,
    small_file: bytes,
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "small.npy", small)
    code = (
        "import sys, hashlib, numpy\n"
        "from dlf import native\n"
        "if sys.argv[3] != 'no': import torch; torch.set_num_threads(int(sys.argv[3]))\n"
        "codec = native.Codec(sys.argv[1], threads=2)\n"
        "data = codec.encode(numpy.load(sys.argv[2]), 4)\n"
        "print(hashlib.sha256(data + codec.decode(data).tobytes()).hexdigest())\n"
    )
    expected = hashlib.sha256(small_file + codec.decode(small_file).tobytes()).hexdigest()
    for torch_threads in ("no", "1", "2", "5"):
        command = [sys.executable, "-c", code, str(either_package)]
        command += [str(tmp_path / "small.npy"), torch_threads]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert printed.strip() == expected, torch_threads


def test_settings_of_torch_change_nothing_and_stay(
    codec: native.Codec, small: Pixels, small_file: bytes
) -> None:
    import torch

    expected = codec.decode(small_file)

    def check() -> None:
        assert codec.encode(small, RATE) == small_file
        assert np.array_equal(codec.decode(small_file), expected)

    def settings() -> tuple[Any, ...]:
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return (
            *(torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device()),
            *(torch.is_grad_enabled(), torch.is_inference_mode_enabled(), tuple(seen)),
            *(torch.get_rng_state().tolist(), torch.tensor([1e-40]).mul(1).item()),
        )

    before = settings()
    check()
    assert settings() == before
    threads = torch.get_num_threads()
    try:
        for number in (1, 2, 4):
            torch.set_num_threads(number)
            state = settings()
            check()
            assert settings() == state
        torch.set_flush_denormal(True)
        check()
        with torch.autocast("cpu"):
            check()
        torch.set_flush_denormal(False)
        with torch.enable_grad():
            check()
            assert torch.is_grad_enabled()
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def test_default_number_type_changes_nothing(random_package: Path, small: Pixels) -> None:
    import torch

    codec = native.Codec(str(random_package))
    file = codec.encode(small, RATE)
    pixels = codec.decode(file)
    torch.set_default_dtype(torch.float64)
    try:
        assert codec.encode(small, RATE) == file
        assert np.array_equal(codec.decode(file), pixels)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_thread_started_meanwhile_sees_the_host_settings(
    torch_package: Path, tiled_file: bytes
) -> None:
    import torch

    before = torch.get_num_threads()
    seen: list[int] = []

    def look() -> None:
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()

    def progress(_done: int, _total: int) -> None:
        look()

    torch.set_num_threads(3)
    try:
        codec = native.Codec(str(torch_package), threads=1)
        codec.decode(tiled_file, progress=progress)
        # With two threads one of them may be changing its setting just now; afterwards nothing is
        # left.
        codec = native.Codec(str(torch_package), threads=2)
        for _ in range(5):
            codec.decode(tiled_file)
            look()
    finally:
        torch.set_num_threads(before)
    assert len(seen) > 4
    assert set(seen) == {3}


def test_one_codec_in_many_threads(either_package: Path, small: Pixels) -> None:
    codec = native.Codec(str(either_package), threads=2)
    pictures = [np.ascontiguousarray(small[i:, i:]) for i in range(8)]
    expected = [(data := codec.encode(p, i), codec.decode(data)) for i, p in enumerate(pictures)]

    def work(number: int) -> bool:
        i = number % len(pictures)
        data = codec.encode(pictures[i], i)
        return data == expected[i][0] and np.array_equal(codec.decode(data), expected[i][1])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_tiles_fit_together(codec: native.Codec, large: Pixels, large_file: bytes) -> None:
    """Where tiles meet, errors are not larger than elsewhere."""
    error = np.abs(codec.decode(large_file).astype(int) - large).mean(axis=(1, 2))
    seams = [1024 + offset for offset in (-2, -1, 0, 1)]
    assert error[seams].mean() < 1.5 * np.median(error)


def test_region_of_a_tiled_picture(codec: native.Codec, large_file: bytes, by_torch: bool) -> None:
    whole = codec.decode(large_file)
    for x, y, width, height in ((0, 0, 1, 1), (1000, 900, 200, 300), (1699, 1649, 1, 1)):
        part = codec.decode(large_file, region=(x, y, width, height))
        assert np.array_equal(part, whole[y : y + height, x : x + width])
    calls: list[tuple[int, int]] = []
    codec.decode(large_file, region=(3, 3, 9, 9), progress=lambda *done: calls.append(done))
    assert rises_to_the_end(calls)
    if by_torch:
        assert calls == [(0, 1), (1, 1)]
    for region in ((0, 0, 0, 5), (1690, 0, 11, 1), (0, 1650, 1, 1)):
        with pytest.raises(ValueError, match="region"):
            codec.decode(large_file, region=region)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (129, 1), (64, 64), (65, 63), (31, 97)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_size_and_mode(codec: native.Codec, size: tuple[int, int], channels: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, channels), np.uint8)
    decoded = codec.decode(codec.encode(picture, RATE))
    assert decoded.shape == (size if channels == 1 else picture.shape)
    assert decoded.dtype == np.uint8
    assert decoded.flags.writeable
    if channels in (2, 4):
        assert np.array_equal(decoded[..., -1], picture[..., -1])
    if channels == 1:
        assert np.array_equal(codec.decode(codec.encode(picture[..., 0], RATE)), decoded)


def test_gray_is_the_luma_of_the_decoded_colours(codec: native.Codec, small: Pixels) -> None:
    gray = np.ascontiguousarray(small[..., 1])
    as_gray = codec.encode(gray, RATE)
    as_rgb = codec.encode(np.repeat(gray[..., None], 3, axis=2), RATE)
    red, green, blue = codec.decode(as_rgb).astype(np.uint32).transpose(2, 0, 1)
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    assert np.array_equal(codec.decode(as_gray), luma)


def test_lines_that_are_not_contiguous(codec: native.Codec, small: Pixels) -> None:
    flipped = small[::-1, ::-1]
    assert codec.encode(flipped, RATE) == codec.encode(np.ascontiguousarray(flipped), RATE)


def test_semantic_layer_has_the_predicted_means(
    codec: native.Codec, package: _core.Package, small: Pixels, small_file: bytes
) -> None:
    symbols = _core.decode_symbols(small_file, package)
    zeros = np.zeros_like(symbols["latent"], np.float32)
    digits = symbols["tokens"]
    # A file whose detail symbols are all zero: latents equal to the means need no symbols.
    semantic = codec.decode(small_file, layers="semantic")
    assert not np.array_equal(semantic, codec.decode(small_file))
    file = _core.encode_symbols(
        digits, zeros, package, width=small.shape[1], height=small.shape[0], rate=RATE
    )
    recoded = _core.decode_symbols(file, package)
    assert np.array_equal(recoded["tokens"], digits)
    if not recoded["symbols"].any():
        assert np.array_equal(codec.decode(file), semantic)


def test_truncated_files(codec: native.Codec, package: _core.Package, small: Pixels) -> None:
    small_file = codec.encode(small, codec.rate_points - 1)
    whole = codec.decode(small_file)
    symbols = _core.decode_symbols(small_file, package)
    header = _core.probe(small_file)["header_bytes"]
    errors = []
    for length in range(header + symbols["token_bytes"], len(small_file), 7):
        with pytest.raises(TruncatedFile):
            codec.decode(small_file[:length])
        best = codec.decode(small_file[:length], allow_truncated=True)
        assert best.shape == whole.shape
        errors.append(np.abs(best.astype(int) - whole).mean())
    assert errors[-1] < errors[0]
    with pytest.raises(TruncatedFile):
        codec.decode(small_file[: header + 4], allow_truncated=True)


def test_progress_and_cancelling(
    codec: native.Codec, large: Pixels, large_file: bytes, by_torch: bool
) -> None:
    calls: list[tuple[int, int]] = []
    codec.decode(large_file, progress=lambda *done: calls.append(done))
    total = calls[0][1]
    assert total > 1
    assert rises_to_the_end(calls)
    steps = {after[0] - before[0] for before, after in itertools.pairwise(calls)}
    if by_torch:  # tile by tile
        assert steps == {1}
    else:  # strips of 32 rows; the first ones end together, because later layers lag behind
        assert total == -(-large.shape[0] // 32)
        assert max(steps) <= total / 4
    with pytest.raises(DlfError, match="cancelled"):
        codec.decode(large_file, progress=lambda done, _total: done < 2)

    def fail(done: int, _total: int) -> None:
        if done >= 1:
            raise KeyError("from the callback")

    with pytest.raises(KeyError, match="from the callback"):
        codec.encode(large, RATE, progress=fail)


def test_many_tiles_can_be_cancelled_too(either_package: Path, large_file: bytes) -> None:
    codec = native.Codec(str(either_package), threads=3)
    with pytest.raises(DlfError, match="cancelled"):
        codec.decode(large_file, progress=lambda done, _total: done < 1)


def test_size_search_finds_the_best_rate(codec: native.Codec, small: Pixels) -> None:
    files = [codec.encode(small, rate) for rate in range(codec.rate_points)]
    for target in sorted({len(file) for file in files}):
        found = codec.encode_to_size(small, target)
        assert found in files
        assert len(found) == max(len(file) for file in files if len(file) <= target)
    with pytest.raises(ValueError, match=str(min(map(len, files)))):
        codec.encode_to_size(small, min(map(len, files)) - 1)


def test_limits(codec: native.Codec, small: Pixels, small_file: bytes, by_torch: bool) -> None:
    for limits in (
        dlf.Limits(max_pixels=137 * 201),
        dlf.Limits(max_side=200),
        dlf.Limits(max_memory=10000),
    ):
        with pytest.raises(LimitExceeded):
            codec.decode(small_file, limits=limits)
        with pytest.raises(LimitExceeded):
            codec.encode(small, RATE, limits=limits)
    # Whole windows count, of 64 pixels or 128.
    pixels = 256 * 192 if by_torch else 256 * 256
    codec.decode(small_file, limits=dlf.Limits(max_pixels=pixels, max_side=201))
    with pytest.raises(LimitExceeded):
        codec.decode(small_file, limits=dlf.Limits(max_pixels=pixels - 1))


def test_wrong_arguments(
    codec: native.Codec, small: Pixels, small_file: bytes, either_package: Path
) -> None:
    with pytest.raises(ValueError, match="rate"):
        codec.encode(small, codec.rate_points)
    with pytest.raises(TypeError, match="uint8"):
        codec.encode(small.astype(np.int16), RATE)  # type: ignore[arg-type]
    for shape in ((0, 5, 3), (5, 0), (4, 4, 5), (4, 4, 0), (4,)):
        with pytest.raises(ValueError, match=r"."):
            codec.encode(np.zeros(shape, np.uint8), RATE)
    with pytest.raises(ValueError, match="layers"):
        codec.decode(small_file, layers="some")  # type: ignore[arg-type]
    for device in ("cuda:9", "abacus"):
        with pytest.raises(ValueError, match="device"):
            native.Codec(str(either_package), device)
    with pytest.raises(ModelError):
        native.Codec("/does/not/exist.dlfm")


def test_file_of_another_model(
    codec: native.Codec, random_package: Path, small_file: bytes
) -> None:
    other = native.Codec(str(random_package))
    assert other.model_id != codec.model_id
    with pytest.raises(ModelError, match=f"needs model {codec.model_id} .*this is model"):
        other.decode(small_file)
