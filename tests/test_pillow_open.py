"""Opening and loading .dlf files with Pillow: sizes, modes, orientation, what is refused."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dlf
import dlf_pillow
import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

pytestmark = pytest.mark.usefixtures("model_environment")

MODES = ("L", "LA", "RGB", "RGBA")


@pytest.fixture
def allow_truncated() -> Iterator[None]:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    yield
    ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.parametrize("mode", MODES)
def test_open_shows_size_and_mode_and_load_gives_the_decoders_pixels(
    mode: str, pictures: dict[str, Image.Image]
) -> None:
    data = dlf.encode(pictures[mode])
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size) == ("DLF", mode, pictures[mode].size)
        assert image.get_format_mimetype() == "image/x-dlf"
        assert np.array_equal(np.asarray(image), dlf.decode(data))


def test_every_way_to_hand_over_a_file(photo_dlf: bytes, photo_file: Path) -> None:
    expected = dlf.decode(photo_dlf)
    with open(photo_file, "rb") as file:
        for source in (str(photo_file), photo_file, os.fsencode(photo_file), file):
            with Image.open(source) as image:  # type: ignore[arg-type]
                assert np.array_equal(np.asarray(image), expected)
        assert not file.closed
    assert np.array_equal(np.asarray(dlf_pillow.DlfImageFile(photo_file)), expected)


def test_open_leaves_the_callers_file_usable(photo_file: Path) -> None:
    with open(photo_file, "rb") as file:
        first, second = Image.open(file), Image.open(file)
        assert file.seek(0) == 0
    assert first.tobytes() == second.tobytes()  # both after the file was closed


def test_a_file_that_cannot_seek_back_is_read_once(photo_dlf: bytes) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.inner = io.BytesIO(photo_dlf)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.inner.read(min(size, 50) if size > 0 else size)  # short reads

    with Image.open(Pipe()) as image:  # type: ignore[arg-type]
        assert np.array_equal(np.asarray(image), dlf.decode(photo_dlf))


def test_one_frame(photo_file: Path) -> None:
    with Image.open(photo_file) as image:
        assert isinstance(image, dlf_pillow.DlfImageFile)
        assert (image.n_frames, image.is_animated, image.tell()) == (1, False, 0)
        image.seek(0)
        with pytest.raises(EOFError):
            image.seek(1)


def test_the_incremental_parser_waits_for_all_of_it(photo_dlf: bytes) -> None:
    parser = ImageFile.Parser()
    for start in range(0, len(photo_dlf), 40):
        parser.feed(photo_dlf[start : start + 40])
    assert np.array_equal(np.asarray(parser.close()), dlf.decode(photo_dlf))


def test_the_incremental_parser_knows_the_size_early(photo_dlf: bytes) -> None:
    parser = ImageFile.Parser()
    parser.feed(photo_dlf[: dlf.info(photo_dlf).header_bytes - 1])
    assert parser.image is None
    parser.feed(photo_dlf[dlf.info(photo_dlf).header_bytes - 1 : -10])
    assert parser.image is not None
    assert parser.image.size == dlf.info(photo_dlf).size
    with pytest.raises(dlf.TruncatedFile):
        parser.close()


def test_decode_options_are_for_before_the_load(photo_dlf: bytes) -> None:
    image = Image.open(io.BytesIO(photo_dlf))
    assert isinstance(image, dlf_pillow.DlfImageFile)
    image.decode_options(layers="semantic", threads=1)
    assert np.array_equal(np.asarray(image), dlf.decode(photo_dlf, layers="semantic"))
    with pytest.raises(RuntimeError, match="before the image is loaded"):
        image.decode_options(threads=1)
    with pytest.raises(ValueError, match="threads must be"):
        Image.open(io.BytesIO(photo_dlf)).decode_options(threads=0)  # type: ignore[attr-defined]


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_reopened_as_exif_and_transpose_applies_it(
    orientation: int, mode: str, pictures: dict[str, Image.Image]
) -> None:
    source = pictures[mode].copy()
    exif = source.getexif()
    exif[0x0112] = orientation
    source.info["exif"] = exif.tobytes()
    with Image.open(io.BytesIO(dlf.encode(source))) as image:
        assert image.size == source.size
        upright = ImageOps.exif_transpose(image)
        if orientation == 1:
            assert "exif" not in image.info
            assert np.array_equal(np.asarray(upright), np.asarray(image))
        else:
            assert dict(image.getexif()) == {0x0112: orientation}
            assert len(image.info["exif"]) == 32  # made of three bits of the header
            turned = image.transpose(TURNS[orientation])
            assert np.array_equal(np.asarray(upright), np.asarray(turned))


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (127, 64), (63, 129)])
def test_odd_sizes(size: tuple[int, int], photo: Image.Image) -> None:
    data = dlf.encode(photo.crop((0, 0, *size)))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == size
        assert np.array_equal(np.asarray(image), dlf.decode(data))


def test_a_closed_image_says_so(photo_file: Path) -> None:
    with Image.open(photo_file) as left:
        pass
    closed = Image.open(photo_file)
    closed.close()
    verified = Image.open(photo_file)
    verified.verify()
    for image in (left, closed, verified):
        with pytest.raises(ValueError, match="Operation on closed image"):
            image.load()


def test_the_bomb_check_comes_before_any_allocation(
    photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = dlf.info(photo_dlf)
    pixels = header.width * header.height
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(photo_dlf))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(photo_dlf))


def test_the_largest_header_is_a_bomb() -> None:
    side = b"\xff\xff\xff\x07"  # 2^24 - 1 as a varint, and so 2^24 pixels
    header = b"\xc4LF\n\x01\x01" + side + side + b"\0\x04"
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(header + bytes([crc8(header)]) + bytes(4)))


def crc8(data: bytes) -> int:
    """The header's checksum: polynomial 0x07, from 0xFF."""
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value


