"""Packages as files: damaged ones beside intact ones, pipes and devices, names, replacements."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from conftest import ROOT
from dlf import _core, models, native, package_files, symbols
from dlf.specification import MODEL_JSON_MEMBER

from conformance.making.integer_parts import integer_parts
from conformance.making.packages import package

pytestmark = pytest.mark.usefixtures("model_environment")

OTHER_PACKAGE = ROOT / "conformance" / "vectors" / "package-8" / "model.dlfm"
PIXELS = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two empty folders, the only places where packages are looked for, in this order."""
    places = tmp_path / "one", tmp_path / "two"
    for place in places:
        place.mkdir()
    monkeypatch.setenv(models.ENVIRONMENT_VARIABLE, os.pathsep.join(map(str, places)))
    monkeypatch.setattr(models, "_installed_directories", list)
    return places


def damaged_copy(package: Path, target: Path) -> Path:
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("name", ["mine", "dlf-s"])
def test_a_damaged_package_does_not_hide_an_intact_one_of_its_name(
    folders: tuple[Path, Path], test_package: Path, name: str
) -> None:
    damaged = damaged_copy(test_package, folders[0] / f"{name}.dlfm")
    with pytest.raises(dlf.ModelError, match="altered") as caught:
        models.find(name)
    assert str(damaged) in str(caught.value)
    intact = Path(shutil.copy(test_package, folders[1] / f"{name}.dlfm"))
    found = models.find(name)
    assert found.path == intact
    assert models.find_id(found.id).path == intact
    if name == models.DEFAULT_MODEL:
        assert models.find().path == intact


def test_packages_of_one_name_and_different_ids_are_both_found(
    folders: tuple[Path, Path], test_package: Path
) -> None:
    paths = [folders[0] / "same.dlfm", folders[1] / "same.dlfm"]
    shutil.copy(test_package, paths[0])
    shutil.copy(OTHER_PACKAGE, paths[1])
    for path in paths:
        assert models.find_id(models.load(path).id).path == path
    assert [model.path for model in models.installed()[0]] == paths


