"""`dlf.Limits` at every door, and files that are small and want much."""

from __future__ import annotations

import io
import math
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import dlf
import dlf_imageio  # noqa: F401 - registers
import dlf_pillow
import imageio.v3 as iio
import numpy as np
import pytest
from conftest import ROOT, scene
from dlf.cli import main
from dlf.header import Chunk
from PIL import Image, TiffImagePlugin

from conformance.reference.checksum import crc8

pytestmark = pytest.mark.usefixtures("model_environment")

TOO_LITTLE = {
    "max_pixels": 168 * 120 - 1,
    "max_side": 167,
    "max_memory": 1000,
    "max_file_bytes": 100,
}
"""For `photo_dlf`, which has no chunks."""

LIMIT = 1 << 20


@pytest.fixture
def restored() -> Iterator[None]:
    """Whatever the test registers, the defaults are back afterwards."""
    yield
    dlf_pillow.register()


def with_exif(base: bytes, exif: bytes) -> bytes:
    """`base`, a file without chunks, with this EXIF and without a trailer."""
    header = dlf.info(base)
    start = bytearray(base[: header.header_bytes - 1])
    start[4] |= 0x20  # BITSTREAM.md §2.2: chunks follow
    content = varint(len(exif)) + zlib.compress(exif, 9)
    chunks = varint(1) + varint(3 * 8 + 4) + varint(len(content)) + content
    return bytes(start) + bytes([crc8(bytes(start))]) + base[header.header_bytes :] + chunks


def varint(value: int) -> bytes:
    """§1.3."""
    low = bytes([value & 127 | (128 if value > 127 else 0)])
    return low + (varint(value >> 7) if value > 127 else b"")


def bomb(base: bytes, tags: int, size: int) -> bytes:
    """A file whose EXIF has so many tags, each of which claims the same `size` bytes."""
    entries = b"".join(struct.pack(">HHII", 0x8000 + i, 1, size, 0) for i in range(tags))
    exif = struct.pack(">2sHIH", b"MM", 42, 8, tags) + entries + bytes(4)
    return with_exif(base, exif.ljust(size, b"\0"))


# --- the type


def test_defaults_let_a_large_photograph_through_and_inf_lifts_a_limit() -> None:
    assert dlf.Limits().max_pixels >= 100_000_000
    assert dlf.Limits() == dlf.Limits(max_pixels=np.int64(1 << 27))  # type: ignore[arg-type]
    lifted = dlf.Limits(max_side=math.inf, max_memory=math.inf)  # type: ignore[arg-type]
    assert (lifted.max_side, lifted.max_memory) == (2**32 - 1, 2**64 - 1)


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, "10", None, True])
@pytest.mark.parametrize("name", [*TOO_LITTLE, "max_chunk_bytes"])
def test_a_limit_that_makes_no_sense_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, not"):
        dlf.Limits(**{name: value})


def test_something_else_than_limits_is_refused_everywhere(photo_dlf: bytes) -> None:
    wrong: Any = {"max_pixels": 5}
    for call in (
        lambda: dlf.decode(photo_dlf, limits=wrong),
        lambda: dlf.encode(np.zeros((8, 8), np.uint8), limits=wrong),
        lambda: dlf.Codec(limits=wrong),
        lambda: dlf_pillow.register(limits=wrong),
        lambda: Image.new("L", (8, 8)).save(io.BytesIO(), "DLF", limits=wrong),
        lambda: iio.imread(photo_dlf, limits=wrong),
    ):
        with pytest.raises(ValueError, match=r"limits must be a dlf\.Limits"):
            call()


# --- the doors


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_decoding_obeys_each_limit(name: str, photo_dlf: bytes) -> None:
    little = dlf.Limits(**{name: TOO_LITTLE[name]})
    for decode in (
        lambda: dlf.decode(photo_dlf, limits=little),
        lambda: dlf.Codec(limits=little).decode(photo_dlf),
        lambda: dlf.Codec().decode(photo_dlf, limits=little),
        lambda: dlf.Codec(limits=little).decode_batch([photo_dlf]),
        lambda: iio.imread(photo_dlf, limits=little),
    ):
        with pytest.raises(dlf.LimitExceeded):
            decode()
    assert dlf.Codec(limits=little).decode(photo_dlf, limits=dlf.Limits()).shape == (120, 168, 3)


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_encoding_obeys_each_limit(name: str, photo: Image.Image) -> None:
    little = dlf.Limits(**{name: TOO_LITTLE[name]})
    for encode in (
        lambda: dlf.encode(photo, 100, limits=little),
        lambda: dlf.encode(photo, max_bytes=10**6, limits=little),
        lambda: dlf.Codec(limits=little).encode(photo, 100),
        lambda: dlf.Codec(limits=little).encode_batch([photo], 100),
        lambda: photo.save(io.BytesIO(), "DLF", quality=100, limits=little),
        lambda: iio.imwrite("<bytes>", photo, extension=".dlf", quality=100, limits=little),
    ):
        with pytest.raises(dlf.LimitExceeded):
            encode()


