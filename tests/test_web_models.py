"""The folder of models for a web page, and the decoding half in every program that decodes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import scene
from dlf import models
from dlf.cli import main
from dlf.errors import ModelError
from integer_models import encoding_package

from conformance.layout import SHARED, VECTORS
from conformance.reference.package import load as reference_load


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "small.dlfm"
    path.write_bytes(encoding_package())
    return path


def halved(package: Path, folder: Path) -> tuple[Path, models.Model]:
    """The decoding half that `dlf models --web` writes, and its model."""
    assert main(["models", "--web", str(folder), str(package)]) == 0
    model = models.load(package)
    return folder / f"{model.id}.decoder.dlfm", model


def test_the_folder_has_both_files_and_an_index(package: Path, tmp_path: Path) -> None:
    half, model = halved(package, tmp_path / "models")
    assert sorted(path.name for path in half.parent.iterdir()) == sorted(
        [f"{model.id}.decoder.dlfm", f"{model.id}.dlfm", "index.json"]
    )
    assert json.loads((half.parent / "index.json").read_text()) == {
        "default": model.id,
        "models": [{"id": model.id, "name": model.name, "sha256": model.sha256}],
    }
    assert (half.parent / f"{model.id}.dlfm").read_bytes() == package.read_bytes()
    with zipfile.ZipFile(package) as archive:
        assert half.read_bytes() == archive.read("archive/extra/normative.bin")


def test_a_package_that_only_decodes_is_no_default(tmp_path: Path) -> None:
    _, model = halved(SHARED / "integer-12.dlfm", tmp_path)
    assert json.loads((tmp_path / "index.json").read_text())["default"] is None
    assert not (tmp_path / f"{model.id}.dlfm").exists()


def test_the_half_decodes_what_the_package_decodes(package: Path, tmp_path: Path) -> None:
    half, model = halved(package, tmp_path / "models")
    assert (models.load(half).id, models.load(half).sha256) == (model.id, model.sha256)
    data = dlf.encode(scene(40, 30, seed=1), model=package)
    expected = dlf.Codec(package).decode(data)
    assert np.array_equal(dlf.Codec(half).decode(data), expected)
    assert reference_load(half).sha256 == model.sha256


def test_the_half_made_again_is_the_same(package: Path, tmp_path: Path) -> None:
    half, _ = halved(package, tmp_path / "once")
    again, _ = halved(half, tmp_path / "twice")
    assert again.read_bytes() == half.read_bytes()


def test_the_half_encodes_nothing(package: Path, tmp_path: Path) -> None:
    half, _ = halved(package, tmp_path / "models")
    with pytest.raises(ModelError, match="encode"):
        dlf.encode(scene(40, 30, seed=1), model=half)


@pytest.mark.parametrize("change", ["cut", "longer", "flipped"])
def test_a_damaged_half_is_refused(package: Path, tmp_path: Path, change: str) -> None:
    half, model = halved(package, tmp_path / "models")
    data = half.read_bytes()
    at = len(data) // 2
    damaged = {
        "cut": data[:at],
        "longer": data + b"\0",
        "flipped": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
    }[change]
    half.write_bytes(damaged)
    try:
        assert models.load(half).id != model.id  # a valid half of another model
    except ModelError:
        pass


def test_torchscript_packages_are_refused(
    torch_package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "--web", str(tmp_path / "web"), str(torch_package)]) == 14
    assert "integer package" in capsys.readouterr().err
    assert not (tmp_path / "web").exists()


@pytest.mark.parametrize("words", [["--web", "folder"], ["small.dlfm"]])
def test_folder_and_models_go_together(words: list[str]) -> None:
    assert main(["models", *words]) == 2


def test_vectors_decode_with_halves(tmp_path: Path) -> None:
    half, _ = halved(SHARED / "integer-33.dlfm", tmp_path)
    test = json.loads((VECTORS / "integer-33-wishes" / "test.json").read_text())
    data = (VECTORS / "integer-33-wishes" / "input.dlf").read_bytes()
    assert test["model"] is None
    whole = dlf.Codec(SHARED / "integer-33.dlfm").decode(data)
    assert np.array_equal(dlf.Codec(half).decode(data), whole)