def test_a_newer_version_is_refused_by_name(photo_dlf: bytes) -> None:
    newer = bytearray(photo_dlf)
    newer[4] = newer[4] & ~7 | 2
    with (
        pytest.warns(UserWarning, match="DLF bitstream version 2 is not supported"),
        pytest.raises(UnidentifiedImageError),
    ):
        Image.open(io.BytesIO(newer))


def test_truncated_files(photo_dlf: bytes) -> None:
    whole = dlf.info(photo_dlf).payload_bytes
    image = Image.open(io.BytesIO(photo_dlf[:-20]))
    for _ in range(2):  # a second load must not succeed with an empty picture
        with pytest.raises(dlf.TruncatedFile, match=f"has {whole - 20} of {whole} bytes"):
            image.load()


def test_truncated_files_give_a_picture_on_request(photo_dlf: bytes, allow_truncated: None) -> None:
    image = Image.open(io.BytesIO(photo_dlf[:-20]))
    assert image.convert("L").getextrema() != (0, 0)
    with pytest.raises(dlf.TruncatedFile, match="ends within the tokens"):
        Image.open(io.BytesIO(photo_dlf[: dlf.info(photo_dlf).header_bytes + 4])).load()


def test_load_works_after_a_load_that_failed(photo_dlf: bytes) -> None:
    image = Image.open(io.BytesIO(photo_dlf[:-1]))
    with pytest.raises(dlf.TruncatedFile):
        image.load()
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        assert image.load() is not None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def test_a_missing_model_is_an_oserror_at_load(
    photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DLF_MODEL_PATH", str(tmp_path))
    monkeypatch.setattr("dlf.models._installed_directories", list)
    image = Image.open(io.BytesIO(photo_dlf))
    with pytest.raises(
        dlf.ModelError,
        match=r"(unknown model id \d+|the model .* is not installed); installed: none",
    ):
        image.load()


def test_verify_finds_what_is_wrong(photo_dlf: bytes) -> None:
    Image.open(io.BytesIO(photo_dlf)).verify()
    with pytest.raises(dlf.TruncatedFile):
        Image.open(io.BytesIO(photo_dlf[:-1])).verify()
    with pytest.raises(dlf.InvalidFile):
        Image.open(io.BytesIO(photo_dlf + b"\0")).verify()
    damaged = bytearray(photo_dlf)
    damaged[-10] ^= 0x10
    with pytest.raises(dlf.InvalidFile):
        Image.open(io.BytesIO(damaged)).verify()
    image = Image.open(io.BytesIO(photo_dlf))
    image.load()
    with pytest.raises(RuntimeError, match="directly after open"):
        image.verify()


def test_verify_without_the_model_checks_the_container(
    photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DLF_MODEL_PATH", str(tmp_path))
    monkeypatch.setattr("dlf.models._installed_directories", list)
    Image.open(io.BytesIO(photo_dlf)).verify()
    with pytest.raises(dlf.TruncatedFile, match=r"the payload has \d+ of \d+ bytes"):
        Image.open(io.BytesIO(photo_dlf[:-3])).verify()


def test_other_formats_are_left_alone() -> None:
    file = io.BytesIO()
    Image.new("RGB", (3, 3)).save(file, "PNG")
    assert Image.open(file).format == "PNG"
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"\xc4LF"))


IMPORT_PROBE = """
import sys
from PIL import Image, ImageFile
import dlf_pillow
Image.preinit()  # what Pillow before 13 does at the first open, whatever the format
before = set(sys.modules)
image = Image.open(sys.argv[1])
print(image.size, image.mode)
print(sorted(set(sys.modules) - before))
image.getexif()
print(sorted({"torch", "numpy", "dlf._torch"} & set(sys.modules)))
"""


def test_import_and_open_load_neither_torch_nor_numpy(photo_file: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_PROBE, photo_file],
        check=True,
        capture_output=True,
        text=True,
    )
    described, loaded_by_open, heavy = result.stdout.splitlines()
    assert described == "(168, 120) RGB"
    assert loaded_by_open == "[]"  # the first open costs what every later one does
    assert heavy == "[]"


def test_an_incomplete_installation_harms_no_other_format(photo_file: Path, tmp_path: Path) -> None:
    png = tmp_path / "x.png"
    Image.new("RGB", (3, 3)).save(png)
    program = (
        "import sys\n"
        "sys.modules['dlf._core'] = None\n"
        "import dlf_pillow\n"
        "from PIL import Image\n"
        "print(Image.open(sys.argv[1]).format)\n"
        "for action in (lambda: Image.open(sys.argv[2]), "
        "lambda: Image.new('L', (1, 1)).save('-.dlf')):\n"
        "    try:\n"
        "        action()\n"
        "    except OSError as error:\n"
        "        print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, png, photo_file],
        check=True,
        capture_output=True,
        text=True,
    )
    png_format, *errors = result.stdout.splitlines()
    assert png_format == "PNG"
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("dlf is not completely installed: ")
