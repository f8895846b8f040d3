"""core/share/dlf/imagemagick/delegates.xml in the hands of ImageMagick."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import PHOTO_SIZE, ROOT
from desktop import Desktop, program
from PIL import Image

DELEGATES = Path("share", "dlf", "imagemagick", "delegates.xml")


class Magick:
    """ImageMagick's programs, with our delegates."""

    def __init__(self, prefix: Path, machine: Desktop) -> None:
        self._environment = {
            **machine.environment,
            "MAGICK_CONFIGURE_PATH": str((prefix / DELEGATES).parent),
        }

    def __call__(self, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `convert` or `identify`, in whichever version there is."""
        path = program(f"{name}-im6.q16", f"{name}-im7.q16", name)
        version = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
        if "Version: ImageMagick" not in version.stdout:  # others have programs of these names
            pytest.skip(f"{path} is not ImageMagick's")
        return subprocess.run(
            [path, *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def magick(installed_library: Path, machine: Desktop, png: None) -> Magick:
    return Magick(installed_library, machine)


def test_cmake_installs_the_delegates(installed_library: Path) -> None:
    source = ROOT / "core" / DELEGATES
    assert (installed_library / DELEGATES).read_bytes() == source.read_bytes()


def test_both_directions_are_listed(magick: Magick) -> None:
    listed = magick("identify", "-list", "delegate").stdout
    ours = [line.partition('"')[0].split() for line in listed.splitlines() if '"dlf' in line]
    assert ours == [["dlf", "=>"], ["png<=", "dlf"]]
    assert len(re.findall("^Path: ", listed, re.MULTILINE)) > 1  # its own are still there


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_convert_reads(
    magick: Magick, machine: Desktop, tmp_path: Path, mode: str, pictures: dict[str, Image.Image]
) -> None:
    data = machine.encode(pictures[mode])
    done = magick("convert", machine.file("a photo's name.dlf", data), tmp_path / "out.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image.convert(mode)), machine.decode(data))


def test_identify(magick: Magick, machine: Desktop, photo: Image.Image) -> None:
    coded = machine.file("photo.dlf", machine.encode(photo))
    done = magick("identify", coded)
    assert done.returncode == 0, done.stderr
    assert f"{PHOTO_SIZE[0]}x{PHOTO_SIZE[1]}" in done.stdout


def test_convert_writes(
    magick: Magick, machine: Desktop, tmp_path: Path, photo: Image.Image
) -> None:
    source = tmp_path / "in.png"
    photo.save(source)
    for quality in (10, 90):
        target = tmp_path / f"{quality}.dlf"
        done = magick("convert", source, "-quality", str(quality), target)
        assert (done.returncode, done.stderr) == (0, "")
        assert target.read_bytes() == machine.encode(photo, quality)
    # A file without the suffix, by the name of the format.
    done = magick("convert", source, "-resize", "50%", f"dlf:{tmp_path / 'half'}")
    assert (done.returncode, done.stderr) == (0, "")
    assert dlf.info((tmp_path / "half").read_bytes()).size == (
        PHOTO_SIZE[0] // 2,
        PHOTO_SIZE[1] // 2,
    )


def test_from_dlf_to_dlf(
    magick: Magick, machine: Desktop, tmp_path: Path, photo: Image.Image
) -> None:
    coded = machine.file("photo.dlf", machine.encode(photo))
    done = magick("convert", coded, "-rotate", "90", tmp_path / "turned.dlf")
    assert (done.returncode, done.stderr) == (0, "")
    assert dlf.info((tmp_path / "turned.dlf").read_bytes()).size == PHOTO_SIZE[::-1]


def test_what_is_wrong_is_told_by_name(
    magick: Magick, machine: Desktop, tmp_path: Path, photo: Image.Image
) -> None:
    data = machine.encode(photo)
    out = tmp_path / "out.png"
    for content, words in ((data[:-9], "truncated file"), (b"no .dlf file", "invalid file")):
        for call in (("identify",), ("convert", out)):
            done = magick(call[0], machine.file("bad.dlf", content), *call[1:])
            assert done.returncode != 0
            assert words in done.stderr
            assert not out.exists()
