"""Integer packages with torch: the same programs, the same pixels as far as sums fit into float32.

The random packages of the conformance suite use every instruction; none of their sums leaves 24
bits, so that torch must give the very pixels of the integer machine. For larger sums a package is
made whose weights are large, and the deviation is bounded.
"""

from __future__ import annotations

import sys
from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from c_library import CodecOptions, Error, Library, Status
from conftest import ROOT, run, scene
from dlf import torchscript
from dlf.cli import main
from integer_models import encoding_package
from PIL import Image

PACKAGES = ROOT / "conformance" / "packages"
VECTORS = sorted((ROOT / "conformance" / "vectors").glob("integer-*/input.dlf"))
WIDTH, HEIGHT = 117, 83


def package_of(vector: Path) -> Path:
    """The package of a vector, whose name begins with that of the package."""
    return PACKAGES / f"{'-'.join(vector.parent.name.split('-')[:2])}.dlfm"


@pytest.fixture(scope="module")
def codecs() -> Any:
    """Both codecs of a package, loaded once."""
    made: dict[Path, tuple[dlf.Codec, dlf.Codec]] = {}

    def both(package: Path) -> tuple[dlf.Codec, dlf.Codec]:
        if package not in made:
            exact = dlf.Codec(package, threads=1, backend="integer")
            made[package] = (exact, dlf.Codec(package, threads=1, backend="torch"))
        return made[package]

    return both


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that also encodes, and finds by itself what is important."""
    path = tmp_path_factory.mktemp("package") / "encoding.dlfm"
    path.write_bytes(encoding_package(importance=True))
    return path


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return scene(HEIGHT, WIDTH, seed=8)


@pytest.mark.parametrize("vector", VECTORS, ids=[path.parent.name for path in VECTORS])
def test_pixels_of_the_vectors(codecs: Any, vector: Path) -> None:
    exact, twin = codecs(package_of(vector))
    data = vector.read_bytes()
    cut = {"allow_truncated": vector.parent.name.endswith("-cut")}
    for options in ({}, {"noise": "faithful"}, {"layers": "semantic"}, {"downscale": 2}):
        wanted = exact.decode(data, **options, **cut)
        assert np.array_equal(twin.decode(data, **options, **cut), wanted), options


@pytest.mark.parametrize("downscale", [1, 2, 4, 8])
def test_regions_at_all_sizes(codecs: Any, downscale: int) -> None:
    vector = next(path for path in VECTORS if path.parent.name == "integer-33-wishes")
    exact, twin = codecs(package_of(vector))
    data = vector.read_bytes()
    for region in ((17, 9, 40, 23), (0, 31, 83, 2), (82, 60, 1, 1)):
        options: dict[str, Any] = {"region": region, "downscale": downscale}
        assert np.array_equal(twin.decode(data, **options), exact.decode(data, **options)), region


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_files_are_the_same(
    codecs: Any, encoding: Path, pictures: dict[str, Image.Image], mode: str
) -> None:
    exact, twin = codecs(encoding)
    for options in ({"quality": 0}, {"quality": 100}, {"max_bytes": 6000}, {"importance": "auto"}):
        file = exact.encode(pictures[mode], **options)
        assert twin.encode(pictures[mode], **options) == file, options
        assert np.array_equal(twin.decode(file), exact.decode(file)), options


@pytest.mark.parametrize("shape", [(40, 1500), (1500, 40), (1060, 1110)], ids=str)
def test_pictures_of_several_pieces(encoding: Path, shape: tuple[int, int]) -> None:
    """Pieces have 1,024 pixels; with more threads than one they are worked on at the same time."""
    image = scene(*shape, seed=4)
    exact = dlf.Codec(encoding, threads=2, backend="integer")
    twin = dlf.Codec(encoding, threads=2, backend="torch")
    file = exact.encode(image, 30)
    steps: list[tuple[int, int]] = []
    assert twin.encode(image, 30, progress=lambda *step: steps.append(step)) == file
    assert steps[0][0] == 0 and steps[-1][0] == steps[-1][1]
    assert np.array_equal(twin.decode(file), exact.decode(file))
    region = (shape[1] // 2, shape[0] // 2, 17, 9)
    assert np.array_equal(twin.decode(file, region=region), exact.decode(file, region=region))


def test_batches(codecs: Any, encoding: Path, picture: np.ndarray) -> None:
    exact, twin = codecs(encoding)
    batch = [picture, picture[:40], picture[..., 0]]
    files = exact.encode_batch(batch, 60)
    assert twin.encode_batch(batch, 60) == files
    for ours, theirs in zip(twin.decode_batch(files), exact.decode_batch(files), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_progress_function_ends_the_call(encoding: Path, picture: np.ndarray) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    codec = dlf.Codec(encoding, backend="torch")
    with pytest.raises(KeyboardInterrupt):
        codec.encode(picture, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        codec.decode(codec.encode(picture), progress=stop)


def test_memory_is_estimated_for_torch_too(encoding: Path) -> None:
    """In floats, for whole pieces: what suffices for the machine does not for torch."""
    image = scene(700, 700, seed=1)
    limits = dlf.Limits(max_memory=8 << 20)
    file = dlf.Codec(encoding, threads=1).encode(image, limits=limits)
    twin = dlf.Codec(encoding, threads=1, backend="torch")
    with pytest.raises(dlf.LimitExceeded, match="memory"):
        twin.encode(image, limits=limits)
    with pytest.raises(dlf.LimitExceeded, match="memory"):
        twin.decode(file, limits=limits)


def test_a_backend_that_does_not_fit_is_refused(
    encoding: Path, torch_package: Path, picture: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="backend must be 'auto', 'integer' or 'torch', not 'tpu'"):
        dlf.Codec(encoding, backend="tpu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='TorchScript, backend "integer" does not run them'):
        dlf.Codec(torch_package, backend="integer").encode(picture)
    with pytest.raises(ValueError, match='precision is "fp32"'):
        dlf.Codec(encoding, backend="torch", precision="bf16").encode(picture)
    twin = dlf.Codec(torch_package, threads=1, backend="torch")
    assert twin.encode(picture) == dlf.Codec(torch_package, threads=1).encode(picture)


def test_without_torch_the_machine_goes_on(
    encoding: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchscript, "_module", lambda: (_ for _ in ()).throw(ImportError))
    monkeypatch.setitem(sys.modules, "torch", None)  # type: ignore[arg-type]
    file = dlf.Codec(encoding).encode(picture)
    with pytest.raises(dlf.ModelError) as caught:
        dlf.Codec(encoding, backend="torch").decode(file)
    text = str(caught.value)
    assert text.startswith(f'backend "torch" of model package {str(encoding)!r} needs')
    assert f"pip install '{torchscript.TORCH}'" in text


def test_functions_take_a_backend(
    encoding: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    load = torchscript.backend
    monkeypatch.setattr(
        torchscript, "backend", lambda *words: calls.append(words[0]) or load(*words)
    )
    file = dlf.encode(picture, model=encoding, backend="integer")
    assert not calls
    assert dlf.encode(picture, model=encoding, backend="torch") == file
    assert calls == [str(encoding)]


def test_the_command_line(encoding: Path, picture: np.ndarray, tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    Image.fromarray(picture).save(source)
    options = ["--model", str(encoding), "--quiet"]
    for backend in ("integer", "torch"):
        file, out = tmp_path / f"{backend}.dlf", tmp_path / f"{backend}.png"
        words = [*options, "--backend", backend]
        assert main(["encode", str(source), str(file), *words]) == 0
        assert main(["decode", str(file), str(out), *words]) == 0
    assert (tmp_path / "torch.dlf").read_bytes() == (tmp_path / "integer.dlf").read_bytes()
    pixels = [np.asarray(Image.open(tmp_path / f"{b}.png")) for b in ("integer", "torch")]
    assert np.array_equal(*pixels)


def test_in_c(installed_library: Path, encoding: Path, picture: np.ndarray) -> None:
    library = Library(installed_library / "lib")
    found = []
    for backend in (1, 2):
        codec = library.open_codec(encoding, backend=backend)
        _, file, _ = library.encode(codec, picture.tobytes(), WIDTH, HEIGHT, 3, rate=5)
        status, _, samples, _ = library.decode(codec, file)
        assert status == Status.OK
        found.append((file, samples))
        library.codec_free(codec)
    assert found[0] == found[1]
    handle, error = c_void_p(), Error()
    options = CodecOptions(backend=3)
    status = library.codec_open(str(encoding).encode(), byref(options), byref(handle), byref(error))
    assert status == Status.INVALID_ARGUMENT and error.message == b"unknown backend"


def test_in_the_tools(tools: Path, encoding: Path, picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "in.ppm")
    files = []
    for backend in ("integer", "torch"):
        words = ["--model", encoding, "--backend", backend]
        run(tools / "dlfenc", tmp_path / "in.ppm", tmp_path / f"{backend}.dlf", *words)
        run(tools / "dlfdec", tmp_path / f"{backend}.dlf", tmp_path / f"{backend}.ppm", *words)
        files.append([(tmp_path / f"{backend}{end}").read_bytes() for end in (".dlf", ".ppm")])
    assert files[0] == files[1]
    said = run(tools / "dlfdec", "a.dlf", "a.ppm", "--backend", "tpu", status=2)
    assert "--backend must be auto, integer or torch, not 'tpu'" in said
