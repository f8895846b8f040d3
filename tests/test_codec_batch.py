"""Several pictures in one call: order, sizes, errors, and what may differ from single calls.

On a CPU the networks get one picture at a time. `pixels_per_call` makes them take several, as a
GPU does, through the same code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
import torch
from conftest import scene
from dlf import _core, native, torchscript
from dlf.errors import DlfError, InvalidFile, LimitExceeded, ModelError, TruncatedFile

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
RATE = 4
TOGETHER = 1 << 22
"""Pixels: all pictures of these tests."""


@pytest.fixture(scope="module")
def single(package: Path) -> native.Codec:
    return native.Codec(str(package))


@pytest.fixture(scope="module")
def together(package: Path) -> native.Codec:
    return native.Codec(str(package), threads=2, pixels_per_call=TOGETHER)


@pytest.fixture(scope="module")
def mixed() -> list[Pixels]:
    """Sizes that share a grid of windows, others, every mode, and a picture of several tiles."""
    pictures = [scene(100, 140, seed) for seed in range(3)]
    pictures += [scene(120, 130, 3), scene(40, 30, 4), scene(1500, 1600, 5), scene(100, 140, 6)]
    pictures.append(pictures[1][..., 0])
    alpha = np.arange(100 * 140, dtype=np.uint8).reshape(100, 140, 1)
    pictures.append(np.concatenate([pictures[2], alpha], axis=2))
    return pictures


def encode_all(codec: native.Codec, pictures: list[Pixels], **options: Any) -> list[bytes]:
    count = len(pictures)
    return codec.encode_batch(
        pictures,
        RATE,
        orientations=[1 + i % 8 for i in range(count)],
        color_spaces=["srgb"] * count,
        chunks=[[(16, bytes([i]))] for i in range(count)],
        importance=[None] * count,
        **options,
    )


def far(a: Pixels, b: Pixels) -> float:
    """The share of samples more than one level apart."""
    assert a.shape == b.shape
    return float((np.abs(a.astype(int) - b) > 1).mean())


@pytest.mark.parametrize("threads", [1, 3])
def test_on_a_cpu_a_batch_is_its_single_calls(
    package: Path, single: native.Codec, mixed: list[Pixels], threads: int
) -> None:
    codec = native.Codec(str(package), threads=threads)
    files = encode_all(codec, mixed)
    for index, (picture, file) in enumerate(zip(mixed, files, strict=True)):
        alone = single.encode(
            picture, RATE, orientation=1 + index % 8, chunks=[(16, bytes([index]))]
        )
        assert file == alone, index
    for index, (pixels, file) in enumerate(zip(codec.decode_batch(files), files, strict=True)):
        assert np.array_equal(pixels, single.decode(file)), index
        assert pixels.flags.writeable


def test_pictures_that_go_together(
    single: native.Codec, together: native.Codec, package: Path, mixed: list[Pixels]
) -> None:
    """The same symbols from the same file; pixels within the bound for float32 (§9.5)."""
    files = encode_all(together, mixed)
    loaded = _core.Package(str(package))
    for index, (file, pixels) in enumerate(zip(files, together.decode_batch(files), strict=True)):
        header = _core.probe(file)
        assert header["orientation"] == 1 + index % 8
        assert (header["height"], header["width"]) == mixed[index].shape[:2]
        # Another order of sums can move a value over a border of rounding, in a few places.
        ours = _core.decode_symbols(file, loaded)
        alone = _core.decode_symbols(single.encode(mixed[index], RATE), loaded)
        assert (ours["tokens"] != alone["tokens"]).mean() < 0.02
        assert (ours["symbols"] != alone["symbols"]).mean() < 0.02
        assert far(pixels, single.decode(file)) <= 1 / 5000
        if mixed[index].ndim == 3 and mixed[index].shape[2] == 4:
            assert np.array_equal(pixels[..., 3], mixed[index][..., 3])


def test_what_is_decoded_does_not_depend_on_the_neighbours(
    together: native.Codec, mixed: list[Pixels]
) -> None:
    files = encode_all(together, mixed[:4])
    whole = together.decode_batch(files)
    backwards = together.decode_batch(files[::-1])[::-1]
    for one, other in zip(whole, backwards, strict=True):
        assert far(one, other) <= 1 / 5000
    for rate in (0, 7):  # of another rate point, so not in the same call
        other_rate = together.encode(mixed[0], rate)
        first, second = together.decode_batch([other_rate, files[1]])
        assert far(first, together.decode(other_rate)) <= 1 / 5000
        assert far(second, whole[1]) <= 1 / 5000


@pytest.mark.parametrize("factor", [2, 4])
def test_reduced_sizes_and_layers(
    single: native.Codec, together: native.Codec, mixed: list[Pixels], factor: int
) -> None:
    files = encode_all(single, mixed[:5])
    options: dict[str, Any] = {"downscale": factor, "layers": "semantic"}
    for file, pixels in zip(files, together.decode_batch(files, **options), strict=True):
        assert far(pixels, single.decode(file, **options)) <= 1 / 1000


def test_little_memory_means_small_rounds(single: native.Codec, mixed: list[Pixels]) -> None:
    """As little as the largest picture needs alone."""
    files = encode_all(single, mixed)
    largest = max(mixed, key=lambda picture: picture.size)
    need = 1 << 22
    while not fits(single, largest, need):
        need += 1 << 22
    assert encode_all(single, mixed, limits=dlf.Limits(max_memory=need)) == files


def fits(codec: native.Codec, picture: Pixels, memory: int) -> bool:
    try:
        codec.encode(picture, RATE, limits=dlf.Limits(max_memory=memory))
    except LimitExceeded:
        return False
    return True


def test_progress_counts_tiles_of_all(single: native.Codec, mixed: list[Pixels]) -> None:
    calls: list[tuple[int, int]] = []
    files = encode_all(single, mixed, progress=lambda *done: calls.append(done))
    total = calls[0][1]
    assert total > len(mixed)
    assert calls == [(done, total) for done in range(total + 1)]
    with pytest.raises(DlfError, match="cancelled"):
        single.decode_batch(files, progress=lambda done, _total: done < 3)


def test_one_wrong_member_names_itself(
    package: Path, single: native.Codec, torch_package: Path, random_package: Path
) -> None:
    pictures = [scene(60, 50, seed) for seed in range(3)]
    files = encode_all(single, pictures)
    damaged = bytearray(files[2])
    damaged[len(damaged) // 2] ^= 0x55
    other = torch_package if package == random_package else random_package
    foreign = native.Codec(str(other)).encode(pictures[0], 0)
    for wrong, kind in (
        (b"GIF89a", InvalidFile),
        (bytes(damaged), InvalidFile),
        (files[2][:-3], TruncatedFile),
        (foreign, ModelError),
    ):
        with pytest.raises(kind, match=r"^file 2: "):
            single.decode_batch([*files[:2], wrong])
        with pytest.raises(kind) as alone:
            single.decode_batch([wrong])
        assert "file 0" not in str(alone.value)
    with pytest.raises(ValueError, match=r"^picture 1: .*0x7"):
        encode_all(single, [pictures[0], np.zeros((7, 0, 3), np.uint8)])
    with pytest.raises(LimitExceeded, match=r"^picture 2: "):
        encode_all(single, [*pictures[:2], scene(300, 20, 1)], limits=dlf.Limits(max_side=100))
    with pytest.raises(ValueError, match="every picture"):
        single.encode_batch(
            pictures, RATE, orientations=[1], color_spaces=["srgb"], chunks=[[]], importance=[None]
        )


def test_no_pictures(single: native.Codec) -> None:
    assert encode_all(single, []) == []
    assert single.decode_batch([]) == []


@pytest.mark.usefixtures("model_environment")
class TestPython:
    """`dlf.Codec`."""

    def test_files_and_pixels_are_those_of_single_calls(self, pictures: dict[str, Any]) -> None:
        codec = dlf.Codec(threads=2)
        images = [*pictures.values(), np.asarray(pictures["RGB"])]
        files = codec.encode_batch(iter(images), 80)
        assert files == [codec.encode(image, 80) for image in images]
        decoded = codec.decode_batch(iter(files))
        assert all(
            np.array_equal(one, codec.decode(file))
            for one, file in zip(decoded, files, strict=True)
        )
        assert codec.encode_batch(images, max_bytes=4000) == [
            codec.encode(image, max_bytes=4000) for image in images
        ]
        assert codec.encode_batch([]) == []
        assert codec.decode_batch([]) == []

    def test_errors_name_the_member(self, pictures: dict[str, Any]) -> None:
        codec = dlf.Codec()
        good = codec.encode(pictures["L"])
        with pytest.raises(InvalidFile, match=r"^file 1: "):
            codec.decode_batch([good, b"nothing", good])
        with pytest.raises(dlf.Unsupported, match=r"^picture 2: "):
            codec.encode_batch([pictures["L"], pictures["RGB"], np.zeros((2, 2, 7), np.uint8)])
        with pytest.raises(ValueError, match=r"^picture 0: .*bytes"):
            codec.encode_batch([pictures["L"], pictures["RGB"]], max_bytes=3)

    def test_files_of_several_models(
        self, random_package: Path, pictures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = dlf.Codec(random_package)
        image = pictures["RGB"]
        files = [dlf.encode(image), other.encode(image)]
        folder = random_package.parent
        path = dlf.models.find().path.parent
        monkeypatch.setenv("DLF_MODEL_PATH", f"{path}:{folder}")
        codec = dlf.Codec()
        first, second = codec.decode_batch(files)
        assert np.array_equal(first, codec.decode(files[0]))
        assert np.array_equal(second, other.decode(files[1]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_without_a_gpu_every_door_says_so(
    device: str, torch_package: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from dlf.cli.main import main

    text = f'device "{device}" is not available'
    for opening in (
        lambda: native.Codec(str(torch_package), device),
        lambda: torchscript.check_device(device),
        lambda: dlf.Codec(torch_package, device=device),
    ):
        with pytest.raises(ValueError, match=text):
            opening()
    (tmp_path / "in.ppm").write_bytes(b"P6 1 1 255 abc")
    for words in (["encode", str(tmp_path / "in.ppm"), str(tmp_path / "o.dlf")],):
        assert main([*words, "--model", str(torch_package), "--device", device]) == 2
        assert text in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="no CUDA device")
def test_a_device_beyond_the_last_is_named(torch_package: Path) -> None:
    beyond = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match=f'device "{beyond}" is not available: there are'):
        native.Codec(str(torch_package), beyond)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_decodes_the_same_picture(
    package: Path, single: native.Codec, mixed: list[Pixels], precision: Any
) -> None:
    codec = native.Codec(str(package), "cuda", 2, precision)
    files = encode_all(codec, mixed)
    bound = 1 if precision == "fp32" else 4
    for file, pixels in zip(files, codec.decode_batch(files), strict=True):
        error = np.abs(pixels.astype(int) - single.decode(file))
        assert (error > bound).mean() <= 1 / 5000
