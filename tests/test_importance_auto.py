"""`importance="auto"`: the map that a package's own program finds, the same at every door; and
dlfenc, which takes masks and boxes as the Python command does.
"""

from __future__ import annotations

import json
from pathlib import Path

import dlf
import numpy as np
import pytest
from batch_files import batch
from c_library import Library, Status
from dlf.cli import main
from dlf.cli.coded import regions
from dlf.symbols import code_lengths, decode_symbols
from integer_models import encoding_package
from native_tools import Tool, pnm_bytes
from PIL import Image

WIDTH, HEIGHT = 128, 96
CELL = 8  # pixels of a position
FULL_MOVE = 6  # of 12 rate points
GRAY = 128  # what the program of the package finds neither bright nor dark
BRIGHT = [(16, 16, 24, 16), (88, 56, 16, 32)]
DARK = (56, 8, 32, 16)
QUALITY = 45  # rate point 5 of 0 to 11


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose importance program finds what is bright."""
    path = tmp_path_factory.mktemp("finds") / "finds.dlfm"
    path.write_bytes(encoding_package(importance=True))
    return path


@pytest.fixture(scope="module")
def codec(package: Path) -> dlf.Codec:
    return dlf.Codec(package, threads=1)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Gray, with two white places and a black one."""
    painted = np.full((HEIGHT, WIDTH, 3), GRAY, np.uint8)
    for x, y, width, height in BRIGHT:
        painted[y : y + height, x : x + width] = 255
    x, y, width, height = DARK
    painted[y : y + height, x : x + width] = 0
    return painted


def test_the_map_is_what_the_program_finds(
    codec: dlf.Codec, package: Path, picture: np.ndarray
) -> None:
    data = codec.encode(picture, QUALITY, importance="auto")
    rate = dlf.info(data).rate
    wanted = np.full((HEIGHT // CELL, WIDTH // CELL), rate)
    for box in BRIGHT:
        x, y, width, height = (part // CELL for part in box)
        wanted[y : y + height, x : x + width] += FULL_MOVE
    found = decode_symbols(data, package)["rate_index"]
    assert np.array_equal(found, wanted.clip(0, 11))
    # A program is worth the boxes that it finds. What it finds less than nothing in counts as none.
    assert data == codec.encode(picture, QUALITY, importance=BRIGHT)


@pytest.mark.parametrize("found", [-100, 31, 32, 44, 56, 58, 100])
def test_what_is_found_counts_as_none_half_or_full(
    codec: dlf.Codec, picture: np.ndarray, found: int
) -> None:
    """A.3. The program gives (16 * sample - 2040) * 192 / 2048, rounded, of a place of one sample."""
    sample = round((found * 2048 / 192 + 2040) / 16)
    graded = picture.copy()
    graded[:, :64] = sample
    exact = round((16 * sample - 2040) * 192 / 2048)
    assert exact == found
    mask = np.zeros((HEIGHT, WIDTH))
    mask[:, :64] = 0 if exact < 32 else 0.5 if exact < 57 else 1
    x, y, width, height = BRIGHT[1]
    mask[y : y + height, x : x + width] = 1
    auto = codec.encode(graded, QUALITY, importance="auto")
    assert auto == codec.encode(graded, QUALITY, importance=mask)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"quality": QUALITY}, ["-q", str(QUALITY)]), ({"max_bytes": 2600}, ["--bytes", "2600"])],
    ids=["quality", "bytes"],
)
def test_every_door_finds_the_same(
    codec: dlf.Codec,
    package: Path,
    picture: np.ndarray,
    dlfenc: Tool,
    tmp_path: Path,
    options: dict[str, int],
    words: list[str],
) -> None:
    expected = codec.encode(picture, importance="auto", **options)  # type: ignore[arg-type]
    assert dlf.info(expected).importance_map
    several = dlf.Codec(package, threads=3).encode_batch(
        [picture] * 2, importance="auto", **options
    )  # type: ignore[arg-type]
    assert several == [expected] * 2
    source, folder = tmp_path / "in" / "a.png", tmp_path / "out"
    source.parent.mkdir()
    Image.fromarray(picture).save(source)
    said = ["--model", str(package), "--importance", "auto", "--quiet", *words]
    assert main(["encode", *said, str(source), str(tmp_path / "python.dlf")]) == 0
    for workers in (0, 1):
        batch(*said, "--workers", workers, source.parent, folder / str(workers))
    plain = tmp_path / "in.ppm"
    plain.write_bytes(pnm_bytes(Image.fromarray(picture), "ppm"))
    assert dlfenc(*said, plain, tmp_path / "c.dlf").status == 0
    written = [tmp_path / "python.dlf", tmp_path / "c.dlf", *folder.glob("*/a.dlf")]
    assert len(written) == 4
    for path in written:
        assert path.read_bytes() == expected, path


