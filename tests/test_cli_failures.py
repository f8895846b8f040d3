"""The `dlf` command: its exit status and its one line for every failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dlf
import pytest
from command_line import failure, run
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


def test_exit_statuses(
    dlf_file: Path,
    photo_dlf: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out.png"
    newer = bytearray(photo_dlf)
    newer[4] = newer[4] & ~7 | 2
    for content, status in (
        (b"nothing of the kind", 10),
        (photo_dlf + b"\0", 10),
        (photo_dlf[:6], 11),
        (photo_dlf[:-1], 11),
        (bytes(newer), 12),
    ):
        dlf_file.write_bytes(content)
        assert failure(capsys, "decode", dlf_file, out)[0] == status
        assert failure(capsys, "verify", dlf_file)[0] == status
    dlf_file.write_bytes(photo_dlf)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("DLF_MODEL_PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("dlf.models._installed_directories", list)
    status, line = failure(capsys, "decode", dlf_file, out)
    assert (status, "installed: none" in line) == (14, True)
    assert not out.exists()


def test_a_file_for_another_model(
    photo_dlf: bytes, dlf_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = failure(capsys, "decode", dlf_file, tmp_path / "o.png", "--model", "nowhere")
    assert status == 14
    assert "unknown model 'nowhere'; installed:" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["decode", "{dlf}", "out.xyz"], "no format with the extension '.xyz'"),
        (["decode", "{dlf}", "out.dlf"], "no format with the extension '.dlf'"),
        (["encode", "{png}", "o.dlf", "--bytes", "3"], "3 bytes"),
        (["encode", "{png}", "-", "--json"], "cannot both go to standard output"),
    ],
)
def test_wrong_usage_that_the_command_finds(
    words: list[str],
    message: str,
    png_file: Path,
    dlf_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    status, line = failure(capsys, *(word.format(png=png_file, dlf=dlf_file) for word in words))
    assert status == 2
    assert message in line
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["enc"], "invalid choice"),
        (["encode", "a.png"], "required: OUT.dlf"),
        (["encode", "a", "b", "-q", "101"], "quality must be a number from 0 to 100"),
        (["encode", "a", "b", "-q", "best"], "quality"),
        (["encode", "a", "b", "--bpp", "0"], "bpp must be above 0"),
        (["encode", "a", "b", "--bytes", "1.5"], "bytes"),
        (["encode", "a", "b", "-q", "5", "--bpp", "1"], "not allowed with"),
        (["encode", "a", "b", "--device", "tpu"], "device must be"),
        (["encode", "a", "b", "--threads", "0"], "threads must be"),
        (["encode", "a", "b", "--keep", "all"], "invalid choice"),
        (["decode", "a", "b", "--layers", "detail"], "invalid choice"),
        (["info", "a", "--jsn"], "unrecognized arguments: --jsn"),
    ],
)
def test_wrong_usage_that_the_parser_finds(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert message in capsys.readouterr().err


def test_missing_and_unwritable_files(
    png_file: Path, dlf_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    for words in (("info", missing), ("decode", missing, tmp_path / "o.png")):
        status, line = failure(capsys, *words)
        assert (status, line) == (1, f"dlf: {missing}: No such file or directory\n")
    for words in (("encode", png_file, missing / "o.dlf"), ("decode", dlf_file, missing / "o.png")):
        status, line = failure(capsys, *words)
        assert (status, line) == (1, f"dlf: {words[2]}: No such file or directory\n")
    text = tmp_path / "text.txt"
    text.write_text("not an image")
    status, line = failure(capsys, "encode", text, tmp_path / "o.dlf")
    assert status == 10
    assert "not an image in a format that Pillow can read" in line
    assert not (tmp_path / "o.dlf").exists()


def test_images_that_cannot_be_read(
    png_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, damaged, target = png_file.read_bytes(), tmp_path / "damaged.png", tmp_path / "o.dlf"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(flipped)):
        damaged.write_bytes(content)
        status, line = failure(capsys, "encode", damaged, target)
        assert (status, f"{damaged}: damaged image" in line) == (10, True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    status, line = failure(capsys, "encode", png_file, target)
    assert (status, "exceeds limit" in line) == (13, True)
    assert not target.exists()


def test_unsupported_modes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep, target = tmp_path / "deep.tif", tmp_path / "o.dlf"
    Image.new("F", (8, 8)).save(deep)
    target.write_bytes(b"old")
    status, line = failure(capsys, "encode", deep, target)
    assert status == 12
    assert "scale it to 8 bits" in line
    assert target.read_bytes() == b"old"


def test_jpeg_has_no_alpha(
    pictures: dict[str, Image.Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "rgba.dlf"
    source.write_bytes(dlf.encode(pictures["RGBA"]))
    status, line = failure(capsys, "decode", source, tmp_path / "o.jpg")
    assert (status, "no alpha channel" in line) == (2, True)
    assert run("decode", source, tmp_path / "o.webp", "--quiet") == 0


def test_an_interrupt_leaves_nothing(
    png_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dlf.codec.Codec.encode", interrupt)
    status, line = failure(capsys, "encode", png_file, tmp_path / "o.dlf")
    assert (status, line) == (130, "dlf: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_a_reader_that_goes_away_is_no_traceback(dlf_file: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-m", "dlf", "info", dlf_file],
        check=False,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert process.stderr == b""
