"""draft() and thumbnail(): a cheaper decode, in the sizes and modes of Pillow's own JPEG plugin."""

from __future__ import annotations

import io
import pickle
from typing import Any

import dlf
import dlf_pillow
import numpy as np
import pytest
from PIL import Image, ImageFile

pytestmark = pytest.mark.usefixtures("model_environment")

REQUESTS: list[tuple[int, int] | None] = [
    None,
    (168, 120),
    (169, 121),
    (84, 60),
    (85, 60),
    (84, 61),
    (83, 59),
    (42, 30),
    (43, 30),
    (21, 15),
    (22, 16),
    (20, 14),
    (1, 1),
    (1000, 10),
]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return Image.open(file)


@pytest.mark.parametrize("mode", [None, "RGB", "L", "YCbCr", "CMYK", "1"])
@pytest.mark.parametrize("size", REQUESTS)
def test_draft_answers_as_for_a_jpeg_file(
    size: tuple[int, int] | None, mode: str | None, photo: Image.Image, photo_dlf: bytes
) -> None:
    image, jpeg = opened(photo_dlf), as_jpeg(photo)
    assert image.draft(mode, size) == jpeg.draft(mode, size)  # type: ignore[arg-type]
    assert (image.mode, image.size) == (jpeg.mode, jpeg.size)
    assert image.draft(mode, (1, 1)) is None  # the first one counts
    assert image.size == jpeg.size


@pytest.mark.parametrize("size", [(84, 60), (42, 30), (21, 15), (20, 10)])
def test_a_drafted_image_is_the_reduced_decode(size: tuple[int, int], photo_dlf: bytes) -> None:
    image = opened(photo_dlf)
    image.draft(None, size)
    scale = 168 // image.width
    assert scale in (2, 4, 8)
    assert np.array_equal(np.asarray(image), dlf.decode(photo_dlf, downscale=scale))
    assert image.draft(None, (1, 1)) is None  # nor after the load


@pytest.mark.parametrize("mode", ["L", "YCbCr"])
@pytest.mark.parametrize("size", [None, (40, 30)])
def test_a_drafted_mode_is_a_conversion(
    mode: str, size: tuple[int, int] | None, photo_dlf: bytes
) -> None:
    image, reference = opened(photo_dlf), opened(photo_dlf)
    image.draft(mode, size)  # type: ignore[arg-type]
    reference.draft(None, size)  # type: ignore[arg-type]
    image.load()
    assert image.mode == mode
    assert image.tobytes() == reference.convert(mode).tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_other_modes_are_kept(mode: str, pictures: dict[str, Image.Image]) -> None:
    image = opened(dlf.encode(pictures[mode]))
    width, height = image.size
    image.draft("L" if mode == "L" else "YCbCr", (width // 3, height // 3))
    image.load()
    assert (image.mode, image.size) == (mode, (-(-width // 2), -(-height // 2)))


def test_draft_asks_the_codec_for_less(photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    decode = dlf.Codec.decode_samples

    def note(self: dlf.Codec, data: bytes, **options: Any) -> Any:
        asked.append(options["downscale"])
        return decode(self, data, **options)

    monkeypatch.setattr(dlf.Codec, "decode_samples", note)
    for side in (64, 40, 20, 10, 5):
        opened(photo_dlf).thumbnail((side, side))
    opened(photo_dlf).load()
    assert asked == [1, 1, 2, 4, 8, 1]


@pytest.mark.parametrize("side", [100, 64, 32, 16, 7])
def test_thumbnails_have_the_sizes_of_jpeg_files_and_show_the_picture(
    side: int, photo: Image.Image, photo_dlf: bytes
) -> None:
    thumbnail, jpeg = opened(photo_dlf), as_jpeg(photo)
    thumbnail.thumbnail((side, side))
    jpeg.thumbnail((side, side))
    assert (thumbnail.size, thumbnail.mode) == (jpeg.size, jpeg.mode)
    with opened(photo_dlf) as whole:
        fair = whole.resize(thumbnail.size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    difference = np.asarray(thumbnail).astype(int) - np.asarray(fair)
    assert np.sqrt(np.mean(difference**2)) < 12  # levels; a wrong picture differs by 60 and more


def test_draft_with_everything_else(photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    image = opened(photo_dlf)
    assert isinstance(image, dlf_pillow.DlfImageFile)
    image.draft(None, (80, 60))
    image.decode_options(layers="semantic", threads=1)
    assert np.array_equal(np.asarray(image), dlf.decode(photo_dlf, layers="semantic", downscale=2))

    pickled = opened(photo_dlf)
    pickled.draft(None, (80, 60))
    again = pickle.loads(pickle.dumps(pickled))
    assert (again.size, again.tobytes()) == (pickled.size, pickled.tobytes())
    assert again.draft(None, (1, 1)) is None

    verified = opened(photo_dlf)
    verified.draft("L", (20, 15))
    verified.verify()

    cut = opened(photo_dlf[:-20])
    cut.draft(None, (80, 60))
    with pytest.raises(dlf.TruncatedFile):
        cut.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert cut.size == (84, 60)
    cut.load()
    assert cut.convert("L").getextrema() != (0, 0)
