"""A file is opened once: its header is read once, a chunk is inflated once, when asked for."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import dlf
import numpy as np
import pytest
from dlf import _core, native, symbols
from dlf.cli import main
from dlf.header import File, info, opened
from PIL import Image

from conformance.reference.checksum import crc32c

PROFILE = b"profile".ljust(16) + b"RGB " + bytes(400)


@contextmanager
def core_calls() -> Iterator[Counter[str]]:
    """Count the calls of compiled functions by name, and files whose header is read as `File`."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, function: object) -> None:
        if event == "c_call":
            calls[getattr(function, "__name__", "")] += 1
        elif event == "call" and frame.f_code is File.__init__.__code__:
            calls["File"] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def model(encoding_model: Path) -> Path:
    """An integer package, which needs no torch."""
    return encoding_model


@pytest.fixture(scope="module")
def file(model: Path) -> bytes:
    xmp = b"<x:xmpmeta/>" * 40
    exif = Image.Exif()
    exif[0x010E] = "description " * 20
    pixels = np.full((40, 56, 3), 99, np.uint8)
    return dlf.encode(pixels, 50, model=model, icc_profile=PROFILE, xmp=xmp, exif=exif)


@pytest.mark.parametrize(
    "use",
    [
        lambda codec, data, model: codec.decode(data),
        lambda codec, data, model: codec.decode_batch([data]),
        lambda codec, data, model: symbols.layer_bytes(data, codec.model),
        lambda codec, data, model: symbols.verify(data, model),
        lambda codec, data, model: info(data),
    ],
    ids=["decode", "decode_batch", "layer_bytes", "verify", "info"],
)
def test_a_header_is_read_once(
    use: Callable[[dlf.Codec, bytes, Path], object], file: bytes, model: Path
) -> None:
    codec = dlf.Codec(model)
    codec.decode(file)  # what is imported and loaded once
    with core_calls() as calls:
        use(codec, file, model)
    assert calls["File"] == 1
    assert calls["probe"] == 0
    assert calls["inflate"] == 0


def test_dlf_decode_reads_a_header_once(
    file: bytes, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.dlf").write_bytes(file)
    words = ["decode", str(tmp_path / "x.dlf"), str(tmp_path / "x.png"), "--model", str(model)]
    with core_calls() as calls:
        assert main(words) == 0
    assert calls["File"] == 1
    assert calls["probe"] == 0
    assert calls["inflate"] == 0  # all three contents come from the decoder, which has judged them
    assert len(info(file).chunks) == 3


def test_nobody_reads_the_header_again_once_it_is_read(model: Path) -> None:
    plain = dlf.encode(np.full((40, 56, 3), 99, np.uint8), 50, model=model)  # without checksum
    package = _core.Package(str(model))
    codec = native.Codec(str(model))
    pixels = codec.decode(plain)
    changing = bytearray(plain)
    once = _core.File(changing)
    changing[: once.header["header_bytes"]] = bytes(once.header["header_bytes"])
    with pytest.raises(dlf.InvalidFile):
        codec.decode(bytes(changing))
    assert (codec.decode(once) == pixels).all()
    assert (codec.decode_batch([once])[0] == pixels).all()
    assert _core.decode_symbols(once, package)["complete"]
    assert _core.estimate(once, package) == _core.estimate(plain, package)
    _core.verify(once, package)
    _core.check_container(once)
    assert _core.chunks(once) == []


@pytest.mark.parametrize(
    "read",
    [
        lambda codec, file, model: codec.decode(file),
        lambda codec, file, model: codec.decode_samples(file),
        lambda codec, file, model: codec.decode_batch([file]),
        lambda codec, file, model: symbols.decode_symbols(file, model),
        lambda codec, file, model: symbols.code_lengths(file, model),
        lambda codec, file, model: symbols.verify(file, model),
        lambda codec, file, model: _core.check_container(file.core),
    ],
    ids=[
        "decode",
        "decode_samples",
        "decode_batch",
        "decode_symbols",
        "code_lengths",
        "verify",
        "check_container",
    ],
)
def test_what_reading_has_inflated_is_not_inflated_again(
    read: Callable[[dlf.Codec, File, Path], object], model: Path
) -> None:
    codec = dlf.Codec(model)
    pixels = np.full((40, 56, 4), 99, np.uint8)
    changing = bytearray(codec.encode(pixels, icc_profile=PROFILE, xmp=b"<x:xmpmeta/>" * 40))
    contents = [chunk.content for chunk in info(bytes(changing)).chunks]
    assert len(contents) == 3  # alpha among them
    opened_file = File(changing)  # type: ignore[arg-type]  # the bytes of which can change
    read(codec, opened_file, model)
    with_broken_streams(changing)  # nothing can be inflated from here on
    with core_calls() as calls:
        assert [chunk.content for chunk in info(opened_file).chunks] == contents
        read(codec, opened_file, model)
    assert calls["inflate"] == 0


def with_broken_streams(data: bytearray) -> None:
    """Overwrite the zlib streams of all chunks where they lie; make the checksum right again."""
    for chunk in info(bytes(data)).chunks:
        assert chunk.deflated
        at = data.index(chunk.body)
        data[at : at + len(chunk.body)] = b"x" * len(chunk.body)
    data[-4:] = crc32c(bytes(data[:-4])).to_bytes(4, "little")


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
def test_what_has_been_read_is_not_inflated_by_decoding(alpha: bool, model: Path) -> None:
    pixels = np.full((40, 56, 4 if alpha else 3), 99, np.uint8)
    xmp = b"<x:xmpmeta/>" * 40
    codec, package = dlf.Codec(model), _core.Package(str(model))
    changing = bytearray(codec.encode(pixels, xmp=xmp))
    before = codec.decode(bytes(changing))
    opened_file = File(changing)  # type: ignore[arg-type]  # the bytes of which can change
    contents = [chunk.content for chunk in info(opened_file).chunks]
    assert len(contents) == 1 + alpha
    with_broken_streams(changing)
    for decode in (codec.decode, partial(symbols.verify, model=model)):
        with pytest.raises(dlf.InvalidFile):
            decode(bytes(changing))  # who has read nothing inflates
    assert np.array_equal(codec.decode(opened_file), before)
    assert np.array_equal(codec.decode_batch([opened_file])[0], before)
    assert _core.decode_symbols(opened_file.core, package)["complete"]
    _core.verify(opened_file.core, package)
    _core.check_container(opened_file.core)
    assert [chunk.content for chunk in info(opened_file).chunks] == contents


def test_a_chunk_is_inflated_once_and_when_it_is_asked_for(file: bytes) -> None:
    opened_file = opened(file)
    with core_calls() as calls:
        first = info(opened_file)
        assert calls["inflate"] == 0
        assert first.icc_profile == PROFILE
        assert info(opened_file).icc_profile == first.icc_profile == PROFILE
    assert calls["inflate"] == 1
