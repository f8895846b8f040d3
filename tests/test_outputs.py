"""What commands may write over: never an input, nor by mistake a picture in another format."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import dlf
import numpy as np
import pytest
from command_line import run
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

Contents = dict[str, bytes]


@pytest.fixture
def folder(working_folder: Path, pictures: dict[str, Image.Image]) -> Path:
    """The working folder, with two PNGs, two .dlf files and other names of the first of each."""
    pictures["RGB"].rotate(90).save("b.png")
    shutil.copy("a.dlf", "b.dlf")
    for kind in ("png", "dlf"):
        Path(f"link-to-{kind}").symlink_to(f"a.{kind}")
        os.link(f"a.{kind}", f"hard-{kind}")
    shutil.copy("b.png", "picture")
    Path("list.txt").write_text("a.png\n")
    return working_folder


def contents(folder: Path) -> Contents:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("encode a.png b.png -q 20", "b.png: .png stands for another format (PNG)"),
        ("encode a.png -o b.png", "b.png: .png stands for another format"),
        ("encode a.png a.png", "a.png would be written over by its own output"),
        ("encode a.png ./a.png --force", "a.png would be written over by its own output"),
        ("encode a.png link-to-png --force", "written over by its own output"),
        ("encode a.png hard-png --force", "written over by its own output"),
        ("encode link-to-png a.png --force", "written over by its own output"),
        ("encode a.png b.png -o {parent}/link-to-{ext} --force", "would both become"),
        ("encode a.png picture", "picture: holds a picture (PNG)"),
        ("encode a.png photo.jxl", "stands for another format (JPEG XL)"),
        ("encode a.png photo.CR2", "stands for another format (camera raw)"),
        ("encode a.png model.dlfm", "stands for another format (model package)"),
        ("encode a.dlf b.dlf", "a.dlf is a .dlf file already"),
        ("decode a.dlf a.dlf --format png --force", "written over by its own output"),
        ("decode a.dlf hard-dlf --format png --force", "written over by its own output"),
        ("decode a.dlf b.dlf", "no format with the extension '.dlf'"),
        ("decode a.dlf b.dlf --format png", ".dlf stands for another format (DLF)"),
        ("decode a.dlf picture --format jpg", "picture: holds a picture (PNG)"),
        ("decode a.dlf a.png --format jpg", ".png stands for another format (PNG)"),
        ("symbols a.dlf a.dlf --force", "written over by its own output"),
        ("symbols a.dlf b.dlf", ".dlf stands for another format"),
        ("symbols a.dlf picture", "picture: holds a picture"),
        ("compare a.png -o a.png --force", "written over by its own output"),
        ("compare a.png -o b.png --lpips b.png --force", "written over by its own output"),
        ("compare a.png -o b.png", ".png stands for another format"),
        ("compare a.png -o picture", "picture: holds a picture"),
        ("eval a.png --no-dlf --against webp:10 --json a.png --force", "written over"),
        ("eval a.png --no-dlf --against webp:10 --json hard-png --force", "written over"),
        (
            "eval a.png --no-dlf --against webp:10 --lpips b.png --json b.png --force",
            "written over",
        ),
        ("eval a.png --no-dlf --against webp:10 --card a.png --force", "a.png: no text"),
        ("eval a.png --no-dlf --against webp:10 --json b.png", ".png stands for another format"),
        ("export a.png a.png --data . --force", "written over by its own output"),
        ("export a.png b.png --data list.txt", ".png stands for another format"),
        ("export x.ckpt a.png --data . --force", "written over"),
        ("export x.ckpt a.png --data list.txt --force", "written over"),
        ("export x.ckpt a.png --data list.txt --measure . --force", "written over"),
        ("export x.ckpt b.dlf --data list.txt --importance-head b.dlf --force", "written over"),
        ("export x.ckpt a.png --data b.png", "b.png: no folder, tar shard or list of paths"),
        ("import-official a.png link-to-png --force", "written over by its own output"),
        ("import-official x.ckpt b.png --calibration a.png", ".png stands for another format"),
        ("import-official x.ckpt a.png --calibration a.png --force", "written over"),
        ("import-official x.ckpt a.png --config a.png --force", "written over"),
    ],
)
def test_inputs_and_pictures_are_not_written_over(
    words: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    assert run(*words.split()) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert contents(folder) == before


def test_two_outputs_are_not_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a.dlf").write_bytes(b"")
    os.link(folder / "out" / "a.dlf", folder / "out" / "b.dlf")
    assert run("encode", "a.png", "b.png", "out/") == 2
    assert "are one file for two outputs" in capsys.readouterr().err


def test_the_model_is_an_input_too(
    test_package: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = folder / "own.dlfm"
    shutil.copy(test_package, package)
    before = package.read_bytes()
    for words in (["encode", "a.png"], ["symbols", "a.dlf"]):
        assert run(*words, package, "--model", package, "--force") == 2
        assert "own.dlfm would be written over" in capsys.readouterr().err
    for words in (
        ["decode", "a.dlf", package, "--format", "png"],
        ["compare", "a.png", "-o", package],
        ["eval", "a.png", "--json", package],
    ):
        assert run(*words, "--model", package, "--force") == 2
        assert "own.dlfm would be written over" in capsys.readouterr().err
    os.link(package, folder / "b.dlf.dlf")
    words = ["batch", "b.dlf", folder, "--keep-extension", "--model", package, "--force"]
    assert run(*words, "--workers", "0") == 2
    assert "own.dlfm: the output of" in capsys.readouterr().err
    assert package.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        "encode a.png mask.dlf --importance mask.dlf",
        "encode a.png link.dlf --importance mask.dlf",
        "compare a.png -o mask.dlf --importance mask.dlf --against webp --force",
        "batch mask.png {folder} --importance mask.dlf --workers 0",
    ],
)
def test_the_mask_is_an_input_too(
    words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (83, 61), 200).save("mask.png")
    (folder / "mask.dlf").write_bytes(dlf.encode(Image.open("mask.png")))
    (folder / "link.dlf").symlink_to("mask.dlf")
    before = contents(folder)
    assert run(*words.format(folder=folder).split()) == 2
    assert re.search(r"mask.*written over|mask.*replace the input", capsys.readouterr().err)
    assert contents(folder) == before


def test_force_writes_what_is_asked(folder: Path, photo_dlf: bytes) -> None:
    assert run("encode", "a.png", "b.png", "--force", "--quiet") == 0
    assert (folder / "b.png").read_bytes() == dlf.encode(Image.open(folder / "a.png"))
    assert run("decode", "a.dlf", "picture", "--format", "jpg", "--force", "--quiet") == 0
    with Image.open(folder / "picture") as image:
        assert image.format == "JPEG"
    assert run("encode", "a.dlf", "b.dlf", "--force", "--quiet") == 0
    assert (folder / "b.dlf").read_bytes() != photo_dlf


def test_files_of_the_same_kind_are_replaced(folder: Path) -> None:
    (folder / "text.dlf").write_bytes(b"old")
    for target in ("a.dlf", "text.dlf"):
        assert run("encode", "a.png", target, "--quiet") == 0
        assert (folder / target).read_bytes() == dlf.encode(Image.open(folder / "a.png"))
    assert run("decode", "a.dlf", "picture", "--format", "png", "--quiet") == 0
    assert np.array_equal(Image.open(folder / "picture"), dlf.decode(Path("a.dlf").read_bytes()))


@pytest.mark.parametrize(
    "words",
    [
        "encode a.png a.dlf",
        "decode a.dlf b.png",
        "symbols a.dlf s.npz",
        "compare a.png -o a.html",
        "eval a.png --no-dlf --against webp:10 --json r.json",
        "export c.ckpt m.dlfm --data .",
        "import-official c.ckpt m.dlfm",
    ],
)
def test_no_clobber_keeps_what_exists(
    words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("s.npz", "a.html", "r.json", "m.dlfm", "c.ckpt"):
        (folder / name).write_bytes(b"kept")
    before = contents(folder)
    assert run(*words.split(), "--no-clobber") == 1
    assert "exists, and nothing is to be replaced" in capsys.readouterr().err
    assert contents(folder) == before
    assert run(*words.split(), "--no-clobber", "--force") == 2


def test_no_clobber_does_what_is_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "a.dlf").write_bytes(b"kept")
    assert run("encode", "a.png", "b.png", "out/", "--no-clobber", "--quiet") == 1
    assert "a.dlf: exists" in capsys.readouterr().err
    assert (folder / "out" / "a.dlf").read_bytes() == b"kept"
    assert (folder / "out" / "b.dlf").stat().st_size > 4
    (folder / "nowhere.dlf").symlink_to("missing")
    assert run("encode", "a.png", "nowhere.dlf", "--no-clobber") == 1
    assert run("encode", "a.png", "/dev/null", "--no-clobber", "--quiet") == 0


def test_what_cannot_be_written_is_found_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("dlf.codec.Codec.encode", work)
    long = f"{'n' * 300}.dlf"
    for target, status in (("missing/a.dlf", 1), ("a.png/a.dlf", 1), (long, 1)):
        assert run("encode", "a.png", target) == status
        assert capsys.readouterr().err.startswith(f"dlf: {target}: ")


def test_a_page_that_nobody_has_named_replaces_its_like_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = folder / "a.html"
    gallery.write_text("<title>My pictures</title>")
    words = ["compare", "a.png", "--against", "webp", "--quiet"]
    assert run(*words) == 2
    assert "a.html: exists, and is no page of this command" in capsys.readouterr().err
    assert gallery.read_text() == "<title>My pictures</title>"
    for more in (["-o", "a.html"], []):
        assert run(*words, *more) == 0
        assert b"dlf compare" in gallery.read_bytes()


# --- eval's other outputs


def test_plots_and_saved_files_are_not_inputs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--no-dlf", "--against", "webp:10", "--force"]
    for name, option in (
        ("plots/sheet_0.030.jpg", ["--plots", "plots"]),
        ("plots/sheet_0.030_2.jpg", ["--plots", "plots"]),
        ("plots/rd_psnr.png", ["--plots", "plots"]),
        ("save/webp_q10/x.png.png", ["--save", "save"]),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "a.png", path)
        source = folder / "x.png.png" if "save" in name else path
        if source != path:
            source.symlink_to(path)
        before = path.read_bytes()
        assert run("eval", source, *common, *option) == 2, name
        assert "would be written over" in capsys.readouterr().err
        assert path.read_bytes() == before


# --- batch


def test_batch_writes_over_no_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    shutil.copy(folder / "a.png", folder / "in" / "a.png")
    link = folder / "out" / "a.dlf"
    for make in (lambda: link.symlink_to("../in/a.png"), lambda: os.link("in/a.png", link)):
        make()
        before = (folder / "in" / "a.png").read_bytes()
        assert run("batch", "in", "out", "--workers", "0", "--force") == 2
        assert "would replace the input" in capsys.readouterr().err
        assert (folder / "in" / "a.png").read_bytes() == before
        link.unlink()


def test_batch_refuses_by_name_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "out").mkdir()
    shutil.copy(folder / "b.png", folder / "out" / "a.dlf")  # a picture under a wrong name
    kept = (folder / "out" / "a.dlf").read_bytes()
    words = ["batch", "a.png", "b.png", "out", "--workers", "0", "--json"]
    assert run(*words) == 3
    assert json.loads(capsys.readouterr().out)["done"] == 1
    assert (folder / "out" / "a.dlf").read_bytes() == kept
    assert run(*words, "--force") == 0
    assert (folder / "out" / "a.dlf").read_bytes() != kept
    (folder / "out" / "dlf-batch.jsonl").unlink()
    again = (folder / "out" / "a.dlf").stat().st_mtime_ns
    assert run(*words, "--no-clobber") == 3
    assert (folder / "out" / "a.dlf").stat().st_mtime_ns == again


@pytest.mark.parametrize(
    ("name", "content"),
    [("list.csv", b"a.png\nb.png"), ("table.csv", b"x,y\n1,2"), ("notes.jsonl", b'{"x": 1}\n{')],
)
def test_a_manifest_replaces_nothing_else(
    name: str, content: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_bytes(content)
    words = ["@list.csv"] if name == "list.csv" else ["a.png"]
    assert run("batch", *words, "out", "--manifest", name, "--workers", "0") == 2
    assert "manifest" in capsys.readouterr().err
    assert (folder / name).read_bytes() == content
