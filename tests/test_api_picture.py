"""From Pillow images and arrays to what is coded: modes, metadata, colour."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from dlf import icc, metadata
from dlf.errors import Unsupported
from dlf.picture import prepare
from PIL import Image, ImageCms

SIZE = (9, 7)
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def gradient(mode: str = "RGB") -> Image.Image:
    bands = [Image.linear_gradient("L").resize(SIZE)]
    bands += [Image.radial_gradient("L").resize(SIZE), bands[0].rotate(90), bands[0].rotate(180)]
    return Image.merge(mode, bands[: CHANNELS[mode]])


def with_transparency(mode: str, value: Any) -> Image.Image:
    image = gradient("L" if mode == "L" else "RGB").convert(mode)
    image.info["transparency"] = value
    return image


def icc_bytes(profile: Any) -> bytes:
    return ImageCms.ImageCmsProfile(profile).tobytes()


IMAGES = {
    "1": (gradient("L").convert("1"), "L"),
    "L": (gradient("L"), "L"),
    "LA": (gradient("LA"), "LA"),
    "La": (gradient("LA").convert("La"), "LA"),
    "RGB": (gradient(), "RGB"),
    "RGBX": (gradient().convert("RGBX"), "RGB"),
    "RGBA": (gradient("RGBA"), "RGBA"),
    "RGBa": (gradient("RGBA").convert("RGBa"), "RGBA"),
    "CMYK": (gradient().convert("CMYK"), "RGB"),
    "YCbCr": (gradient().convert("YCbCr"), "RGB"),
    "LAB": (Image.merge("LAB", gradient().split()), "RGB"),
    "HSV": (gradient().convert("HSV"), "RGB"),
    "P": (gradient().quantize(16), "RGB"),
    "PA": (gradient().quantize(16).convert("PA"), "RGBA"),
    "L with a transparent gray": (with_transparency("L", 0), "LA"),
    "RGB with a transparent colour": (with_transparency("RGB", (0, 0, 0)), "RGBA"),
    "P with a transparent entry": (with_transparency("P", 5), "RGBA"),
    "P with transparency bytes": (with_transparency("P", b"\0\x80"), "RGBA"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_every_mode_becomes_what_the_table_says(name: str) -> None:
    image, mode = IMAGES[name]
    before = image.tobytes(), image.mode, dict(image.info)
    picture = prepare(image)
    assert (image.tobytes(), image.mode, image.info) == before
    assert picture.pixels.shape == (SIZE[1], SIZE[0], CHANNELS[mode])
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous


def test_the_pixels_are_those_of_pillow() -> None:
    for name in ("L", "LA", "RGB", "RGBA"):
        image, mode = IMAGES[name]
        expected = np.asarray(image).reshape(SIZE[1], SIZE[0], CHANNELS[mode])
        assert np.array_equal(prepare(image).pixels, expected)
    image = IMAGES["P with a transparent entry"][0].copy()
    image.info["transparency"] = image.getpixel((0, 0))
    assert np.array_equal(prepare(image).pixels, np.asarray(image.convert("RGBA")))
    assert 0 in prepare(image).pixels[..., 3]


RAMP = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
def test_16_bit_gray_becomes_its_upper_8_bits(mode: str) -> None:
    stored = RAMP.astype(">u2" if mode == "I;16B" else "<u2")  # I;16N is the machine's own
    pixels = prepare(Image.frombytes(mode, RAMP.shape, stored.tobytes())).pixels
    assert np.array_equal(pixels[..., 0], RAMP >> 8)
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_transparent_16_bit_gray_keeps_its_transparency() -> None:
    image = Image.fromarray(RAMP)
    image.info["transparency"] = int(RAMP[2, 3])
    pixels = prepare(image).pixels
    assert np.array_equal(pixels[..., 0], RAMP >> 8)
    assert np.argwhere(pixels[..., 1] == 0).tolist() == [[2, 3]]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_deep_modes_are_refused_with_advice_that_works(mode: str) -> None:
    image = Image.fromarray(RAMP.astype(np.int32))
    with pytest.raises(Unsupported, match=f"mode {mode} .*scale it to 8 bits") as caught:
        prepare(image if mode == "I" else image.convert("F"))
    if mode == "I":
        advice = str(caught.value).split("for example ")[1].split(" for 16-bit")[0]
        scaled = eval(advice, {"Image": Image, "numpy": np, "image": image})
        assert scaled.mode == "L"
        assert scaled.getextrema() == (0, 255)
        assert len(set(scaled.tobytes())) == 64  # and not clipped to white


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), bool),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
    ],
)
def test_arrays_that_are_no_8_bit_picture_are_refused(array: Any) -> None:
    with pytest.raises(Unsupported, match="cannot be encoded"):
        prepare(array)


def test_an_empty_image_is_refused() -> None:
    for size in ((0, 0), (0, 5), (5, 0)):
        with pytest.raises(Unsupported, match=f"{size[0]}x{size[1]} pixels"):
            prepare(Image.new("RGB", size))


def test_what_is_no_image_is_a_type_error() -> None:
    for thing in ("photo.png", b"bytes", [[1, 2]], None):
        with pytest.raises(TypeError, match="pass a Pillow image or a uint8 NumPy array"):
            prepare(thing)  # type: ignore[arg-type]


def test_arrays_may_be_views() -> None:
    array = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
    view = array[::2, ::-1]
    assert np.array_equal(prepare(view).pixels, view)
    read_only = array.copy()
    read_only.flags.writeable = False
    assert np.array_equal(prepare(read_only).pixels, array)


# --- orientation and EXIF


def exif_with(orientation: int | None) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "description"
    if orientation is not None:
        exif[metadata.ORIENTATION_TAG] = orientation
    return exif


def reopened_with_exif(orientation: int) -> Image.Image:
    file = io.BytesIO()
    gradient().save(file, "JPEG", exif=exif_with(orientation))
    return Image.open(file)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_kept_and_exif_dropped_by_default(orientation: int) -> None:
    picture = prepare(reopened_with_exif(orientation))
    assert (picture.orientation, picture.exif) == (orientation, None)
    assert picture.pixels.shape == (SIZE[1], SIZE[0], 3)  # not turned


@pytest.mark.parametrize("as_bytes", [False, True])
def test_explicit_exif_is_embedded_unchanged_and_its_orientation_counts(as_bytes: bool) -> None:
    exif = exif_with(3)
    before = dict(exif)
    picture = prepare(reopened_with_exif(6), exif=exif.tobytes() if as_bytes else exif)
    assert dict(exif) == before
    assert picture.orientation == 3
    assert picture.exif == exif.tobytes().removeprefix(b"Exif\0\0")


def test_exif_without_orientation_and_empty_exif_mean_what_they_say() -> None:
    assert prepare(reopened_with_exif(6), exif=exif_with(None)).orientation == 1
    empty = prepare(reopened_with_exif(6), exif=b"")
    assert (empty.orientation, empty.exif) == (1, None)


@pytest.mark.parametrize("damaged", [b"nonsense", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"MM\0*"])
def test_damaged_exif_does_not_stop_anybody(damaged: bytes) -> None:
    image = gradient()
    image.info["exif"] = damaged
    assert prepare(image).orientation == 1
    assert prepare(image, exif=damaged).exif == damaged.removeprefix(b"Exif\0\0")


def test_wrong_metadata_types_are_named() -> None:
    for name in ("exif", "icc_profile", "xmp"):
        with pytest.raises(ValueError, match=f"{name} must be bytes, not int"):
            prepare(gradient(), **{name: 5})  # type: ignore[arg-type]


def test_xmp_may_be_text() -> None:
    assert prepare(gradient(), xmp="<x>é</x>").xmp == "<x>é</x>".encode()
    assert prepare(gradient(), xmp=b"<x/>").xmp == b"<x/>"
    assert prepare(gradient(), xmp="").xmp is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_synthetic_exif_is_small_and_pillow_reads_it(orientation: int) -> None:
    content = metadata.orientation_exif(orientation)
    assert len(content) == 32
    exif = Image.Exif()
    exif.load(content)
    assert dict(exif) == {metadata.ORIENTATION_TAG: orientation}


def test_the_headers_orientation_wins_over_stored_exif() -> None:
    stored = exif_with(3).tobytes().removeprefix(b"Exif\0\0")
    shown = Image.Exif()
    shown.load(metadata.exif_for_reader(stored, 8) or b"")
    assert (shown[metadata.ORIENTATION_TAG], shown[0x010E]) == (8, "description")
    assert metadata.exif_for_reader(stored, 3) == b"Exif\0\0" + stored
    assert metadata.exif_for_reader(None, 1) is None
    damaged = metadata.exif_for_reader(b"nonsense", 5)
    assert damaged is not None
    assert metadata.exif_orientation(damaged) == 5


# --- colour


def test_srgb_and_display_p3_are_recognised() -> None:
    assert icc.classify(icc_bytes(ImageCms.createProfile("sRGB"))) == "srgb"
    assert icc.classify(icc.display_p3_profile()) == "display-p3"


def test_other_and_damaged_profiles_are_not() -> None:
    p3 = icc.display_p3_profile()
    for profile in (
        icc_bytes(ImageCms.createProfile("XYZ")),
        icc_bytes(ImageCms.createProfile("LAB")),
        adobe_like_profile(),
        b"",
        p3[:128],
        p3[:200],
        p3[:-40],
        b"\xff" * 600,
    ):
        assert icc.classify(profile) is None


def adobe_like_profile() -> bytes:
    """Display P3 with a gamma of 1.8: a profile that LittleCMS takes and the header cannot name."""
    profile = icc.display_p3_profile()
    start = profile.index(b"para")
    gamma = (int(1.8 * 65536)).to_bytes(4, "big")
    flat = b"para" + bytes(8) + gamma + bytes(16)
    return profile[:start] + flat.ljust(32, b"\0") + profile[start + 32 :]


def test_littlecms_reads_our_profile() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc.display_p3_profile()))
    assert ImageCms.getProfileDescription(profile).strip() == "Display P3"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    gray = Image.new("RGB", (1, 1), (90, 90, 90))
    same = ImageCms.profileToProfile(gray, profile, srgb)
    assert same is not None
    assert max(abs(value - 90) for value in same.tobytes()) <= 1


def test_own_srgb_profile_is_dropped_and_p3_becomes_two_header_bits() -> None:
    image = gradient()
    image.info["icc_profile"] = icc_bytes(ImageCms.createProfile("sRGB"))
    picture = prepare(image)
    assert (picture.color_space, picture.icc_profile) == ("srgb", None)
    image.info["icc_profile"] = icc.display_p3_profile()
    picture = prepare(image)
    assert (picture.color_space, picture.icc_profile) == ("display-p3", None)
    assert np.array_equal(picture.pixels, np.asarray(image))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_other_profiles_are_converted_to_srgb(mode: str) -> None:
    image = gradient(mode)
    image.info["icc_profile"] = adobe_like_profile() if "RGB" in mode else gray_profile()
    picture = prepare(image)
    assert (picture.color_space, picture.icc_profile) == ("srgb", None)
    plain = prepare(gradient(mode)).pixels
    assert picture.pixels.shape == plain.shape
    colours = slice(0, 3 if "RGB" in mode else 1)
    assert not np.array_equal(picture.pixels[..., colours], plain[..., colours])
    if mode.endswith("A"):
        assert np.array_equal(picture.pixels[..., -1], plain[..., -1])


def gray_profile() -> bytes:
    """A gray profile with a gamma of 1.0."""
    curve = b"curv" + bytes(8)
    white = icc.display_p3_profile()
    white = white[white.index(b"XYZ ", 128) :][:20]
    start = 128 + 4 + 2 * 12
    table = (2).to_bytes(4, "big")
    table += b"kTRC" + start.to_bytes(4, "big") + len(curve).to_bytes(4, "big")
    table += b"wtpt" + (start + 12).to_bytes(4, "big") + (20).to_bytes(4, "big")
    head = bytearray(icc.display_p3_profile()[:128])
    head[16:20] = b"GRAY"
    head[0:4] = (start + 32).to_bytes(4, "big")
    return bytes(head) + table + curve + white


def test_an_explicit_profile_is_embedded_and_the_pixels_left_alone() -> None:
    image = gradient()
    image.info["icc_profile"] = icc.display_p3_profile()
    profile = adobe_like_profile()
    picture = prepare(image, icc_profile=profile)
    assert (picture.color_space, picture.icc_profile) == ("srgb", profile)
    assert np.array_equal(picture.pixels, np.asarray(image))
    stripped = prepare(image, icc_profile=b"")
    assert (stripped.color_space, stripped.icc_profile) == ("srgb", None)


def test_a_damaged_profile_is_taken_for_srgb() -> None:
    image = gradient()
    image.info["icc_profile"] = b"\xff" * 300
    picture = prepare(image)
    assert picture.color_space == "srgb"
    assert np.array_equal(picture.pixels, np.asarray(image))