def test_the_c_interface_finds_the_same(
    codec: dlf.Codec, package: Path, picture: np.ndarray, installed_library: Path
) -> None:
    library = Library(installed_library / "lib")
    opened = library.open_codec(package)
    expected = codec.encode(picture, QUALITY, importance="auto")
    rate = dlf.info(expected).rate
    status, content, error = library.encode(
        opened, picture.tobytes(), WIDTH, HEIGHT, 3, rate=rate, find_importance=1
    )
    assert status == Status.OK, error.message
    assert content == expected
    library.codec_free(opened)


MASKS = {
    "graded": Image.linear_gradient("L"),
    "bits": Image.radial_gradient("L").convert("1"),
    "colours": Image.merge("RGB", [Image.linear_gradient("L").rotate(90 * i) for i in range(3)]),
    "gray alpha": Image.merge(
        "LA", [Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90)]
    ),
    "alpha": Image.merge("RGBA", [Image.linear_gradient("L").rotate(90 * i) for i in (1, 2, 3, 2)]),
    "palette": Image.linear_gradient("L").convert("RGB").quantize(7),
}


@pytest.mark.parametrize("kind", MASKS)
def test_dlfenc_takes_the_masks_of_the_python_command(
    package: Path, picture: np.ndarray, dlfenc: Tool, png: None, tmp_path: Path, kind: str
) -> None:
    Image.fromarray(picture).save(tmp_path / "in.png")
    MASKS[kind].resize((37, 21)).save(tmp_path / "mask.png")
    check_alike(package, dlfenc, tmp_path, "--importance", str(tmp_path / "mask.png"))


@pytest.mark.parametrize(
    "boxes",
    [
        ["16,16,24,16"],
        ["16.5,15.2,20.1,18:0.37", "60,40,200,200:-0.5"],
        ["-5,-5,30,30:-1", "0,0,10,10:0", "100,80,9,9:1"],
    ],
    ids=len,
)
def test_dlfenc_takes_the_boxes_of_the_python_command(
    package: Path, picture: np.ndarray, dlfenc: Tool, png: None, tmp_path: Path, boxes: list[str]
) -> None:
    Image.fromarray(picture).save(tmp_path / "in.png")
    check_alike(package, dlfenc, tmp_path, *(f"--importance={box}" for box in boxes))


def check_alike(package: Path, dlfenc: Tool, folder: Path, *words: str) -> None:
    """Both commands make the same file of in.png, and it has a map."""
    said = ["--model", str(package), "--quiet", *words, str(folder / "in.png")]
    done = dlfenc(*said, folder / "c.dlf")
    assert (done.status, done.error) == (0, "")
    assert main(["encode", *said, str(folder / "python.dlf")]) == 0
    content = (folder / "c.dlf").read_bytes()
    assert content == (folder / "python.dlf").read_bytes()
    assert dlf.info(content).importance_map


# --- what is said of it


def test_verbose_says_what_was_found(
    package: Path, picture: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.dlf"
    Image.fromarray(picture).save(source)
    mask = tmp_path / "mask.png"
    Image.new("L", (20, 10)).save(mask)
    words = ["encode", "-q", str(QUALITY), "--model", str(package), "--verbose"]
    words += [str(source), str(target)]

    def said(*importance: str) -> list[str]:
        assert main([*words, *(f"--importance={word}" for word in importance)]) == 0
        return capsys.readouterr().out.splitlines()[1:]

    [found, parts] = said("auto")
    data = target.read_bytes()
    cost = code_lengths(data, package)["map"] / 8
    assert found == (
        f"  importance, auto: 2 regions with more (7 % of the picture); the map "
        f"takes {cost:.1f} bytes, {100 * cost / len(data):.1f} %"
    )
    numbers = [int(word) for word in parts.replace(",", "").split() if word.isdigit()]
    assert sum(numbers) == pytest.approx(len(data) - cost, abs=1)
    [found, _] = said("16,16,24,16")
    assert found.startswith("  importance, 1 box: 1 region with more (3 % of the picture); the map")
    [found, _] = said("16,16,24,16", "56,8,32,16:-1")
    assert "1 region with more (3 % of the picture), 1 region with less (4 % of the" in found
    [found, _] = said(str(mask))
    assert found == "  importance, mask of 20x10: nothing differs, so there is no map"
    assert len(said()) == 1
    assert main([*words, "--json", "--importance=auto"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["more"], facts["less"]) == ([8, 6], [])
    assert facts["map_bytes"] == pytest.approx(cost)
    assert main([*words, "--quiet"]) == 2


def test_regions_of_a_grid() -> None:
    grid = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1], [1, 1, 0, 1]], bool)
    assert regions(grid) == (2, 2, 2, 1)
    assert regions(~grid) == (9,)
    assert regions(np.zeros((3, 0), bool)) == ()
