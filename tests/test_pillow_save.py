"""Saving .dlf files with Pillow: modes, options, metadata, and what a failure leaves behind."""

from __future__ import annotations

import io
import pickle
import resource
from fractions import Fraction
from pathlib import Path
from typing import Any

import dlf
import dlf_pillow
import numpy as np
import pytest
from dlf import icc
from PIL import Image, ImageDraw, ImageOps

pytestmark = pytest.mark.usefixtures("model_environment")

MODES = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "I;16": "L",
    "I;16B": "L",
    "I;16L": "L",
}


def saved(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "DLF", **options)
    return file.getvalue()


def reopened(image: Image.Image, **options: Any) -> Image.Image:
    result = Image.open(io.BytesIO(saved(image, **options)))
    result.load()
    return result


def converted(image: Image.Image, mode: str) -> Image.Image:
    if mode.startswith("I;16"):
        return image.convert("L").convert("I").point(lambda value: value * 257, "I").convert(mode)
    if mode == "LAB":
        return Image.merge("LAB", image.split())
    if mode == "La":
        return image.convert("LA").convert("La")
    return image.convert("RGBA").convert("P").convert("PA") if mode == "PA" else image.convert(mode)


@pytest.mark.parametrize(("mode", "stored"), MODES.items())
def test_modes(mode: str, stored: str, pictures: dict[str, Image.Image]) -> None:
    base = pictures["RGBA"].convert("RGBa") if mode == "RGBa" else pictures["RGB"]
    result = reopened(converted(base, mode))
    assert (result.mode, result.size) == (stored, base.size)


def test_16_bit_gray_is_scaled_and_not_clipped(pictures: dict[str, Image.Image]) -> None:
    gray = pictures["L"]
    for mode in ("I;16", "I;16B", "I;16L"):
        assert saved(converted(gray, mode)) == saved(gray)


