"""Finding model packages: by name, path and id; missing, altered and foreign ones."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import dlf
import pytest
from dlf import _core, models
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the only place where packages are looked for."""
    monkeypatch.setenv(models.ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr(models, "_installed_directories", list)
    return tmp_path


def copy(package: Path, target: Path) -> Path:
    target.write_bytes(package.read_bytes())
    return target


def test_a_package_describes_itself(test_package: Path) -> None:
    model = models.load(test_package)
    package = _core.Package(str(test_package))
    description = json.loads(package.model_json)
    assert (model.id, model.sha256, model.rate_points, model.window) == (
        package.id,
        package.sha256,
        package.rate_points,
        package.window,
    )
    assert model.name == description["name"]
    assert model.licence == description["licence"]
    assert model.path == test_package


def test_by_path_by_file_name_and_by_its_own_name(folder: Path, test_package: Path) -> None:
    path = copy(test_package, folder / "mine.dlfm")
    own_name = models.load(path).name
    found = [models.find(name) for name in (path, str(path), "mine", own_name)]
    assert {model.path for model in found} == {path}
    assert models.find().path == path  # the only one
    assert models.find_id(found[0].id).path == path


def test_the_default_is_dlf_s(folder: Path, test_package: Path) -> None:
    copy(test_package, folder / "a.dlfm")
    default = copy(test_package, folder / "dlf-s.dlfm")
    assert models.find().path == default


def test_the_first_folder_wins(
    folder: Path, test_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        copy(test_package, folder / name / "same.dlfm")
    path = os.pathsep.join([str(folder / "missing"), "", str(folder / "two"), str(folder / "one")])
    monkeypatch.setenv(models.ENVIRONMENT_VARIABLE, path)
    assert models.find("same").path == folder / "two" / "same.dlfm"
    assert [model.path for model in models.installed()[0]] == [folder / "two" / "same.dlfm"]


def test_what_is_missing_is_named_with_what_there_is(folder: Path, test_package: Path) -> None:
    with pytest.raises(dlf.ModelError, match="default model 'dlf-s' is missing; installed: none"):
        models.find()
    path = copy(test_package, folder / "mine.dlfm")
    listing = rf"installed: {models.load(path).name} \(id \d+\)"
    with pytest.raises(dlf.ModelError, match=f"unknown model 'yours'; {listing}"):
        models.find("yours")
    with pytest.raises(dlf.ModelError, match=f"unknown model id 77; {listing}"):
        models.find_id(77)
    with pytest.raises(dlf.ModelError, match=rf"the model 'dlf-s-1' \(id 1\) is not .*; {listing}"):
        models.find_id(1)
    with pytest.raises(dlf.ModelError, match=r"gone\.dlfm.*No such file"):
        models.find(folder / "gone.dlfm")


def altered_packages(package: Path, folder: Path) -> dict[str, Path]:
    """Damaged, re-packed and foreign files under the names of what is wrong with them."""
    content = package.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    files = {
        "flipped": bytes(flipped),
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"not a package",
    }
    paths = {}
    for name, data in files.items():
        paths[name] = folder / f"{name}.dlfm"
        paths[name].write_bytes(data)
    paths["repacked"] = folder / "repacked.dlfm"
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(paths["repacked"], "w") as target:
        for member in source.infolist():
            data = source.read(member)
            target.writestr(
                member, data + b"#" if member.filename.endswith("encoder.bin") else data
            )
    paths["other zip"] = folder / "other.dlfm"
    with zipfile.ZipFile(paths["other zip"], "w") as target:
        target.writestr("hello.txt", "hello")
    return paths


def test_altered_packages_are_refused_and_do_not_hide_good_ones(
    folder: Path, test_package: Path
) -> None:
    for name, path in altered_packages(test_package, folder).items():
        with pytest.raises(dlf.ModelError):
            models.load(path)
        with pytest.raises(dlf.ModelError):
            dlf.encode(Image.new("L", (8, 8)), model=path)
        assert path.exists(), name
    good = copy(test_package, folder / "z.dlfm")
    model = models.load(good)
    assert models.find_id(model.id).path == good
    found, problems = models.installed()
    assert [model.path for model in found] == [good]
    assert len(problems) == 6
    with pytest.raises(dlf.ModelError, match="damaged: "):
        models.find_id(77)


def test_a_changed_file_is_checked_again(folder: Path, test_package: Path) -> None:
    path = copy(test_package, folder / "mine.dlfm")
    models.load(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(dlf.ModelError):
        models.load(path)


def test_a_codec_of_another_model_refuses_the_file(
    photo_dlf: bytes, test_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = dlf.Codec(test_package)
    real = models.load(test_package)
    other = models.Model(**{**vars(real), "id": real.id ^ 1})
    monkeypatch.setattr(codec, "_only", other)
    with pytest.raises(dlf.ModelError, match=f"needs model id {real.id}; this codec holds"):
        codec.decode(photo_dlf)
