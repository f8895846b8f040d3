"""Small files: pictures are reduced where full size does not fit, files are cut into packets."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dlf
import numpy as np
import pytest
from conftest import ROOT, scene
from dlf.cli import main
from encoded_sizes import smallest_size
from PIL import Image

WIDTH, HEIGHT = 131, 93
SCRIPT = ROOT / "scripts" / "packets.py"


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(scene(HEIGHT, WIDTH, seed=6))


@pytest.fixture(scope="module")
def sizes(encoding_codec: dlf.Codec, picture: Image.Image) -> dict[int, int]:
    """The smallest file at each size; that of a reduced picture has one byte more (§2.7)."""
    plain = {
        factor: smallest_size(encoding_codec, picture.reduce(factor)) for factor in (1, 2, 4, 8)
    }
    return {factor: size + (factor > 1) for factor, size in plain.items()}


def payload(data: bytes) -> bytes:
    """What is coded, without the header and what follows."""
    header = dlf.info(data)
    return data[header.header_bytes :][: header.payload_bytes]


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_the_largest_size_that_fits_is_taken(
    encoding_codec: dlf.Codec, picture: Image.Image, sizes: dict[int, int], factor: int
) -> None:
    limit = sizes[factor]
    data = encoding_codec.encode(picture, max_bytes=limit, reduce=True)
    smaller = encoding_codec.encode(picture.reduce(factor), max_bytes=limit - (factor > 1))
    assert payload(data) == payload(smaller)
    assert len(data) == len(smaller) + (factor > 1) <= limit
    assert dlf.info(data).display_size == (WIDTH, HEIGHT)
    assert dlf.info(data).size == (-(-WIDTH // factor), -(-HEIGHT // factor))
    bpp = 8 * limit / (WIDTH * HEIGHT)  # of the picture that was given
    assert encoding_codec.encode(picture, bpp=bpp + 1e-9, reduce=True) == data


def test_errors_of_sizes(
    encoding_codec: dlf.Codec, picture: Image.Image, sizes: dict[int, int]
) -> None:
    assert list(sizes.values()) == sorted(sizes.values(), reverse=True)
    with pytest.raises(dlf.TooFewBytes, match=f"smallest file has {sizes[8]} at 1/8 of its size$"):
        encoding_codec.encode(picture, max_bytes=sizes[8] - 1, reduce=True)
    with pytest.raises(ValueError, match="reduce: say how small"):
        encoding_codec.encode(picture, 50, reduce=True)
    with pytest.raises(dlf.TooFewBytes):
        encoding_codec.encode(picture, max_bytes=sizes[1] - 1)
    assert issubclass(dlf.TooFewBytes, ValueError)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes_are_reduced_as_pillow_does(
    encoding_codec: dlf.Codec, pictures: dict[str, Image.Image], mode: str
) -> None:
    limit = smallest_size(encoding_codec, pictures[mode].reduce(2))
    data = encoding_codec.encode(pictures[mode], max_bytes=limit + 1, reduce=True)
    smaller = encoding_codec.encode(pictures[mode].reduce(2), max_bytes=limit)
    assert np.array_equal(encoding_codec.decode(data), encoding_codec.decode(smaller))


def test_orientation_importance_and_the_plain_function(
    encoding_codec: dlf.Codec, encoding_model: Path, picture: Image.Image, sizes: dict[int, int]
) -> None:
    turned = picture.copy()
    turned.getexif()[0x0112] = 6
    boxes = [(0, 0, 64, 48)]  # in pixels of the whole picture
    limit = sizes[2] + 60
    data = dlf.encode(turned, max_bytes=limit, reduce=True, importance=boxes, model=encoding_model)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:48, :64] = True
    half = picture.reduce(2)
    half.getexif()[0x0112] = 6
    assert payload(data) == payload(
        encoding_codec.encode(half, max_bytes=limit - 1, importance=mask)
    )
    assert dlf.info(data).orientation == 6
    assert dlf.info(data).display_size == picture.size  # before any turning


def test_the_command_says_what_was_done(
    encoding_model: Path,
    picture: Image.Image,
    sizes: dict[int, int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.dlf"
    picture.save(source)
    words = ["encode", "--model", str(encoding_model), str(source), str(target), "--bytes"]
    assert main([*words, str(sizes[4])]) == 2
    assert "the smallest file has" in capsys.readouterr().err
    assert not target.exists()
    assert main([*words, str(sizes[4]), "--reduce", "--verbose"]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        f"dlf: {size}: the image cannot be coded in {sizes[4]} bytes; the smallest file has {found}"
        for size, found in (("131x93", sizes[1]), ("66x47", sizes[2]))
    ]
    assert "33x24 RGB" in said.out
    assert said.out.splitlines()[0].endswith("; reduced from 131x93")
    assert main([*words, str(sizes[4]), "--reduce", "--json"]) == 0
    said = capsys.readouterr()
    assert (said.err, json.loads(said.out)["reduced_from"]) == ("", [131, 93])
    assert main([*words, str(sizes[1]), "--reduce", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reduced_from"] is None
    assert (
        main(["encode", "--model", str(encoding_model), str(source), str(target), "--reduce"]) == 2
    )
    assert "reduce: say how small" in capsys.readouterr().err


def test_one_radio_packet_with_the_shipped_model(shipped_default: Path) -> None:
    """512x512 in 157 bytes, at whatever size the model of the day can code in them."""
    data = dlf.encode(scene(512, 512, seed=9), max_bytes=157, reduce=True, model=shipped_default)
    assert len(data) <= 157
    assert dlf.info(data).size in [(512 // factor,) * 2 for factor in (1, 2, 4, 8)]


@pytest.fixture(scope="module")
def packets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packets", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["packets"] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_packets_come_back_in_any_order(packets: ModuleType) -> None:
    data = random.Random(1).randbytes(1000)
    sent = packets.split(data, 157, file=200)
    assert len(sent) == 7
    assert all(len(packet) <= 157 and packet[0] == 200 for packet in sent)
    assert packets.join([*reversed(sent), sent[3]]) == packets.Received(data, ())
    for lost in range(7):
        left = [packet for index, packet in enumerate(sent) if index != lost]
        assert packets.join(left) == packets.Received(data[: 155 * lost], (lost,))
    assert packets.join(sent[2:4]) == packets.Received(b"", (0, 1, 4, 5, 6))
    assert len(packets.split(bytes(155 * 16), 157)) == 16
    for size, room in ((155 * 16 + 1, 157), (0, 157), (10, 2)):
        with pytest.raises(ValueError, match="packet"):
            packets.split(bytes(size), room)
    for bad in ([], [b"ab"], [sent[0], packets.split(data, 157, file=1)[1]], [b"a\x21x"]):
        with pytest.raises(ValueError, match="packet"):
            packets.join(bad)


def test_what_a_lost_packet_costs(
    encoding_codec: dlf.Codec,
    encoding_model: Path,
    picture: Image.Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that follow it; the first everything."""
    data = encoding_codec.encode(picture, 80)
    packet = len(data) // 8
    (tmp_path / "photo.dlf").write_bytes(data)
    monkeypatch.setenv("DLF_MODEL_PATH", str(encoding_model.parent))
    words = [tmp_path / "photo.dlf", tmp_path / "sheet.png", "--packet", str(packet)]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, _, *lines = done.stdout.splitlines()
    assert first.startswith(f"{len(data)} bytes in {len(lines)} packets")
    of_use = [int(line.split()[1]) for line in lines]
    assert of_use == [lost * (packet - 2) for lost in range(len(lines))]
    assert "nothing: " in lines[0]
    whole = encoding_codec.decode(data)
    for line, size in zip(lines, of_use, strict=True):
        try:
            left = encoding_codec.decode(data[:size], allow_truncated=True)
        except dlf.TruncatedFile:
            assert "nothing: " in line
            continue
        error = np.mean((left.astype(float) - whole) ** 2)
        assert f"{10 * np.log10(255**2 / error):.1f} dB" in line
    found = [float(line.split()[2]) for line in lines if " dB" in line]
    assert len(found) >= 4
    assert found[-1] == max(found)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == ((WIDTH + 8) * (len(lines) + 1) - 8, HEIGHT + 16)
        shown = np.asarray(sheet)[16:, :WIDTH]
    assert np.array_equal(shown, whole)


def test_the_script_says_what_is_wrong(encoding_model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.dlf").write_bytes(b"no .dlf file")
    words = [sys.executable, SCRIPT, tmp_path / "bad.dlf", tmp_path / "sheet.png"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "sheet.png").exists()