def test_alpha_is_kept_without_loss(pictures: dict[str, Image.Image]) -> None:
    for mode in ("LA", "RGBA"):
        image = pictures[mode]
        assert reopened(image).getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_a_palette_with_transparency_keeps_it(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"].quantize(8)
    image.info["transparency"] = image.getpixel((0, 0))
    result = reopened(image)
    assert result.mode == "RGBA"
    assert np.array_equal(
        np.asarray(result.getchannel("A")), np.asarray(image.convert("RGBA").getchannel("A"))
    )


@pytest.mark.parametrize("mode", ["I", "F"])
def test_deep_images_are_refused_with_advice(mode: str) -> None:
    with pytest.raises(dlf.Unsupported, match="scale it to 8 bits"):
        saved(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("size", [(0, 0), (0, 9), (9, 0)])
def test_empty_images_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(dlf.Unsupported, match=f"{size[0]}x{size[1]}"):
        saved(Image.new("RGB", size))


def test_the_same_bytes_as_dlf_encode(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"]
    assert saved(image, quality=30) == dlf.encode(image, 30)
    assert saved(image) == dlf.encode(image)
    for number in (30.0, np.int64(30), np.float32(30), np.uint8(30), Fraction(30)):
        assert saved(image, quality=number) == saved(image, quality=30)
    limit = len(dlf.encode(image, 30))
    assert saved(image, max_bytes=limit) == dlf.encode(image, max_bytes=limit)
    assert len(saved(image, max_bytes=limit)) <= limit


def test_every_option_of_quality_counts_for_images_that_came_from_other_formats(
    pictures: dict[str, Image.Image], tmp_path: Path
) -> None:
    path = tmp_path / "source.jpg"
    pictures["RGB"].save(path)
    image = Image.open(path)
    assert dlf.info(saved(image, quality=0)).rate == 0
    assert dlf.info(saved(image, quality=100)).rate == dlf.Codec().model.rate_points - 1
    image.thumbnail((20, 20))
    assert reopened(image).size == image.size
    ImageDraw.Draw(image).rectangle((0, 0, 20, 20), fill=(255, 255, 255))
    assert saved(image, quality=100) == dlf.encode(np.asarray(image), 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quality": 101}, "quality must be a number from 0 to 100, not 101"),
        ({"quality": "high"}, "quality must be a number"),
        ({"bpp": 0}, "bpp must be above 0"),
        ({"max_bytes": -5}, "max_bytes must be a number of at least 1"),
        ({"max_bytes": 3}, "3 bytes"),
        ({"quality": 50, "bpp": 0.1}, "one of quality, bpp and max_bytes"),
        ({"bpp": 0.1, "max_bytes": 100}, "one of quality, bpp and max_bytes"),
        ({"threads": 0}, "threads must be a number from 1 to 256"),
        ({"device": "gpu"}, "device must be"),
        ({"exif": 5}, "exif must be bytes"),
        ({"xmp": 5}, "xmp must be bytes"),
        ({"icc_profile": 5}, "icc_profile must be bytes"),
    ],
)
def test_wrong_options_are_value_errors(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        saved(Image.new("RGB", (8, 8)), **options)


def test_options_of_other_formats_are_ignored(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"]
    assert saved(image, optimize=True, progressive=True, subsampling=2) == saved(image)
    assert saved(image, exif=None, icc_profile=None, xmp=None, quality=None) == saved(image)


def test_an_unknown_model_is_an_oserror_that_lists_the_installed() -> None:
    with pytest.raises(dlf.ModelError, match="unknown model 'nowhere'; installed:"):
        saved(Image.new("RGB", (8, 8)), model="nowhere")


def test_write_only_targets_and_extensions(
    pictures: dict[str, Image.Image], tmp_path: Path
) -> None:
    class Sink:
        data = b""

        def write(self, data: bytes) -> int:
            self.data += data
            return len(data)

    sink = Sink()
    pictures["L"].save(sink, "DLF")  # type: ignore[call-overload]
    assert sink.data == saved(pictures["L"])
    for name in ("lower.dlf", "UPPER.DLF"):
        pictures["L"].save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == sink.data


# --- metadata


def exif() -> Image.Exif:
    result = Image.Exif()
    result[0x010E] = "description"
    result[0x0112] = 8
    return result


def test_metadata_is_dropped_by_default_but_for_the_orientation(
    pictures: dict[str, Image.Image],
) -> None:
    plain = saved(pictures["RGB"])
    image = pictures["RGB"].copy()
    image.info.update(exif=exif().tobytes(), xmp=b"<x/>", icc_profile=icc.display_p3_profile())
    result = reopened(image)
    assert dict(result.getexif()) == {0x0112: 8}
    assert "xmp" not in result.info
    assert icc.classify(result.info["icc_profile"]) == "display-p3"
    assert len(saved(image)) <= len(plain) + 1  # one byte describes all of it


@pytest.mark.parametrize("as_bytes", [False, True])
def test_metadata_that_is_passed_is_embedded(
    as_bytes: bool, pictures: dict[str, Image.Image]
) -> None:
    mine = exif()
    profile = icc.display_p3_profile()
    options = {
        "exif": mine.tobytes() if as_bytes else mine,
        "xmp": b"<x>\xc3\xa9</x>" if as_bytes else "<x>é</x>",
        "icc_profile": profile,
    }
    for _ in range(2):  # saving changes nothing that was passed
        result = reopened(pictures["RGB"], **options)
        assert dict(result.getexif()) == dict(mine) == {0x010E: "description", 0x0112: 8}
        assert result.info["xmp"] == b"<x>\xc3\xa9</x>"
        assert result.info["icc_profile"] == profile
        assert result.size == pictures["RGB"].size


def test_an_exif_object_and_its_bytes_give_the_same_file(
    pictures: dict[str, Image.Image],
) -> None:
    image = pictures["RGB"]
    with_prefix = exif().tobytes()
    assert with_prefix.startswith(b"Exif\0\0")
    bare = with_prefix.removeprefix(b"Exif\0\0")
    assert saved(image, exif=exif()) == saved(image, exif=with_prefix) == saved(image, exif=bare)


@pytest.mark.parametrize("damaged", [b"garbage", b"MM", b"MM\0*\0\0\0\x08\xff\xff"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_damaged_metadata_harms_nobody(damaged: bytes, pictures: dict[str, Image.Image]) -> None:
    image = reopened(pictures["L"], exif=damaged, xmp=damaged)
    assert dict(image.getexif()) == {}
    assert ImageOps.exif_transpose(image).size == image.size
    assert image.info["exif"] == b"Exif\0\0" + damaged
    assert image.info["xmp"] == damaged
    pytest.importorskip("defusedxml")
    assert image.getxmp() == {}


def test_metadata_can_be_added_and_removed_again(pictures: dict[str, Image.Image]) -> None:
    plain = saved(pictures["RGB"])
    image = reopened(pictures["RGB"], exif=exif(), xmp="<x/>")
    assert {"exif", "xmp"} <= set(image.info)
    copied = reopened(image, exif=image.getexif(), xmp=image.info["xmp"])
    assert (copied.info["exif"], copied.info["xmp"]) == (image.info["exif"], image.info["xmp"])
    removed = reopened(image, exif=b"", xmp=b"")
    assert not {"exif", "xmp"} & set(removed.info)
    assert len(saved(image, exif=b"", xmp=b"")) <= len(plain) + 8  # other pixels: it was decoded


def test_metadata_can_be_stripped(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"].copy()
    plain = saved(image)
    image.info.update(exif=exif().tobytes(), xmp=b"<x/>", icc_profile=icc.display_p3_profile())
    assert saved(image, exif=b"", xmp=b"", icc_profile=b"") == plain


def test_getxmp(pictures: dict[str, Image.Image]) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a>1</a></x:xmpmeta>"
    pytest.importorskip("defusedxml")
    assert reopened(pictures["L"], xmp=xmp).getxmp() == {"xmpmeta": {"a": "1"}}


def test_saving_changes_nothing_that_was_given(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGBA"].copy()
    image.info.update(exif=exif().tobytes(), note="kept")
    options = {"quality": 40, "exif": exif(), "append_images": []}
    before = (
        image.tobytes(),
        image.mode,
        dict(image.info),
        dict(options["exif"]),  # type: ignore[call-overload]
    )
    saved(image, **options)
    assert (
        image.tobytes(),
        image.mode,
        image.info,
        dict(options["exif"]),  # type: ignore[call-overload]
    ) == before
    assert list(options) == ["quality", "exif", "append_images"]


# --- save_all and failures


def test_save_all_with_one_image_and_with_more(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"]
    assert saved(image, save_all=True) == saved(image)
    assert saved(image, save_all=True, append_images=[]) == saved(image)
    with pytest.raises(ValueError, match="holds one image, not 3"):
        saved(image, save_all=True, append_images=[image, image])
    animation = io.BytesIO()
    frames = [Image.new("L", (4, 4), value) for value in (0, 128)]
    frames[0].save(animation, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(animation) as several:
        with pytest.raises(ValueError, match="holds one image, not 2"):
            saved(several, save_all=True)
        assert reopened(several).size == (4, 4)  # without save_all: the current frame


def test_our_own_save_leaves_the_old_file_when_it_fails(
    pictures: dict[str, Image.Image], tmp_path: Path
) -> None:
    path = tmp_path / "x.dlf"
    dlf_pillow.save(pictures["RGB"], path, quality=20)
    before = path.read_bytes()
    assert before == saved(pictures["RGB"], quality=20)
    with pytest.raises(dlf.Unsupported):
        dlf_pillow.save(Image.new("F", (4, 4)), path)
    with pytest.raises(ValueError, match="quality"):
        dlf_pillow.save(pictures["RGB"], path, quality=-1)
    with pytest.raises(FileNotFoundError):
        dlf_pillow.save(pictures["RGB"], tmp_path / "missing" / "x.dlf")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # as on a disk that is full then
    try:
        with pytest.raises(OSError, match="File too large"):
            dlf_pillow.save(pictures["RGB"], path, quality=20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.dlf"]


def test_our_own_save_takes_every_kind_of_path(
    pictures: dict[str, Image.Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = saved(pictures["L"])
    for path in ("text.dlf", b"bytes.dlf", Path("path.dlf"), "-"):
        dlf_pillow.save(pictures["L"], path)
    names = ["-", "bytes.dlf", "path.dlf", "text.dlf"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert all(Path(name).read_bytes() == expected for name in names)


def test_a_failed_save_to_a_new_file_leaves_none(tmp_path: Path) -> None:
    path = tmp_path / "new.dlf"
    with pytest.raises(dlf.Unsupported):
        Image.new("F", (4, 4)).save(path)
    assert not path.exists()


def test_saving_a_lazy_dlf_image_again(photo_dlf: bytes) -> None:
    lazy = Image.open(io.BytesIO(photo_dlf))
    assert reopened(lazy, quality=10).size == lazy.size
    unpickled = pickle.loads(pickle.dumps(Image.open(io.BytesIO(photo_dlf))))
    assert reopened(unpickled).size == lazy.size
