"""Times of a 768x512 picture, warm, beside a peer: `make bench` measures, `make test` only runs.

The budgets: decoding and encoding at most half the time of CompressAI's `bmshj2018_hyperprior` in
the same run, the entropy stage at most 60 ms in either direction. Nothing here fails because a
machine is slow; the table is in the README.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import scene
from dlf import _core, models, native
from dlf.errors import ModelError
from integer_models import encoding_package

HEIGHT, WIDTH = 512, 768
Benchmark = Callable[..., Any]


@pytest.fixture(scope="module")
def package(shipped_test_package: Path) -> Path:
    """The default model where it is installed, else the test model."""
    try:
        return models.find().path
    except ModelError:
        return shipped_test_package


@pytest.fixture(scope="module")
def codec(package: Path) -> native.Codec:
    """With one thread: a picture of one tile gains nothing from more."""
    return native.Codec(str(package))


@pytest.fixture(scope="module")
def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return scene(HEIGHT, WIDTH, seed=9)


@pytest.fixture(scope="module")
def rate(package: Path) -> int:
    return _core.Package(str(package)).rate_points // 2


def test_encode(benchmark: Benchmark, codec: native.Codec, picture: Any, rate: int) -> None:
    file = benchmark(codec.encode, picture, rate)
    assert _core.probe(file)["width"] == WIDTH


def test_encode_auto(benchmark: Benchmark, codec: native.Codec, picture: Any, rate: int) -> None:
    """Beside `test_encode`: what finding out where people look adds."""
    try:
        codec.encode(picture, rate, importance="auto")
    except ValueError as error:
        pytest.skip(f"the model finds no importance: {error}")
    file = benchmark(codec.encode, picture, rate, importance="auto")
    assert _core.probe(file)["width"] == WIDTH


def test_decode(benchmark: Benchmark, codec: native.Codec, picture: Any, rate: int) -> None:
    file = codec.encode(picture, rate)
    assert benchmark(codec.decode, file).shape == picture.shape


def test_second_size(benchmark: Benchmark, codec: native.Codec, picture: Any, rate: int) -> None:
    """Another size each time: nothing is compiled for a size."""
    files = iter([codec.encode(picture[:, : WIDTH - i], rate) for i in range(8)] * 1000)
    assert (
        benchmark.pedantic(  # type: ignore[attr-defined]
            lambda: codec.decode(next(files)), rounds=8, iterations=1
        ).shape[0]
        == HEIGHT
    )


def test_encode_to_size(benchmark: Benchmark, codec: native.Codec, picture: Any, rate: int) -> None:
    target = len(codec.encode(picture, rate))
    assert len(benchmark(codec.encode_to_size, picture, target)) <= target


def test_entropy_decode(
    benchmark: Benchmark, codec: native.Codec, package: Path, picture: Any, rate: int
) -> None:
    loaded = _core.Package(str(package))
    symbols = benchmark(_core.decode_symbols, codec.encode(picture, rate), loaded)
    assert symbols["complete"]


def test_entropy_encode(
    benchmark: Benchmark, codec: native.Codec, package: Path, picture: Any, rate: int
) -> None:
    loaded = _core.Package(str(package))
    file = codec.encode(picture, rate)
    symbols = _core.decode_symbols(file, loaded)
    latents = symbols["latent"] / np.float32(1 << 16)
    options = {"width": WIDTH, "height": HEIGHT, "rate": rate}
    made = benchmark(
        _core.encode_symbols, symbols["tokens"], latents.astype(np.float32), loaded, **options
    )
    assert _core.probe(made)["height"] == HEIGHT


def test_load_package(benchmark: Benchmark, package: Path) -> None:
    assert benchmark(_core.Package, str(package)).rate_points > 0


def test_load_codec(benchmark: Benchmark, package: Path) -> None:
    assert benchmark(native.Codec, str(package)).rate_points > 0


@pytest.fixture(scope="module")
def integer_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model where its networks are integer programs, else a small random one."""
    try:
        native.Codec(str(package), backend="integer")
    except ValueError:
        made = tmp_path_factory.mktemp("package") / "random.dlfm"
        made.write_bytes(encoding_package())
        return made
    return package


@pytest.mark.parametrize("backend", ["integer", "torch"])
def test_backend_encode(
    benchmark: Benchmark, integer_package: Path, picture: Any, backend: Any
) -> None:
    codec = native.Codec(str(integer_package), backend=backend)
    file = benchmark(codec.encode, picture, codec.rate_points // 2)
    assert _core.probe(file)["width"] == WIDTH


@pytest.mark.parametrize("backend", ["integer", "torch"])
def test_backend_decode(
    benchmark: Benchmark, integer_package: Path, picture: Any, backend: Any
) -> None:
    codec = native.Codec(str(integer_package), backend=backend)
    file = codec.encode(picture, codec.rate_points // 2)
    assert benchmark(codec.decode, file).shape == picture.shape


@pytest.fixture(scope="module")
def peer() -> Any:
    """CompressAI's bmshj2018_hyperprior with random weights, which take as long as trained ones."""
    zoo = pytest.importorskip("compressai.zoo", reason="CompressAI is not installed")
    network = zoo.bmshj2018_hyperprior(quality=1, pretrained=False).eval()
    network.update(force=True)
    return network


def peer_input(picture: Any) -> Any:
    import torch

    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def test_peer_encode(benchmark: Benchmark, peer: Any, picture: Any) -> None:
    import torch

    with torch.inference_mode():
        assert benchmark(peer.compress, peer_input(picture))["strings"]


def test_peer_decode(benchmark: Benchmark, peer: Any, picture: Any) -> None:
    import torch

    with torch.inference_mode():
        coded = peer.compress(peer_input(picture))
        decoded = benchmark(peer.decompress, coded["strings"], coded["shape"])
    assert decoded["x_hat"].shape[-1] == WIDTH