def test_metadata_are_limited_and_alpha_is_not_among_them() -> None:
    image = Image.fromarray(scene(64, 64, seed=1)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    limits = dlf.Limits(max_chunk_bytes=1000)
    data = dlf.encode(image, limits=limits, xmp=b" " * 1000)
    assert dlf.decode(data, limits=limits).shape == (64, 64, 4)
    with pytest.raises(dlf.LimitExceeded, match="metadata of 1001 bytes"):
        dlf.encode(image, limits=limits, xmp=b" " * 1001)
    longer = dlf.encode(image, xmp=b" " * 1001)
    for read in (dlf.decode, dlf.info, iio.immeta, iio.improps):
        with pytest.raises(dlf.LimitExceeded):
            read(longer, limits=limits)  # type: ignore[operator]


def test_what_the_encoder_writes_can_be_read() -> None:
    """It wrote metadata and alpha that together were beyond the reader's own limit."""
    pixels = np.zeros((1024, 1024, 4), np.uint8)
    data = dlf.encode(pixels, 0, xmp=b" " * (127 << 19))
    assert dlf.decode(data).shape == pixels.shape


@pytest.mark.usefixtures("restored")
def test_open_obeys_the_limits_that_are_registered(photo_dlf: bytes) -> None:
    for name in ("max_pixels", "max_side", "max_file_bytes"):
        dlf_pillow.register(limits=dlf.Limits(**{name: TOO_LITTLE[name]}))
        with pytest.raises(dlf.LimitExceeded):
            Image.open(io.BytesIO(photo_dlf))
    dlf_pillow.register(limits=dlf.Limits(max_memory=TOO_LITTLE["max_memory"]))
    image = Image.open(io.BytesIO(photo_dlf))
    for work in (image.load, image.verify):
        with pytest.raises(dlf.LimitExceeded):
            work()
    image.decode_options(limits=dlf.Limits())  # type: ignore[attr-defined]
    assert image.load() is not None
    dlf_pillow.register(limits=dlf.Limits(max_chunk_bytes=10))
    assert Image.open(io.BytesIO(photo_dlf)).size == (168, 120)
    with pytest.raises(dlf.LimitExceeded):
        Image.open(io.BytesIO(with_exif(photo_dlf, bytes(11))))


class Endless(io.RawIOBase):
    """A file that begins like `start` and never ends; counts what is read of it."""

    def __init__(self, start: bytes) -> None:
        self.start, self.place, self.read_bytes = start, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        self.place = place
        return place

    def tell(self) -> int:
        return self.place

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None and size >= 0, "asked for all of it"
        data = self.start[self.place : self.place + size].ljust(size, b"\0")
        self.place += size
        self.read_bytes += size
        return data


@pytest.mark.usefixtures("restored")
def test_no_more_is_read_than_a_file_may_have(photo_dlf: bytes) -> None:
    start = bytearray(photo_dlf)
    start[4] |= 0x20  # chunks, which never end
    header_bytes = dlf.info(photo_dlf).header_bytes
    start[header_bytes - 1] = crc8(bytes(start[: header_bytes - 1]))
    limits = dlf.Limits(max_file_bytes=LIMIT)
    dlf_pillow.register(limits=limits)
    doors: list[Any] = [Image.open, lambda file: iio.imread(file, plugin="DLF", limits=limits)]
    for door in doors:
        file: IO[bytes] | Endless = Endless(bytes(start))
        with pytest.raises(dlf.LimitExceeded, match=f"limit of {LIMIT} bytes"):
            door(file)
        assert file.read_bytes <= LIMIT + 100


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_the_command_line_has_every_limit(name: str, photo_dlf: bytes, tmp_path: Path) -> None:
    source, target = tmp_path / "in.dlf", tmp_path / "out.png"
    source.write_bytes(photo_dlf)
    words = [f"--{name.replace('_', '-')}", str(TOO_LITTLE[name])]
    assert main(["decode", str(source), str(target), *words]) == 13
    assert main(["verify", str(source), *words]) == 13
    assert main(["symbols", str(source), str(tmp_path / "out.npz"), *words]) == 13
    assert not target.exists()
    assert main(["decode", str(source), str(target), "--quiet"]) == 0
    assert main(["encode", str(target), str(tmp_path / "x.dlf"), "-q", "100", *words]) == 13


def test_limits_of_the_command_line_are_named(
    photo_dlf: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.dlf"
    source.write_bytes(with_exif(photo_dlf, bytes(11)))
    assert main(["info", str(source), "--max-chunk-bytes", "10"]) == 13
    assert main(["info", str(source), "--max-chunk-bytes", "11"]) == 0
    capsys.readouterr()
    assert main(["info", str(source), "--max-side", "0"]) == 2
    assert "max_side must be a whole number of at least 1, not 0" in capsys.readouterr().err


# --- bombs


def test_opening_and_decoding_parse_no_exif_and_inflate_nothing_twice(
    photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    data = with_exif(photo_dlf, exif)
    inflated: list[int] = []
    content = Chunk.__dict__["content"].fget

    def counting(chunk: Chunk) -> bytes:
        inflated.append(chunk.type)
        return content(chunk)  # type: ignore[no-any-return]

    def forbidden(*_: Any) -> None:
        raise AssertionError("EXIF is parsed")

    monkeypatch.setattr(Chunk, "content", property(counting))
    monkeypatch.setattr(TiffImagePlugin.ImageFileDirectory_v2, "load", forbidden)
    monkeypatch.setattr(Image.Exif, "load", forbidden)
    image = Image.open(io.BytesIO(data))
    image.load()
    dlf.decode(data)
    assert dlf.info(data).chunks[0].content_bytes == len(exif)
    assert inflated == []
    assert image.info["exif"] == image.info["exif"] != b""
    assert (image.info is image.info, inflated) == (True, [3])


BOMB = """
import io, resource, sys
import dlf, dlf_pillow
from PIL import Image

data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image = Image.open(io.BytesIO(data))
opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = len(image.info["exif"])
asked = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((opened - before) // 1024, size >> 20, (asked - before) // 1024)
"""


def test_a_metadata_bomb_costs_nothing_to_open(photo_dlf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.dlf"
    path.write_bytes(bomb(photo_dlf, 100, 30 << 20))
    assert path.stat().st_size < 100_000
    result = subprocess.run(
        [sys.executable, "-c", BOMB, path], check=True, capture_output=True, text=True
    )
    opened, size, asked = map(int, result.stdout.split())  # MiB
    assert size == 30
    assert opened < 10
    assert asked < 5 * size  # the content, and copies of it while it is on its way


def test_a_damaged_content_is_told_by_whoever_needs_it(photo_dlf: bytes) -> None:
    data = bytearray(with_exif(photo_dlf, bytes(1000)))
    data[-1] ^= 1  # the zlib stream's checksum
    image = Image.open(io.BytesIO(bytes(data)))
    assert "exif" not in image.info
    found = dlf.info(bytes(data))
    for judge in (
        lambda: found.chunks[0].content,
        lambda: dlf.decode(bytes(data)),
        image.load,
        lambda: dlf.Codec(ROOT / "models" / "pretrained" / "test.dlfm").decode(bytes(data)),
    ):
        with pytest.raises(dlf.InvalidFile, match="zlib"):
            judge()


def test_a_missing_model_does_not_hide_a_damaged_content(
    photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """§4.4: contents are judged before the model."""
    good = with_exif(photo_dlf, bytes(1000))
    bad = good[:-1] + bytes([good[-1] ^ 1])

    def missing(model_id: int) -> None:
        raise dlf.ModelError(f"no model {model_id}")

    monkeypatch.setattr(dlf.models, "find_id", missing)  # type: ignore[attr-defined]
    with pytest.raises(dlf.ModelError):
        dlf.decode(good)
    with pytest.raises(dlf.InvalidFile):
        dlf.decode(bad)


# --- what SECURITY.md advises


def test_the_advice_to_servers_works(
    photo: Image.Image, photo_dlf: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "SECURITY.md").read_text()
    programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(programs) == 2
    namespace: dict[str, Any] = {}
    exec(compile(programs[0], "SECURITY.md", "exec"), namespace)  # noqa: S102 - our own text
    pixels_of, limits = namespace["pixels_of"], namespace["LIMITS"]
    assert np.array_equal(pixels_of(io.BytesIO(photo_dlf)), dlf.decode(photo_dlf))
    wide = dlf.encode(np.zeros((1, limits.max_side + 1), np.uint8))
    for hostile in (
        wide,
        with_exif(photo_dlf, bytes(limits.max_chunk_bytes + 1)),
        photo_dlf + bytes(limits.max_file_bytes),
    ):
        with pytest.raises(dlf.DlfError):
            pixels_of(io.BytesIO(hostile))
    with pytest.raises(dlf.DlfError):
        pixels_of(Endless(photo_dlf))
    monkeypatch.setitem(namespace, "SECONDS", -1)
    with pytest.raises(TimeoutError):
        pixels_of(io.BytesIO(photo_dlf))

    exec(compile(programs[1], "SECURITY.md", "exec"), namespace)  # noqa: S102
    try:
        assert namespace["thumbnail_of"](io.BytesIO(photo_dlf)).size == (128, 91)
        with pytest.raises(dlf.LimitExceeded):
            namespace["thumbnail_of"](io.BytesIO(wide))
    finally:
        dlf_pillow.register()
