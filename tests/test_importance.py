"""Importance in the encoder: what becomes of masks and boxes, and of all else that is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dlf
import dlf_pillow
import imageio.v3 as iio
import numpy as np
import pytest
from conftest import scene
from dlf.batch import Settings
from dlf.cli import main
from dlf.symbols import code_lengths, decode_symbols
from integer_models import encoding_package
from PIL import Image

from conformance.reference.decoder import decode as reference_decode
from conformance.reference.file import read_file
from conformance.reference.package import load
from conformance.reference.pixels import Wanted, draw

WIDTH, HEIGHT = 117, 83
CELL = 8  # pixels of a position
FULL_MOVE = 6  # of 12 rate points
BOX = (24, 16, 40, 32)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package with maps, one that finds importance too, and one without maps."""
    folder = tmp_path_factory.mktemp("packages")
    made = {
        "maps": encoding_package(),
        "finds": encoding_package(importance=True),
        "none": encoding_package(maps=False),
    }
    for name, content in made.items():
        (folder / f"{name}.dlfm").write_bytes(content)
    return {name: folder / f"{name}.dlfm" for name in made}


@pytest.fixture(scope="module")
def codec(packages: dict[str, Path]) -> dlf.Codec:
    return dlf.Codec(packages["maps"], threads=1)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return scene(HEIGHT, WIDTH, seed=8)


def rates_of(data: bytes, package: Path) -> np.ndarray:
    return decode_symbols(data, package)["rate_index"].astype(int)


def boxed(box: tuple[int, ...], value: Any, dtype: Any) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype)
    x, y, width, height = box
    mask[y : y + height, x : x + width] = value
    return mask


