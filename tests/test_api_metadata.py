"""What is kept of a picture's metadata, and what of its invisible pixels: nothing that is false."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
from pathlib import Path

import dlf
import numpy as np
import numpy.typing as npt
import pytest
from conftest import scene
from dlf import icc, metadata
from dlf.cli import main
from dlf.picture import prepare
from PIL import Image, ImageCms, TiffImagePlugin

pytestmark = pytest.mark.usefixtures("model_environment")

STRIP_OFFSETS, STRIP_BYTES, WIDTH, COMPRESSION, ICC = 0x0111, 0x0117, 0x0100, 0x0103, 0x8773
DESCRIPTION, ORIENTATION, ARTIST = 0x010E, 0x0112, 0x013B

# --- EXIF


def tiff_file() -> io.BytesIO:
    """A TIFF picture of many strips, with a description and an ICC profile."""
    file = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[DESCRIPTION], tags[ORIENTATION], tags[ARTIST] = "a description", 6, "somebody"
    tags[0x0116] = 1  # rows per strip
    profile = icc.display_p3_profile()
    Image.fromarray(scene(40, 30, seed=1)).save(file, "TIFF", tiffinfo=tags, icc_profile=profile)
    return file


def read(exif: bytes | None) -> dict[int, object]:
    found = Image.Exif()
    found.load(exif or b"")
    return dict(found)


def stored(exif: bytes) -> bytes:
    """What a file holds of it."""
    kept = dlf.info(dlf.encode(np.zeros((8, 8, 3), np.uint8), exif=exif)).exif
    return (kept or b"").removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("as_bytes", [False, True])
def test_exif_of_a_tiff_file_is_kept_without_its_structure(as_bytes: bool) -> None:
    image = Image.open(tiff_file())
    exif = image.getexif()
    assert {STRIP_OFFSETS, STRIP_BYTES, WIDTH, COMPRESSION, ICC} <= set(exif)
    kept = dlf.info(dlf.encode(image, exif=exif.tobytes() if as_bytes else exif)).exif
    assert read(kept) == {DESCRIPTION: "a description", ORIENTATION: 6, ARTIST: "somebody"}
    assert {STRIP_OFFSETS, WIDTH} <= set(exif)  # what was passed is not changed


def test_values_that_nobody_needs_cost_nothing() -> None:
    image = Image.open(tiff_file())
    exif = image.getexif()
    exif[STRIP_OFFSETS] = tuple(np.random.default_rng(0).integers(0, 2**31, 5000).tolist())
    described = Image.Exif()
    described[DESCRIPTION], described[ORIENTATION], described[ARTIST] = (
        "a description",
        6,
        "somebody",
    )
    with_junk, without = (dlf.encode(image, exif=kind) for kind in (exif, described))
    assert len(with_junk) < len(without) + 200


def test_the_command_keeps_no_structure_either(tmp_path: Path) -> None:
    source, target = tmp_path / "in.tiff", tmp_path / "out.dlf"
    source.write_bytes(tiff_file().getvalue())
    assert main(["encode", str(source), str(target), "--keep", "exif", "--quiet"]) == 0
    kept = dlf.info(target.read_bytes()).exif
    assert not {STRIP_OFFSETS, STRIP_BYTES, WIDTH, COMPRESSION} & set(read(kept))
    assert read(kept)[DESCRIPTION] == "a description"


def test_ordinary_exif_is_kept_byte_for_byte() -> None:
    exif = Image.Exif()
    exif[DESCRIPTION], exif[ORIENTATION] = "x" * 100, 3
    exif.get_ifd(0x8769)[0x829A] = 0.5  # exposure time
    content = exif.tobytes()
    image = Image.new("RGB", (8, 8))
    assert dlf.info(dlf.encode(image, exif=content)).exif == content


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stated", [None, 3])
def test_the_headers_orientation_is_put_into_any_exif(order: str, stated: int | None) -> None:
    """In place, or in a longer directory: everything else stays readable."""
    entries = [(DESCRIPTION, 2, b"a description\0"), (ARTIST, 2, b"somebody\0")]
    fields, values, place = b"", b"", 8 + 2 + 12 * (2 + (stated is not None)) + 4
    for tag, kind, value in entries:
        fields += struct.pack(f"{order}HHII", tag, kind, len(value), place + len(values))
        values += value
        if tag == DESCRIPTION and stated is not None:
            fields += struct.pack(f"{order}HHIHH", ORIENTATION, 3, 1, stated, 0)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    exif = head + struct.pack(f"{order}H", len(fields) // 12) + fields + bytes(4) + values
    shown = metadata.exif_for_reader(exif, 8)
    assert read(shown) == {DESCRIPTION: "a description", ARTIST: "somebody", ORIENTATION: 8}
    assert metadata.exif_orientation(exif) == (stated or 1)


def test_exif_that_ends_with_its_last_field() -> None:
    """Some writers leave out where the next directory would be."""
    wide = struct.pack(">HHII", WIDTH, 4, 1, 40)
    make = struct.pack(">HHI4s", 0x010F, 2, 4, b"abc\0")
    exif = struct.pack(">2sHIH", b"MM", 42, 8, 2) + wide + make
    assert read(stored(exif)) == {0x010F: "abc"}
    turned = metadata.exif_for_reader(exif, 6)
    assert read(turned) == {WIDTH: 40, 0x010F: "abc", ORIENTATION: 6}
    assert metadata.exif_for_reader(turned and turned[6:], 6) == turned
    assert read(metadata.exif_for_reader(turned and turned[6:-4], 3))[ORIENTATION] == 3


def test_hostile_exif_costs_no_more_than_its_length() -> None:
    """Each of 60,000 fields claims all the bytes there are."""
    count, size = 60_000, 4 << 20
    fields = b"".join(struct.pack(">HHII", 0x0111, 1, size, 0) for _ in range(count))
    exif = (struct.pack(">2sHIH", b"MM", 42, 8, count) + fields + bytes(4)).ljust(size, b"x")
    start = time.process_time()
    assert metadata.exif_orientation(exif) == 1
    kept = stored(exif)
    shown = metadata.exif_for_reader(exif, 5)
    assert time.process_time() - start < 2
    assert len(kept) == size
    assert shown is not None
    assert metadata.exif_orientation(shown) == 5


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_cut_exif_stays_what_it_is(cut: int) -> None:
    exif = Image.open(tiff_file()).getexif().tobytes().removeprefix(b"Exif\0\0")[:cut]
    assert stored(exif) == exif
    assert metadata.exif_for_reader(exif, 4) == metadata.orientation_exif(4)


def test_orientation_of_a_file_needs_no_pillow(chunky_dlf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.dlf"
    path.write_bytes(chunky_dlf)
    program = (
        "import sys, dlf; dlf.info(open(sys.argv[1], 'rb').read()).exif; "
        "print('PIL' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"


# --- profiles


def profile_of(space: bytes) -> bytes:
    """A profile that says that its samples are of `space`, and is otherwise Display P3."""
    profile = icc.display_p3_profile()
    return profile[:16] + space + profile[20:]


@pytest.mark.parametrize(
    ("mode", "space", "kept"),
    [
        ("RGB", b"RGB ", True),
        ("RGBA", b"RGB ", True),
        ("L", b"GRAY", True),
        ("LA", b"GRAY", True),
        ("RGB", b"CMYK", False),
        ("RGBA", b"GRAY", False),
        ("L", b"RGB ", False),
        ("LA", b"Lab ", False),
        ("CMYK", b"CMYK", False),
        ("CMYK", b"RGB ", True),
    ],
)
def test_a_profile_is_kept_only_when_it_is_of_the_pixels(
    mode: str, space: bytes, kept: bool
) -> None:
    image, profile = Image.new(mode, (8, 8)), profile_of(space)
    expected = profile if kept else None
    assert dlf.info(dlf.encode(image, icc_profile=profile)).icc_profile == expected
    if mode != "CMYK":
        pixels = np.asarray(image)
        assert dlf.info(dlf.encode(pixels, icc_profile=profile)).icc_profile == expected


def test_a_profile_that_is_none_is_not_kept() -> None:
    for junk in (b"junk", bytes(128)):
        assert prepare(Image.new("RGB", (8, 8)), icc_profile=junk).icc_profile is None


def test_passing_a_profile_of_other_pixels_on_does_what_the_default_does() -> None:
    """Recipe 3 of the cookbook with a LAB picture: its pixels are converted, need no profile."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    rgb = Image.fromarray(scene(30, 40, seed=3))
    srgb = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(rgb, srgb, ImageCms.createProfile("LAB"), outputMode="LAB")
    assert image is not None
    image.info["icc_profile"] = lab
    by_default, passed_on = prepare(image), prepare(image, icc_profile=lab)
    assert np.array_equal(by_default.pixels, passed_on.pixels)
    assert passed_on.icc_profile is None
    difference = passed_on.pixels.astype(int) - np.asarray(rgb)
    assert np.abs(difference).mean() < 2


