"""What dlfenc and dlfdec may write over, and how they write: the rules of the Python command."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from native_tools import Tool, pnm_bytes
from PIL import Image


@pytest.fixture
def folder(photo: Image.Image, photo_dlf: bytes, tmp_path: Path) -> Path:
    (tmp_path / "a.ppm").write_bytes(pnm_bytes(photo, "ppm"))
    (tmp_path / "a.dlf").write_bytes(photo_dlf)
    photo.save(tmp_path / "b.png")
    photo.save(tmp_path / "picture", "JPEG")
    for kind in ("ppm", "dlf"):
        (tmp_path / f"link-{kind}").symlink_to(f"a.{kind}")
        os.link(tmp_path / f"a.{kind}", tmp_path / f"hard-{kind}")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


ENCODINGS = [
    ("a.ppm a.ppm", 2, "would be written over by its own output"),
    ("a.ppm a.ppm --force", 2, "would be written over by its own output"),
    ("a.ppm link-ppm --force", 2, "would be written over by its own output"),
    ("hard-ppm a.ppm --force", 2, "would be written over by its own output"),
    ("a.ppm b.png --importance b.png --force", 2, "b.png would be written over by its own output"),
    ("a.ppm b.png", 2, ".png stands for another format (PNG)"),
    ("a.ppm new.JPG", 2, ".JPG stands for another format (JPEG)"),
    ("a.ppm new.cr2", 2, "another format (camera raw)"),
    ("a.ppm picture", 2, "holds a picture (JPEG)"),
    ("a.ppm a.dlf --no-clobber", 1, "exists, and nothing is to be replaced"),
    ("a.ppm a.dlf --no-clobber --force", 2, "give one of --force and --no-clobber"),
    ("a.ppm missing/a.dlf", 1, "missing/a.dlf: No such file or directory"),
]
DECODINGS = [
    ("a.dlf a.dlf --format ppm --force", 2, "would be written over by its own output"),
    ("a.dlf link-dlf --format ppm --force", 2, "would be written over by its own output"),
    ("a.dlf hard-dlf --format ppm --force", 2, "would be written over by its own output"),
    ("a.dlf new.dlf --format ppm", 2, ".dlf stands for another format (.dlf)"),
    ("a.dlf b.png --format ppm", 2, ".png stands for another format (PNG)"),
    ("a.dlf picture --format ppm", 2, "holds a picture (JPEG)"),
    ("a.dlf a.ppm --no-clobber", 1, "exists, and nothing is to be replaced"),
]


@pytest.mark.parametrize(
    ("name", "words", "status", "message"),
    [("dlfenc", *case) for case in ENCODINGS] + [("dlfdec", *case) for case in DECODINGS],
)
def test_inputs_and_pictures_are_not_written_over(
    tools: Path, name: str, words: str, status: int, message: str, folder: Path
) -> None:
    before = contents(folder)
    done = subprocess.run(
        [tools / name, *words.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, message in done.stderr) == (status, True), done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(folder) == before


def test_the_model_is_an_input_too(
    dlfenc: Tool, dlfdec: Tool, test_package: Path, folder: Path
) -> None:
    package = folder / "own.dlfm"
    shutil.copy(test_package, package)
    for done in (
        dlfenc("--force", "--model", package, folder / "a.ppm", package),
        dlfdec("--force", "--model", package, "--format", "ppm", folder / "a.dlf", package),
    ):
        assert (done.status, "would be written over" in done.error) == (2, True)
    assert package.read_bytes() == test_package.read_bytes()


def test_force_and_files_of_the_same_kind(dlfenc: Tool, dlfdec: Tool, folder: Path) -> None:
    assert dlfenc("-q", "100", folder / "a.ppm", folder / "b.png", "--force").status == 0
    assert (folder / "b.png").read_bytes() == (folder / "a.dlf").read_bytes()
    assert dlfenc(folder / "a.ppm", folder / "a.dlf").status == 0
    assert dlfdec(folder / "a.dlf", folder / "a.ppm").status == 0


def test_animations_are_refused(dlfenc: Tool, png: None, photo: Image.Image, folder: Path) -> None:
    moving = folder / "moving.png"
    photo.save(moving, save_all=True, append_images=[photo.rotate(90)])
    stream = folder / "stream.ppm"
    stream.write_bytes(2 * pnm_bytes(photo, "ppm"))
    for source in (moving, stream):
        done = dlfenc(source, folder / "new.dlf")
        assert (done.status, "and a .dlf file holds one" in done.error) == (12, True)
    assert not (folder / "new.dlf").exists()


def test_an_allowance_that_is_not_used_is_told(dlfenc: Tool, folder: Path) -> None:
    done = dlfenc("--bytes", "200000", folder / "a.ppm", folder / "new.dlf")
    assert "; the best that the model gives, of the 200000 bytes allowed" in done.out.decode()
    assert "the best" not in dlfenc("-q", "100", folder / "a.ppm", folder / "new.dlf").out.decode()


def test_descriptors_devices_and_pipes(tools: Path, photo_dlf: bytes, folder: Path) -> None:
    words = [tools / "dlfenc", "-q", "100", folder / "a.ppm", "/dev/stdout"]
    piped = subprocess.run(words, capture_output=True, check=True)
    assert piped.stdout == photo_dlf
    assert b"bytes" in piped.stderr
    out = folder / "out"
    out.write_bytes(b"before\n")
    with out.open("ab") as file:
        subprocess.run(words, stdout=file, stderr=subprocess.DEVNULL, check=True)
    assert out.read_bytes() == b"before\n" + photo_dlf
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*words[:-1], pipe], stdout=subprocess.DEVNULL):
        assert pipe.read_bytes() == photo_dlf
    closed = subprocess.run(
        ["sh", "-c", f"{tools}/dlfenc {folder}/a.ppm - >&-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (closed.returncode, "standard output: " in closed.stderr) == (1, True)


def test_owner_and_mode_stay(dlfenc: Tool, folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    target = folder / "own.dlf"
    target.write_bytes(b"")
    os.chown(target, 65534, 65533)
    target.chmod(0o640)
    assert dlfenc(folder / "a.ppm", target).status == 0
    found = target.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65533, 0o640)
    assert found.st_size > 0


def test_short_words(tools: Path) -> None:
    for name in ("dlfenc", "dlfdec"):
        for short, long in (("-V", "--version"), ("-h", "--help")):
            outputs = [
                subprocess.run([tools / name, word], capture_output=True, check=True).stdout
                for word in (short, long)
            ]
            assert outputs[0] == outputs[1] != b""