def test_what_is_wrong_with_a_package_is_remembered_until_it_changes(
    folders: tuple[Path, Path], test_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = damaged_copy(test_package, folders[0] / "mine.dlfm")
    opened: list[bytes] = []

    def counting(name: bytes) -> _core.Package:
        opened.append(name)
        return _core.Package(name)

    monkeypatch.setattr(package_files, "_core", with_package(counting))
    for _ in range(3):
        with pytest.raises(dlf.ModelError, match="altered"):
            models.find("mine")
        with pytest.raises(dlf.ModelError, match="damaged: "):
            models.find_id(77)
    assert len(opened) == 1
    shutil.copy(test_package, path)
    assert models.find("mine").path == path


def with_package(package: Any) -> Any:
    """The module `_core` with another class Package."""

    class Module:
        Package = staticmethod(package)

        def __getattr__(self, name: str) -> Any:
            return getattr(_core, name)

    return Module()


def test_pipes_devices_and_folders_are_passed_over(
    folders: tuple[Path, Path], test_package: Path
) -> None:
    os.mkfifo(folders[0] / "a-pipe.dlfm")
    (folders[0] / "b-device.dlfm").symlink_to("/dev/zero")
    (folders[0] / "c-folder.dlfm").mkdir()
    (folders[0] / "d-nothing.dlfm").symlink_to("nowhere")
    intact = shutil.copy(test_package, folders[1] / "z.dlfm")
    script = """
        import sys, dlf
        from dlf import models
        models._installed_directories = list
        found, problems = models.installed()
        print([str(model.path) for model in found], problems)
        for path in sys.argv[1:]:
            try:
                models.load(path)
            except dlf.ModelError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *sorted(folders[0].iterdir())],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,  # a pipe that is opened would be waited for without end
    )
    first, *refused = done.stdout.splitlines()
    assert first == f"{[str(intact)]} []"
    assert [line.rpartition(": ")[2] for line in refused] == [
        "not a regular file",
        "not a regular file",
        "not a regular file",
        "No such file or directory",
    ]


def test_a_package_that_is_replaced_while_it_is_examined_is_examined_again(
    folders: tuple[Path, Path], test_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(test_package, folders[0] / "mine.dlfm"))
    replaced: list[bytes] = []

    def replacing(name: bytes) -> _core.Package:
        package = _core.Package(name)
        if not replaced:
            replaced.append(name)
            new = path.with_suffix(".new")
            shutil.copy(OTHER_PACKAGE, new)
            new.replace(path)
        return package

    monkeypatch.setattr(package_files, "_core", with_package(replacing))
    assert models.load(path).sha256 == _core.Package(str(OTHER_PACKAGE)).sha256


def test_a_codec_notices_that_its_package_was_replaced(
    folders: tuple[Path, Path], test_package: Path, random_package: Path
) -> None:
    path = Path(shutil.copy(test_package, folders[0] / "mine.dlfm"))
    codec = dlf.Codec(path)
    shutil.copy(random_package, path)
    with pytest.raises(dlf.ModelError, match=r"mine\.dlfm' was replaced"):
        codec.encode(PIXELS)
    assert dlf.decode(dlf.encode(PIXELS, model=path)).shape == PIXELS.shape


def test_a_package_that_was_examined_is_not_read_again(
    folders: tuple[Path, Path], test_package: Path
) -> None:
    path = Path(shutil.copy(test_package, folders[0] / "mine.dlfm"))
    model = models.load(path)
    examined = package_files.content(model)
    assert package_files.content(model) is examined
    codec = native.Codec("nowhere.dlfm", package=examined)
    assert codec.sha256 == model.sha256
    os.utime(path, ns=(1, 1))
    assert package_files.content(model) is not examined
    path.unlink()
    with pytest.raises(dlf.ModelError, match=r"mine\.dlfm"):
        package_files.content(model)


def test_members_are_hashed_in_a_bounded_buffer(tmp_path: Path) -> None:
    """A member of 400 MB, deflated to 400 kB, makes no process large."""
    path = tmp_path / "large.dlfm"
    with (
        zipfile.ZipFile(OTHER_PACKAGE) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            target.writestr(member, source.read(member))
        root = source.namelist()[0].partition("/")[0]
        with target.open(f"{root}/large", "w", force_zip64=True) as large:
            for _ in range(400):
                large.write(bytes(1_000_000))
    script = """
        import pathlib, re, sys
        from dlf import _core
        try:
            _core.Package(sys.argv[1])
        except OSError as error:
            print(error)
        # Not getrusage, which counts the process that this one was forked from.
        print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    told, peak = done.stdout.splitlines()
    assert "do not match its digest" in told
    assert int(peak) < 200_000  # kB


NAMES = [b"caf\xe9.dlfm", "две\nстроки.dlfm".encode(), b"\x1b[31mred.dlfm"]


@pytest.mark.parametrize("name", NAMES)
def test_packages_of_any_name_work_and_errors_are_one_line(
    folders: tuple[Path, Path], test_package: Path, name: bytes
) -> None:
    path = Path(os.fsdecode(os.fsencode(folders[0]) + b"/" + name))
    path.write_bytes(test_package.read_bytes())
    found = models.load(path)
    assert models.find_id(found.id).path == path
    data = dlf.encode(PIXELS, model=path)
    assert dlf.decode(data).shape == PIXELS.shape

    damaged_copy(test_package, path)
    refused = [lambda: models.load(path), lambda: models.find_id(77), lambda: dlf.decode(data)]
    for call in refused:
        with pytest.raises(dlf.ModelError) as caught:
            call()
        told = str(caught.value)
        assert told.isprintable()
        told.encode()  # no surrogates
        assert ".dlfm" in told


def test_names_inside_a_package_do_not_break_the_line(folders: tuple[Path, Path]) -> None:
    path = folders[0] / "mine.dlfm"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        for _ in range(2):
            archive.writestr("root/two\nlines\x1b", b"")
    with pytest.raises(dlf.ModelError, match=r"mine\.dlfm: .*two lines\\x1b appears twice"):
        models.load(path)


def test_a_model_that_calls_itself_strange_does_not_break_the_line(
    folders: tuple[Path, Path],
) -> None:
    parts = integer_parts(36)
    description = json.dumps({"name": "two\nlines\x1b[31m"}).encode()
    parts = dataclasses.replace(parts, members={**parts.members, MODEL_JSON_MEMBER: description})
    path = folders[0] / "mine.dlfm"
    path.write_bytes(package(parts.normative(), parts.members))
    assert models.load(path).name == r"two\nlines\x1b[31m"
    with pytest.raises(dlf.ModelError, match=r"unknown model 'missing'.*two\\nlines") as caught:
        models.find("missing")
    assert str(caught.value).isprintable()


def test_a_broken_container_is_told_before_a_missing_or_wrong_model(
    folders: tuple[Path, Path], test_package: Path
) -> None:
    """§4.4, through every function that needs a model."""
    path = Path(shutil.copy(test_package, folders[0] / "mine.dlfm"))
    data = dlf.encode(PIXELS, model=path)
    path.unlink()
    other = Path(shutil.copy(OTHER_PACKAGE, folders[0] / "other.dlfm"))
    broken = {dlf.TruncatedFile: data[:-3], dlf.InvalidFile: data + b"\x00", dlf.ModelError: data}
    for status, file in broken.items():
        with pytest.raises(status):
            dlf.decode(file)
        with pytest.raises(status):
            dlf.Codec(other).decode(file)
        for call in (symbols.decode_symbols, symbols.code_lengths, symbols.verify):
            with pytest.raises(status):
                call(file)
            with pytest.raises(status):
                call(file, other)
    with pytest.raises(dlf.ModelError):
        dlf.decode(data[:-3], allow_truncated=True)
