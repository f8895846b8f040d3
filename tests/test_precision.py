"""bfloat16: the same symbols, pixels within the bound, and the host's settings left alone."""

from __future__ import annotations

from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
import torch
from c_library import CodecOptions, Error, Library, Status
from conftest import scene
from dlf import _core, native
from PIL import Image

RATES = (0, 4, 7)


@pytest.fixture(scope="module")
def codecs(package: Path) -> dict[str, native.Codec]:
    names: Any = ("fp32", "bf16")
    return {name: native.Codec(str(package), precision=name) for name in names}


def test_pixels_stay_within_the_bound(codecs: dict[str, native.Codec]) -> None:
    """§9.5: 4 of 255 levels on all but one sample of 5,000."""
    differs = False
    for seed, rate in enumerate(RATES):
        file = codecs["fp32"].encode(scene(130, 190, seed), rate)
        exact, reduced = (codecs[name].decode(file) for name in ("fp32", "bf16"))
        error = np.abs(exact.astype(int) - reduced)
        assert (error > 4).mean() <= 1 / 5000
        differs |= bool(error.any())
    assert differs, "it computes in float32"


def test_files_of_either_encoder_decode_to_the_same_symbols(
    codecs: dict[str, native.Codec], package: Path
) -> None:
    """What bf16 encodes is near to what fp32 does, and a file like any other."""
    loaded = _core.Package(str(package))
    picture = scene(130, 190, 3)
    files = {name: codec.encode(picture, 4) for name, codec in codecs.items()}
    for file in files.values():
        symbols = _core.decode_symbols(file, loaded)
        assert symbols["complete"]
        exact, reduced = (codec.decode(file) for codec in codecs.values())
        assert (np.abs(exact.astype(int) - reduced) > 4).mean() <= 1 / 5000
    near = abs(len(files["bf16"]) - len(files["fp32"]))
    assert near <= 0.05 * len(files["fp32"]) + 8


def test_all_ways_of_bf16_agree(codecs: dict[str, native.Codec], package: Path) -> None:
    pictures = [scene(100, 140, seed) for seed in range(2)]
    files = [codecs["bf16"].encode(picture, 4) for picture in pictures]
    target = len(files[0]) + 20
    assert len(codecs["bf16"].encode_to_size(pictures[0], target)) <= target
    batch = codecs["bf16"].decode_batch(files)
    assert all(
        np.array_equal(one, codecs["bf16"].decode(file))
        for one, file in zip(batch, files, strict=True)
    )
    threaded = native.Codec(str(package), "cpu", 3, "bf16")
    assert threaded.encode(pictures[1], 4) == files[1]
    assert np.array_equal(threaded.decode(files[1]), batch[1])


def test_settings_of_torch_change_nothing_and_stay(codecs: dict[str, native.Codec]) -> None:
    file = codecs["fp32"].encode(scene(100, 140, 1), 4)
    expected = {name: codec.decode(file) for name, codec in codecs.items()}

    def settings() -> tuple[Any, ...]:
        return (
            torch.is_autocast_enabled("cpu"),
            torch.is_autocast_enabled("cuda"),
            torch.get_autocast_dtype("cpu"),
            torch.get_autocast_dtype("cuda"),
            torch.is_autocast_cache_enabled(),
        )

    def check() -> None:
        before = settings()
        for name, codec in codecs.items():
            assert np.array_equal(codec.decode(file), expected[name]), name
        assert settings() == before

    check()
    for number_type in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=number_type):
            check()
    with torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False):
        check()


def test_in_python_and_on_the_command_line(
    torch_package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dlf.cli.main import main

    picture = scene(60, 80, 2)
    Image.fromarray(picture).save(tmp_path / "in.png")
    codec = dlf.Codec(torch_package, precision="bf16")
    options = ["--precision", "bf16", "--model", str(torch_package), "--quiet"]
    assert main(["encode", str(tmp_path / "in.png"), str(tmp_path / "x.dlf"), *options]) == 0
    file = (tmp_path / "x.dlf").read_bytes()
    assert file == codec.encode(picture)
    assert main(["decode", str(tmp_path / "x.dlf"), str(tmp_path / "out.png"), *options]) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), codec.decode(file))
    with pytest.raises(ValueError, match="precision must be 'fp32' or 'bf16', not 'fp16'"):
        dlf.Codec(torch_package, precision="fp16")  # type: ignore[arg-type]
    assert main(["decode", "a", "b", "--precision", "fp8"]) == 2
    assert "precision must be" in capsys.readouterr().err


def test_in_c(installed_library: Path, torch_package: Path) -> None:
    library = Library(installed_library / "lib")
    codec = library.open_codec(torch_package, precision=1)
    library.codec_free(codec)
    path = str(torch_package).encode()
    wrong: list[tuple[dict[str, Any], bytes]] = [({"precision": 2}, b"unknown precision")]
    if not torch.cuda.is_available():
        wrong += [
            ({"device": name}, b'device "%b" is not available' % name)
            for name in (b"cuda", b"cuda:7")
        ]
    for options, text in wrong:
        handle, error = c_void_p(), Error()
        status = library.codec_open(
            path, byref(CodecOptions(**options)), byref(handle), byref(error)
        )
        assert (status, handle.value) == (Status.INVALID_ARGUMENT, None)
        assert text in error.message