def test_rates_are_higher_where_people_look(
    codec: dlf.Codec, packages: dict[str, Path], picture: np.ndarray
) -> None:
    data = codec.encode(picture, quality=40, importance=BOX)
    header = dlf.info(data)
    assert header.importance_map
    rates = rates_of(data, packages["maps"])
    wanted = np.full((11, 15), header.rate)
    x, y, width, height = (part // CELL for part in BOX)
    wanted[y : y + height, x : x + width] += FULL_MOVE
    assert np.array_equal(rates, wanted)


def test_quality_is_that_of_the_rest(codec: dlf.Codec, picture: np.ndarray) -> None:
    for quality in (0, 35, 50, 80):
        without = dlf.info(codec.encode(picture, quality))
        assert not without.importance_map
        assert dlf.info(codec.encode(picture, quality, importance=BOX)).rate == without.rate


def test_files_with_maps_are_read_as_the_reference_reads_them(
    codec: dlf.Codec, packages: dict[str, Path], picture: np.ndarray
) -> None:
    rng = np.random.default_rng(3)
    model = load(packages["maps"])
    for mask in (boxed(BOX, True, bool), rng.uniform(-1, 1, (7, 9)), np.eye(4) - np.eye(4)[::-1]):
        data = codec.encode(picture, 45, importance=mask)
        file = read_file(data)
        decoded = reference_decode(file, model)
        assert np.array_equal(rates_of(data, packages["maps"]), decoded.rates)
        drawn = draw(decoded, file.header, model, None, Wanted())
        assert np.array_equal(codec.decode(data), drawn)


@pytest.mark.parametrize(
    "mask",
    [
        boxed(BOX, True, bool),
        boxed(BOX, 255, np.uint8),
        boxed(BOX, 1.0, np.float64),
        boxed(BOX, 1, np.int64),
        boxed(BOX, 1, np.float16)[:, :, None],
        [BOX],
        [[*BOX, 1.0]],
        np.array([BOX], object).tolist(),
        Image.fromarray(boxed(BOX, 255, np.uint8)),
        Image.fromarray(boxed(BOX, True, bool)),
        Image.fromarray(boxed(BOX, 255, np.uint8)).convert("RGB"),
        Image.fromarray(boxed(BOX, 255, np.uint8)).convert("P"),
    ],
    ids=lambda mask: type(mask).__name__,
)
def test_all_ways_to_say_the_same(codec: dlf.Codec, picture: np.ndarray, mask: Any) -> None:
    assert codec.encode(picture, importance=mask) == codec.encode(picture, importance=BOX)


def test_transparent_parts_of_a_mask_are_none(codec: dlf.Codec, picture: np.ndarray) -> None:
    painted = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    painted[..., 3] = boxed(BOX, 255, np.uint8)
    mask = Image.fromarray(painted)
    assert codec.encode(picture, importance=mask) == codec.encode(picture, importance=BOX)


def test_later_boxes_lie_over_earlier_ones(codec: dlf.Codec, picture: np.ndarray) -> None:
    graded = boxed(BOX, 0.5, np.float32)
    graded[40:60, 60:90] = -1
    said = [(*BOX, 0.5), (60, 40, 30, 20, -1)]
    assert codec.encode(picture, importance=graded) == codec.encode(picture, importance=said)
    over_the_edge = (100, 70, 400, 400)
    cut = boxed((100, 70, 17, 13), True, bool)
    assert codec.encode(picture, importance=over_the_edge) == codec.encode(picture, importance=cut)


def test_masks_of_any_size(
    codec: dlf.Codec, packages: dict[str, Path], picture: np.ndarray
) -> None:
    left = np.array([[True, False]])
    for mask in (
        left,
        np.kron(left, np.ones((100, 300), bool)),
        np.kron(left, np.ones((3, 7), bool)),
    ):
        data = codec.encode(picture, 30, importance=mask)
        rates, rate = rates_of(data, packages["maps"]), dlf.info(data).rate
        assert np.all(rates[:, :7] == rate + FULL_MOVE)
        assert np.all(rates[:, 8:] == rate)


def test_what_says_nothing_costs_nothing(codec: dlf.Codec, picture: np.ndarray) -> None:
    plain = codec.encode(picture, 30)
    assert codec.encode(picture, 30, importance=np.zeros((5, 5))) == plain
    assert codec.encode(picture, 30, importance=(*BOX, 0)) == plain
    best = codec.encode(picture, 100)
    assert codec.encode(picture, 100, importance=BOX) == best


@pytest.mark.parametrize("bpp", [1.75, 1.9, 2.2])
def test_sizes_hold_with_the_map_in_force(
    codec: dlf.Codec, packages: dict[str, Path], picture: np.ndarray, bpp: float
) -> None:
    most = int(bpp * WIDTH * HEIGHT / 8)
    data = codec.encode(picture, bpp=bpp, importance=BOX)
    assert len(data) <= most
    assert data == codec.encode(picture, max_bytes=most, importance=BOX)
    assert codec.decode(data).shape == picture.shape


def test_importance_gives_way_before_a_size_is_refused(
    codec: dlf.Codec, picture: np.ndarray
) -> None:
    sizes = [len(codec.encode(picture, 100 * rate / 11)) for rate in range(12)]
    smallest = len(codec.encode(picture, 0))
    assert min(sizes) <= smallest
    everywhere = codec.encode(picture, max_bytes=smallest, importance=np.ones((1, 1)))
    assert len(everywhere) <= smallest
    with pytest.raises(ValueError, match="cannot be coded in 60 bytes"):
        codec.encode(picture, max_bytes=60, importance=BOX)


@pytest.mark.parametrize(
    ("importance", "words"),
    [
        ("faces", "mask, boxes or 'auto', not 'faces'"),
        (7, "mask, boxes or 'auto', not 7"),
        (b"mask", "mask, boxes or 'auto'"),
        ([], "an empty list of boxes"),
        ((1, 2, 3), "a box is x, y, width, height"),
        ((1, 2, "3", 4), "a box is x, y, width, height"),
        ((1, 2, float("nan"), 4), "a box is x, y, width, height"),
        ((1, 2, 0, 4), "0 x 4 pixels is empty"),
        ((1, 2, 3, 4, 1.5), "gain of a box is from -1 to 1, not 1.5"),
        ((WIDTH, 0, 5, 5), "outside the picture of 117 x 83"),
        (np.zeros((0, 5)), "rows and columns, not the shape"),
        (np.zeros(5), "rows and columns, not the shape"),
        (np.zeros((5, 5, 3)), "rows and columns, not the shape"),
        (np.full((2, 2), 1.01), "from -1 to 1, not 1.01"),
        (np.full((2, 2), np.nan), "from -1 to 1"),
        (np.full((2, 2), 255), "from -1 to 1, not 255"),
        (np.eye(3, dtype=np.uint8), "give 0 and 1 as bool"),
        (np.zeros((2, 2), complex), "bools or numbers, not complex128"),
        (Image.new("F", (4, 4)), "mode F is not understood"),
    ],
    # Numbers: the repr of a picture is its address, and workers of xdist must agree on names.
    ids=lambda _: "",
)
def test_wrong_importance_is_refused_by_name(
    codec: dlf.Codec, picture: np.ndarray, importance: Any, words: str
) -> None:
    with pytest.raises(ValueError, match="importance") as refused:
        codec.encode(picture, importance=importance)
    assert words in str(refused.value)


def test_models_without_maps_refuse_importance(
    packages: dict[str, Path], picture: np.ndarray, torch_package: Path
) -> None:
    for model in (packages["none"], torch_package):
        for importance in (BOX, "auto"):
            with pytest.raises(ValueError, match="importance: the model .* has no importance maps"):
                dlf.encode(picture, model=model, importance=importance)
            with pytest.raises(ValueError, match="has no importance maps"):
                dlf.encode(picture, max_bytes=5000, model=model, importance=importance)


def test_auto_needs_a_model_that_finds_importance(
    codec: dlf.Codec, packages: dict[str, Path]
) -> None:
    dark_and_bright = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    dark_and_bright[:, 64:] = 255
    with pytest.raises(ValueError, match="importance: the model has no importance program"):
        codec.encode(dark_and_bright, importance="auto")
    finds = dlf.Codec(packages["finds"], threads=1)
    data = finds.encode(dark_and_bright, 50, importance="auto")
    rates, rate = rates_of(data, packages["finds"]), dlf.info(data).rate
    assert np.all(rates[:, 8:] > rate)
    assert np.all(rates[:, :8] == rate)
    limited = finds.encode(dark_and_bright, max_bytes=len(data), importance="auto")
    assert len(limited) <= len(data)


def test_batches_take_importance_for_each_picture(codec: dlf.Codec, picture: np.ndarray) -> None:
    pictures = [picture, picture[:40], picture[:, 30:]]
    box = (10, 0, 30, 30)
    for target in ({}, {"max_bytes": 2500}):
        files = codec.encode_batch(pictures, importance=box, **target)
        assert files == [codec.encode(each, importance=box, **target) for each in pictures]
    with pytest.raises(ValueError, match="picture 1: importance: the box .* is outside"):
        codec.encode_batch(pictures, importance=(0, 50, 20, 20))


def test_every_door_takes_importance(
    codec: dlf.Codec, packages: dict[str, Path], picture: np.ndarray, tmp_path: Path
) -> None:
    model = packages["maps"]
    expected = codec.encode(picture, importance=BOX)
    assert dlf.encode(picture, model=model, importance=BOX) == expected
    dlf_pillow.register()
    Image.fromarray(picture).save(tmp_path / "pillow.dlf", model=model, importance=BOX)
    iio.imwrite(tmp_path / "imageio.dlf", picture, model=model, importance=BOX)
    Image.fromarray(picture).save(tmp_path / "in.png")
    Image.fromarray(boxed(BOX, 255, np.uint8)).save(tmp_path / "mask.png")
    words = ["--model", str(model), "--quiet"]
    for name, said in (("box", "24,16,40,32"), ("mask", str(tmp_path / "mask.png"))):
        source, target = str(tmp_path / "in.png"), str(tmp_path / f"{name}.dlf")
        assert main(["encode", *words, "--importance", said, source, target]) == 0
        assert main(["batch", *words, "--workers", "0", "--importance", said, source,
                     str(tmp_path / f"batch-{name}")]) == 0  # fmt: skip
    written = [*tmp_path.glob("*.dlf"), *tmp_path.glob("batch-*/*.dlf")]
    assert len(written) == 6
    for path in written:
        assert path.read_bytes() == expected, path


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["1,2,3,x"], "a box is X,Y,W,H or X,Y,W,H:GAIN, not '1,2,3,x'"),
        (["1,2,3,4:2"], "gain of a box"),
        (["auto", "1,2,3,4"], "give 'auto', one mask, or boxes"),
        (["auto"], "has no importance program"),
    ],
)
def test_words_that_mean_nothing(
    packages: dict[str, Path],
    picture: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    Image.fromarray(picture).save(tmp_path / "in.png")
    said = [part for word in words for part in ("--importance", word)]
    target = tmp_path / "out.dlf"
    model = str(packages["maps"])
    assert main(["encode", "--model", model, *said, str(tmp_path / "in.png"), str(target)]) == 2
    assert complaint in capsys.readouterr().err
    assert not target.exists()


def test_a_batch_knows_its_importance_again() -> None:
    said: list[Any] = [None, "auto", [BOX], [(*BOX, 0.5)], np.ones((2, 2)), np.ones((1, 4))]
    described = [Settings(importance=importance).describe() for importance in said]
    assert len(set(described)) == len(said)
    assert all(" importance=" in line for line in described[1:])


def test_info_shows_the_map_and_its_cost(
    codec: dlf.Codec,
    packages: dict[str, Path],
    picture: np.ndarray,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DLF_MODEL_PATH", str(packages["maps"].parent))
    data = codec.encode(picture, 40, importance=[BOX, (96, 0, 16, 80, -2 / 3)])
    path = tmp_path / "map.dlf"
    path.write_bytes(data)
    assert main(["info", "--json", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["importance_map"] is True
    assert facts["rates"] == rates_of(data, packages["maps"]).tolist()
    lengths = code_lengths(data, packages["maps"])
    assert facts["importance_bytes"] == pytest.approx(lengths["map"] / 8, abs=0.06)
    assert 1 < facts["importance_bytes"] < 20
    total = lengths["windows"].sum() + lengths["positions"].sum() + lengths["map"]
    assert -1 <= dlf.info(data).payload_bytes - total / 8 <= 5
    assert main(["info", str(path)]) == 0
    rows = [line[17:] for line in capsys.readouterr().out.splitlines()[-11:]]
    assert rows[0] == "............ff."
    assert rows[3] == "...99999....ff."
    path.write_bytes(codec.encode(picture, 40))
    assert main(["info", "--json", str(path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["importance_map"], facts["rates"]) == (False, None)
