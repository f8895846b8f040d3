"""dlf.encode, dlf.decode, dlf.info and dlf.Codec: sizes, targets, layers, threads, processes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from dlf import icc
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

SIDES = (1, 2, 31, 32, 33, 63, 64, 65, 127)


def pattern(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A smooth uint8 picture with an edge in it, the same in every run."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 3 + y, y * 5 - x, 40 * ((x // 7 + y // 5) % 4), x * y // 3]
    array = (np.stack(planes[:channels], axis=-1) % 256).astype(np.uint8)
    return array[..., 0] if channels == 1 else array


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_size_from_one_pixel_up_comes_back(channels: int) -> None:
    for width, height in [*zip(SIDES, SIDES[::-1], strict=True), (1, 1), (200, 1), (1, 200)]:
        array = pattern(height, width, channels)
        decoded = dlf.decode(dlf.encode(array))
        assert decoded.shape == array.shape
        assert decoded.dtype == np.uint8
        assert decoded.flags.writeable
        if channels in (2, 4):
            assert np.array_equal(decoded[..., -1], array[..., -1])


def test_arrays_and_pillow_images_give_the_same_file() -> None:
    array = pattern(40, 70)
    assert dlf.encode(array) == dlf.encode(Image.fromarray(array))
    assert dlf.encode(array[..., :1]) == dlf.encode(array[..., 0])
    assert dlf.encode(np.asfortranarray(array)) == dlf.encode(array)


def test_a_gray_picture_has_the_luma_of_the_colours() -> None:
    gray = pattern(64, 64, 1)
    colour = dlf.decode(dlf.encode(np.stack([gray] * 3, axis=-1))).astype(np.int64)
    luma = (colour @ np.array([19595, 38470, 7471]) + 32768) >> 16
    assert np.array_equal(dlf.decode(dlf.encode(gray)), luma)


def test_info_tells_what_the_file_is(photo_dlf: bytes) -> None:
    header = dlf.info(photo_dlf)
    decoded = dlf.decode(photo_dlf)
    assert (header.height, header.width) == decoded.shape[:2]
    assert (header.mode, header.version, header.orientation) == ("RGB", 1, 1)
    assert header.model_id == dlf.Codec().model.id
    # An unregistered model's id takes three bytes more than a registered one's.
    assert header.header_bytes <= 14 + 3
    assert header.header_bytes + header.payload_bytes == header.file_bytes == len(photo_dlf)
    assert header.bpp == pytest.approx(8 * len(photo_dlf) / (header.width * header.height))
    assert (header.chunks, header.exif, header.xmp, header.icc_profile) == ((), None, None, None)
    assert dlf.info(photo_dlf[:-3]).missing_bytes == 3


def test_info_shows_every_chunk(chunky_dlf: bytes) -> None:
    header = dlf.info(chunky_dlf)
    assert [chunk.name for chunk in header.chunks] == ["alpha", "icc", "exif", "xmp"]
    assert header.mode == "RGBA"
    assert header.has_chunks
    assert header.has_trailer
    stored = sum(chunk.stored_bytes for chunk in header.chunks)
    extent = header.header_bytes + header.payload_bytes
    assert stored <= len(chunky_dlf) - extent


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_colour_space_are_in_the_header(orientation: int) -> None:
    image = Image.fromarray(pattern(20, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info.update(exif=exif.tobytes(), icc_profile=icc.display_p3_profile())
    header = dlf.info(dlf.encode(image))
    assert (header.orientation, header.color_space) == (orientation, "display-p3")
    assert header.chunks == ()
    assert header.size == (30, 20)
    assert icc.classify(header.icc_profile or b"") == "display-p3"


def test_quality_picks_the_rate_point(photo: Image.Image) -> None:
    points = dlf.Codec().model.rate_points
    assert [dlf.info(dlf.encode(photo, q)).rate for q in (0, 100)] == [0, points - 1]
    assert dlf.encode(photo, 50) == dlf.encode(photo)


def test_targets_are_met_from_below(photo: Image.Image) -> None:
    points = dlf.Codec().model.rate_points
    every = [dlf.encode(photo, 100 * rate / (points - 1)) for rate in range(points)]
    sizes = sorted({len(data) for data in every})
    for limit in (sizes[0], sizes[-1], sizes[-1] + 1000, (sizes[0] + sizes[-1]) // 2):
        data = dlf.encode(photo, max_bytes=limit)
        assert min(0.97 * limit, sizes[-1]) <= len(data) <= limit
        bpp = 8 * limit / (photo.width * photo.height)
        assert dlf.encode(photo, bpp=bpp) == data
        assert dlf.decode(data).shape == (photo.height, photo.width, 3)
    with pytest.raises(ValueError, match=str(sizes[0])):
        dlf.encode(photo, max_bytes=sizes[0] - 1)
    with pytest.raises(ValueError, match="bpp or max_bytes"):
        dlf.encode(photo, bpp=1, max_bytes=100)


def test_the_semantic_layer_alone_is_another_picture_of_the_same_size(photo_dlf: bytes) -> None:
    semantic = dlf.decode(photo_dlf, layers="semantic")
    assert semantic.shape == dlf.decode(photo_dlf).shape
    with pytest.raises(ValueError, match="layers must be"):
        dlf.decode(photo_dlf, layers="detail")  # type: ignore[arg-type]


def test_truncated_files(photo_dlf: bytes) -> None:
    whole = dlf.info(photo_dlf).payload_bytes
    with pytest.raises(dlf.TruncatedFile, match=f"has {whole - 20} of {whole} bytes"):
        dlf.decode(photo_dlf[:-20])
    assert dlf.decode(photo_dlf[:-20], allow_truncated=True).shape == dlf.decode(photo_dlf).shape
    assert np.array_equal(dlf.decode(photo_dlf, allow_truncated=True), dlf.decode(photo_dlf))
    for size in range(dlf.info(photo_dlf).header_bytes):
        with pytest.raises((dlf.TruncatedFile, dlf.InvalidFile)):
            dlf.info(photo_dlf[:size])


def test_what_is_wrong_is_named(photo_dlf: bytes) -> None:
    newer = bytearray(photo_dlf)
    newer[4] = newer[4] & ~7 | 3
    for data, error in (
        (b"", dlf.TruncatedFile),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), dlf.InvalidFile),
        (photo_dlf + b"\0", dlf.InvalidFile),
        (bytes(newer), dlf.Unsupported),
    ):
        with pytest.raises(error):
            dlf.decode(data)
        with pytest.raises(error):
            dlf.info(data)
    with pytest.raises(dlf.Unsupported, match="version 3"):
        dlf.info(bytes(newer))


def test_bytes_like_objects_are_accepted(photo_dlf: bytes) -> None:
    for data in (bytearray(photo_dlf), memoryview(photo_dlf)):
        assert np.array_equal(dlf.decode(data), dlf.decode(photo_dlf))
        assert dlf.info(data) == dlf.info(photo_dlf)


@pytest.mark.parametrize("thing", ["photo.dlf", Path("photo.dlf"), 5, None, [1, 2]])
def test_the_name_of_a_file_is_not_its_content(thing: Any) -> None:
    for read in (dlf.decode, dlf.info):
        with pytest.raises(TypeError, match="pass the content of a .dlf file as bytes"):
            read(thing)


def test_too_large_images_are_refused_before_any_work() -> None:
    wide = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (1, 1 << 17, 3))
    with pytest.raises(dlf.LimitExceeded):
        dlf.encode(wide)


# --- the same result everywhere


def test_threads_do_not_change_anything(photo: Image.Image) -> None:
    one, two = dlf.Codec(threads=1), dlf.Codec(threads=2)
    data = one.encode(photo)
    assert two.encode(photo) == data
    assert np.array_equal(one.decode(data), two.decode(data))


def test_one_codec_in_many_threads(photo: Image.Image) -> None:
    codec = dlf.Codec(threads=1)
    points = codec.model.rate_points
    qualities = [100 * rate / (points - 1) for rate in range(min(points, 6))]
    expected = {}
    for quality in qualities:
        data = codec.encode(photo, quality)
        expected[quality] = (data, codec.decode(data).tobytes())
    fresh = dlf.Codec(threads=1)
    barrier = threading.Barrier(len(qualities))
    results: dict[float, tuple[bytes, bytes]] = {}

    def work(quality: float) -> None:
        barrier.wait()
        data = fresh.encode(photo, quality)
        results[quality] = (data, fresh.decode(data).tobytes())

    workers = [threading.Thread(target=work, args=(quality,)) for quality in qualities]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == expected


PROCESS = """
import hashlib, sys
import dlf
data = open(sys.argv[1], "rb").read()
print(hashlib.sha256(dlf.decode(data).tobytes()).hexdigest())
"""


def test_every_process_decodes_the_same_pixels(photo_dlf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.dlf"
    path.write_bytes(photo_dlf)
    expected = hashlib.sha256(dlf.decode(photo_dlf).tobytes()).hexdigest()
    result = subprocess.run(
        [sys.executable, "-c", PROCESS, path], check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == expected


def test_import_is_light() -> None:
    program = "import sys, dlf; print(sorted({'torch', 'numpy', 'PIL', 'tqdm'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == "[]"
    assert set(dlf.__all__) <= set(dir(dlf))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dlf.nonsense