# --- colours under transparent pixels


def covered(hidden: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    """A disc of a photograph; around it, `hidden` lies under fully transparent pixels."""
    shown = scene(150, 150, seed=4)
    y, x = np.mgrid[:150, :150]
    visible = (y - 70) ** 2 + (x - 80) ** 2 < 50**2
    colours = np.where(visible[..., None], shown, hidden)
    return np.dstack([colours[..., : channels - 1], np.where(visible, 255, 0).astype(np.uint8)])


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("target", [{"quality": 60}, {"max_bytes": 2000}])
def test_what_lies_under_transparent_pixels_changes_no_byte(
    channels: int, target: dict[str, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    pictures = [covered(noise, channels), covered(np.zeros_like(noise), channels)]
    before = [picture.copy() for picture in pictures]
    one, other = (dlf.encode(picture, **target) for picture in pictures)  # type: ignore[arg-type]
    assert one == other
    assert dlf.Codec().encode_batch(pictures) == [dlf.encode(pictures[0])] * 2
    assert all(np.array_equal(a, b) for a, b in zip(pictures, before, strict=True))
    assert np.array_equal(dlf.decode(one)[..., -1], pictures[0][..., -1])


def test_hidden_magenta_no_longer_spoils_the_rim(shipped_default: Path) -> None:
    magenta = np.broadcast_to(np.uint8([255, 0, 255]), (150, 150, 3))
    picture = covered(magenta, 4)
    decoded = dlf.Codec(shipped_default)
    out = decoded.decode(decoded.encode(picture, 60)).astype(int)
    y, x = np.mgrid[:150, :150]
    distance = np.hypot(y - 70, x - 80)
    rim = (distance < 50) & (distance >= 44)
    inside = distance < 44
    error = np.abs(out - picture)[..., :3].mean(2)
    assert error[rim].mean() < 1.3 * error[inside].mean()
