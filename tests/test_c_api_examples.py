"""The header and the example programs, against the installed library and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import STRICT, run, scene


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, examples: Path, either_package: Path) -> Path:
    """photo.ppm, and photo.dlf made from it by the example."""
    folder = tmp_path_factory.mktemp("files")
    pixels = scene(90, 140, seed=8)
    (folder / "photo.ppm").write_bytes(b"P6\n140 90\n255\n" + pixels.tobytes())
    run(
        examples / "encode_ppm",
        *(either_package, folder / "photo.ppm", folder / "photo.dlf", "5000"),
    )
    return folder


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
def test_header_compiles_alone_as_c(
    compiler: str, installed_library: Path, tmp_path: Path, standard: str
) -> None:
    source = tmp_path / "alone.c"
    source.write_text("#include <dlf/dlf.h>\nint main(void) { return DLF_OK; }\n")
    run(
        *(compiler, f"-std={standard}", *STRICT, "-I", installed_library / "include"),
        *("-c", source, "-o", tmp_path / "alone.o"),
    )


def test_header_compiles_as_cpp(installed_library: Path, tmp_path: Path) -> None:
    source = tmp_path / "alone.cpp"
    source.write_text(
        "#include <dlf/dlf.h>\nint main() { dlf_info i; DLF_INIT(&i); return DLF_OK; }\n"
    )
    run(
        *("g++", "-std=c++17", *STRICT, "-I", installed_library / "include"),
        *("-c", source, "-o", tmp_path / "alone.o"),
    )


def test_only_the_header_is_installed(installed_library: Path) -> None:
    installed = [p.name for p in (installed_library / "include").rglob("*") if p.is_file()]
    assert installed == ["dlf.h"]


def test_probe(examples: Path, files: Path) -> None:
    size = (files / "photo.dlf").stat().st_size
    printed = run(examples / "probe", files / "photo.dlf")
    assert "140x90, 3 channels" in printed
    assert size <= 5000
    assert "invalid file" in run(examples / "probe", files / "photo.ppm", status=1)


def test_decode_gives_the_pixels_of_the_python_module(
    examples: Path, files: Path, either_package: Path
) -> None:
    from dlf import native

    out = files / "decoded.ppm"
    run(examples / "decode_ppm", either_package, files / "photo.dlf", out)
    codec = native.Codec(str(either_package), threads=2)
    expected = codec.decode((files / "photo.dlf").read_bytes())
    assert out.read_bytes() == b"P6\n140 90\n255\n" + expected.tobytes()


def test_symbols_are_those_of_the_python_module(
    examples: Path, files: Path, either_package: Path
) -> None:
    from dlf import _core

    printed = run(examples / "symbols", either_package, files / "photo.dlf").splitlines()
    package = _core.Package(str(either_package))
    symbols = _core.decode_symbols((files / "photo.dlf").read_bytes(), package)
    assert printed[-1] == f"final state {symbols['final_state']}"
    for line in printed[:-1]:
        name, _shape, checksum = line.split()
        array = symbols[name]  # type: ignore[literal-required]
        assert int(checksum, 16) == fnv1a(np.ascontiguousarray(array).tobytes()), name


def fnv1a(data: bytes) -> int:
    """The 64-bit FNV-1a hash."""
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


def test_encode_refuses_what_it_cannot_read(
    examples: Path, files: Path, either_package: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.dlf"
    cut = tmp_path / "cut.ppm"
    cut.write_bytes((files / "photo.ppm").read_bytes()[:-1])
    for source in (cut, files / "photo.dlf"):
        words = (examples / "encode_ppm", either_package, source, out, "5000")
        assert "not a binary PPM" in run(*words, status=1)
    words = (examples / "encode_ppm", either_package, files / "photo.ppm", out, "25")
    assert "cannot be coded in 25 bytes" in run(*words, status=6)
    assert not out.exists()


def test_examples_write_over_nothing_that_they_read(
    examples: Path, files: Path, either_package: Path, tmp_path: Path
) -> None:
    for name in ("photo.ppm", "photo.dlf"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
        (tmp_path / f"link-{name}").symlink_to(name)
    model = tmp_path / "model.dlfm"
    model.write_bytes(either_package.read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for program, source in (("encode_ppm", "photo.ppm"), ("decode_ppm", "photo.dlf")):
        for target in (source, f"link-{source}", "model.dlfm"):
            words = [model, tmp_path / source, tmp_path / target]
            words += ["5000"] * (program == "encode_ppm")
            printed = run(examples / program, *words, status=9)
            assert "would be written over by its own output" in printed
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_libdlf_needs_no_libtorch(installed_library: Path) -> None:
    printed = run("readelf", "-d", installed_library / "lib" / "libdlf.so")
    needed = [line for line in printed.splitlines() if "NEEDED" in line]
    assert needed
    assert not any(name in line for line in needed for name in ("torch", "c10"))
