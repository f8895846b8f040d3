"""The `dlf` command: what it writes and what it prints."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import dlf
import numpy as np
import pytest
from command_line import failure, run
from dlf.cli.main import COMMANDS
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


def test_encode_and_decode(
    png_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, back = tmp_path / "x.dlf", tmp_path / "back.png"
    image = Image.open(png_file)
    assert run("encode", png_file, target) == 0
    assert target.read_bytes() == dlf.encode(image)
    assert f"{len(target.read_bytes())} bytes" in capsys.readouterr().out
    assert run("decode", target, back, "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert np.array_equal(np.asarray(Image.open(back)), dlf.decode(target.read_bytes()))
    assert run("encode", png_file, target, "-q", 10) == 0
    assert target.read_bytes() == dlf.encode(image, 10)
    assert run("encode", png_file, target, "--quality", "10.5", "--threads", 1) == 0
    assert target.read_bytes() == dlf.encode(image, 10.5)


def test_targets_in_bytes_and_bits(png_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.dlf"
    image = Image.open(png_file)
    limit = len(dlf.encode(image, 40))
    assert run("encode", png_file, target, "--bytes", limit, "--quiet") == 0
    assert target.read_bytes() == dlf.encode(image, max_bytes=limit)
    bpp = 8 * limit / (image.width * image.height)
    assert run("encode", png_file, target, "--bpp", bpp, "--quiet") == 0
    assert len(target.read_bytes()) <= limit


def test_encode_reports_in_json(
    png_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x.dlf"
    assert run("encode", png_file, target, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    header = dlf.info(target.read_bytes())
    assert report["file"] == str(target)
    assert report["bytes"] == header.file_bytes
    assert (report["width"], report["height"], report["mode"]) == (*header.size, "RGB")
    assert report["bpp"] == header.bpp


def test_standard_input_and_output(png_file: Path) -> None:
    encoded = dlf_process("encode", "-", "-", input=png_file.read_bytes())
    assert encoded.stdout == dlf.encode(Image.open(png_file))
    assert b"bytes" in encoded.stderr
    decoded = dlf_process("decode", "-", "-", input=encoded.stdout)
    image = Image.open(io.BytesIO(decoded.stdout))
    assert image.format == "PNG"
    assert np.array_equal(np.asarray(image), dlf.decode(encoded.stdout))


def dlf_process(
    *words: str, input: bytes = b"", check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "dlf", *words]
    return subprocess.run(command, input=input, check=check, capture_output=True)


def test_metadata_goes_along(png_file: Path, tmp_path: Path) -> None:
    source, kept, plain = (tmp_path / name for name in ("s.jpg", "kept.dlf", "plain.dlf"))
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "description", 6
    with Image.open(png_file) as image:
        width, height = image.size
        image.save(source, exif=exif)
    assert run("encode", source, plain, "--quiet") == 0
    assert dlf.info(plain.read_bytes()).orientation == 6
    assert run("encode", source, kept, "--keep", "exif", "--keep", "icc", "--quiet") == 0
    for path, expected in ((plain, {0x0112: 6}), (kept, dict(exif))):
        for extension in ("png", "jpg", "webp"):
            back = tmp_path / f"back.{extension}"
            assert run("decode", path, back, "--quiet") == 0
            with Image.open(back) as image:
                assert dict(image.getexif()) == expected
                assert image.size == (width, height)


def test_semantic_layer_and_truncated_files(
    dlf_file: Path, photo_dlf: bytes, tmp_path: Path
) -> None:
    back = tmp_path / "back.png"
    assert run("decode", dlf_file, back, "--layers", "semantic", "--quiet") == 0
    expected = dlf.decode(photo_dlf, layers="semantic")
    assert np.array_equal(np.asarray(Image.open(back)), expected)
    dlf_file.write_bytes(photo_dlf[:-20])
    assert run("decode", dlf_file, back, "--allow-truncated", "--quiet") == 0
    expected = dlf.decode(photo_dlf[:-20], allow_truncated=True)
    assert np.array_equal(np.asarray(Image.open(back)), expected)


def test_info(dlf_file: Path, photo_dlf: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    header = dlf.info(photo_dlf)
    assert run("info", dlf_file, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    for name in ("width", "height", "mode", "model_id", "rate", "file_bytes", "payload_bytes"):
        assert facts[name] == getattr(header, name)
    assert facts["semantic_bytes"] + facts["detail_bytes"] == header.payload_bytes
    assert facts["semantic_bytes"] > 0
    assert facts["chunks"] == []
    assert run("info", dlf_file) == 0
    assert f"width            {header.width}\n" in capsys.readouterr().out


def test_info_names_chunks(
    chunky_dlf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chunky.dlf"
    path.write_bytes(chunky_dlf)
    assert run("info", path, "--json") == 0
    chunks = json.loads(capsys.readouterr().out)["chunks"]
    assert [chunk["type"] for chunk in chunks] == ["alpha", "icc", "exif", "xmp"]
    assert [chunk["critical"] for chunk in chunks] == [True, False, False, False]
    assert run("info", path) == 0
    assert "alpha, " in capsys.readouterr().out


def test_info_needs_neither_torch_nor_a_model_nor_a_bar(dlf_file: Path, tmp_path: Path) -> None:
    program = (
        "import sys, dlf.models\n"
        "dlf.models._installed_directories = list\n"
        "from dlf.cli import main\n"
        "status = main(['info', sys.argv[1], '--json'])\n"
        "print(sorted({'torch', 'dlf._torch', 'tqdm'} & set(sys.modules)))\n"
        "sys.exit(status)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, dlf_file],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"DLF_MODEL_PATH": str(tmp_path)},
    )
    facts, loaded = result.stdout.rsplit("}", 1)
    assert json.loads(facts + "}")["model"] is None
    assert loaded.strip() == "[]"


def test_symbols(dlf_file: Path, photo_dlf: bytes, tmp_path: Path) -> None:
    target = tmp_path / "symbols.npz"
    assert run("symbols", dlf_file, target) == 0
    with np.load(target) as archive:
        found = dict(archive)
    assert int(found["final_state"]) >> 16 == 1 << 7  # 2^23 and a check of 16 bits
    assert found["tokens"].dtype == np.int16
    assert found["latent"].dtype == np.int32
    assert np.array_equal(
        found["latent"], found["y_hat"].astype(np.int32) * found["step"].astype(np.int32)
    )
    header = dlf.info(photo_dlf)
    assert found["symbols"].shape[1:] == (-(-header.height // 32), -(-header.width // 32))


def test_verify(dlf_file: Path, photo_dlf: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", dlf_file) == 0
    assert capsys.readouterr().out == f"{dlf_file}: ok\n"
    damaged = bytearray(photo_dlf)
    damaged[-10] ^= 1
    dlf_file.write_bytes(damaged)
    assert failure(capsys, "verify", dlf_file)[0] == 10


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    model = dlf.Codec().model
    assert run("models") == 0
    assert str(model.id) in capsys.readouterr().out
    assert run("models", "--json") == 0
    listed = {entry["sha256"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed[model.sha256]["rate_points"] == model.rate_points


def test_models_names_a_damaged_package(
    tmp_path: Path,
    test_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damaged = bytearray(test_package.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.dlfm").write_bytes(damaged)
    monkeypatch.setenv("DLF_MODEL_PATH", str(tmp_path))
    assert run("models") == 14
    assert "damaged.dlfm: " in capsys.readouterr().err


# --- help


def test_help_names_every_command_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^    {command}\s", text, re.MULTILINE)
    assert "14 model missing or wrong" in " ".join(text.split())
    assert run("--version") == 0
    assert capsys.readouterr().out == f"dlf {dlf.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert f"usage: dlf {command}" in capsys.readouterr().out
