"""core/desktop's loader in the hands of gdk-pixbuf: its library by introspection, its programs."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
from conftest import PHOTO_SIZE, ROOT
from desktop import Desktop, program, python_with_gi
from dlf import icc, signature
from PIL import Image

# Loads files as the words say and prints what became of each as a line of JSON.
LOAD = """
import base64, json, sys
import gi
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gio, GLib

def whole(path):
    return GdkPixbuf.Pixbuf.new_from_file(path)

def scaled(path, width, height):
    return GdkPixbuf.Pixbuf.new_from_file_at_scale(path, int(width), int(height), False)

def pieces(path, size):
    loader = GdkPixbuf.PixbufLoader()
    content = open(path, "rb").read()
    try:
        for at in range(0, len(content), int(size)):
            loader.write(content[at : at + int(size)])
    except GLib.Error:
        try:
            loader.close()
        except GLib.Error:
            pass
        raise
    loader.close()
    return loader.get_pixbuf()

def size(path):
    found, width, height = GdkPixbuf.Pixbuf.get_file_info(path)
    return {"name": found.get_name(), "mime": found.get_mime_types(),
            "extensions": found.get_extensions(), "size": [width, height]}

for line in sys.stdin:
    call, *words = json.loads(line)
    try:
        made = globals()[call](*words)
        if isinstance(made, GdkPixbuf.Pixbuf):
            width, height, channels = made.get_width(), made.get_height(), made.get_n_channels()
            rows, stride = made.get_pixels(), made.get_rowstride()
            samples = b"".join(rows[y * stride : y * stride + width * channels] for y in range(height))
            made = {"shape": [height, width, channels], "options": made.get_options(),
                    "samples": base64.b64encode(samples).decode()}
    except GLib.Error as error:
        made = {"domain": error.domain, "code": error.code, "message": error.message}
    print(json.dumps(made), flush=True)
"""

CORRUPT_IMAGE, INSUFFICIENT_MEMORY, UNKNOWN_TYPE, FAILED = 0, 1, 3, 5  # of GdkPixbufError


@pytest.fixture(scope="module")
def viewer(
    machine: Desktop, installed_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Desktop:
    """The machine, with the loader in the list of those that gdk-pixbuf knows."""
    found = list(installed_library.glob("lib/gdk-pixbuf-2.0/*/loaders/libpixbufloader-dlf.so"))
    if not found:
        pytest.skip("gdk-pixbuf's headers are not installed")
    program("update-mime-database")
    words = ["pkg-config", "--variable=gdk_pixbuf_query_loaders", "gdk-pixbuf-2.0"]
    query = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    listed = subprocess.run([query, *found], capture_output=True, text=True, check=True)
    assert listed.stderr == ""
    cache = tmp_path_factory.mktemp("loaders") / "loaders.cache"
    cache.write_text(listed.stdout)
    return replace(
        machine, environment={**machine.environment, "GDK_PIXBUF_MODULE_FILE": str(cache)}
    )


def ask(viewer: Desktop, *calls: tuple[object, ...], **environment: str) -> list[dict[str, Any]]:
    """What a program that uses gdk-pixbuf gets for each call."""
    lines = "".join(json.dumps([str(word) for word in call]) + "\n" for call in calls)
    done = subprocess.run(
        [python_with_gi(), "-c", LOAD],
        input=lines,
        env={**viewer.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def pixels(made: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(made["samples"]), np.uint8).reshape(made["shape"])


def as_colours(decoded: np.ndarray) -> np.ndarray:
    """What a pixbuf makes of L and LA: it has colours, with alpha or without."""
    mode = {1: "L", 2: "LA"}.get(1 if decoded.ndim == 2 else decoded.shape[2])
    if mode is None:
        return decoded
    return np.asarray(Image.fromarray(decoded).convert("RGB" if mode == "L" else "RGBA"))


def test_it_is_known_by_content_type_and_name(viewer: Desktop, photo: Image.Image) -> None:
    unnamed = viewer.file("unnamed", viewer.encode(photo))
    [found] = ask(viewer, ("size", unnamed))
    assert found == {
        "name": "dlf",
        "mime": [signature.MIME_TYPE],
        "extensions": [signature.EXTENSION.lstrip(".")],
        "size": list(PHOTO_SIZE),
    }


def test_every_mode_whole_and_in_pieces(viewer: Desktop, pictures: dict[str, Image.Image]) -> None:
    files = {mode: viewer.encode(image) for mode, image in pictures.items()}
    calls: list[tuple[object, ...]] = [
        ("whole", viewer.file(f"{mode}.dlf", data)) for mode, data in files.items()
    ]
    calls += [
        ("pieces", viewer.folder / f"{mode}.dlf", size) for mode in files for size in (1, 999)
    ]
    made = ask(viewer, *calls)
    for call, picture in zip(calls, made, strict=True):
        expected = as_colours(viewer.decode(files[Path(str(call[1])).stem]))
        assert np.array_equal(pixels(picture), expected), call


def test_a_smaller_picture_is_decoded_smaller(
    viewer: Desktop, pictures: dict[str, Image.Image]
) -> None:
    data = viewer.encode(pictures["RGB"])
    path = viewer.file("photo.dlf", data)
    reduced = [viewer.decode(data, downscale) for downscale in (2, 4, 8)]
    sizes = [(picture.shape[1], picture.shape[0]) for picture in reduced]
    between = [(width - 3, height - 2) for width, height in sizes]
    others = [(200, 200), (11, 60)]  # larger than it is, and of another shape
    made = ask(viewer, *(("scaled", path, *size) for size in (*sizes, *between, *others)))
    for picture, expected in zip(made, reduced, strict=False):
        assert np.array_equal(pixels(picture), expected)  # nothing is left for gdk-pixbuf to scale
    assert [tuple(picture["shape"][1::-1]) for picture in made] == [*sizes, *between, *others]


def test_orientation_and_profile_go_along(viewer: Desktop, photo: Image.Image) -> None:
    profile = icc.display_p3_profile()
    exif = Image.Exif()
    exif[0x0112] = 6
    data = dlf.encode(photo, exif=exif, icc_profile=profile, model=viewer.package)
    [made] = ask(viewer, ("whole", viewer.file("turned.dlf", data)))
    assert made["shape"] == [PHOTO_SIZE[1], PHOTO_SIZE[0], 3]
    assert made["options"]["orientation"] == "6"
    assert base64.b64decode(made["options"]["icc-profile"]) == profile


def test_what_is_wrong_is_told_by_name(viewer: Desktop, tmp_path: Path, photo: Image.Image) -> None:
    data = viewer.encode(photo)
    flipped = bytearray(data)
    flipped[-1] ^= 1
    cases = {
        "cut": (data[:-9], CORRUPT_IMAGE, "truncated file"),
        "header cut": (data[:8], CORRUPT_IMAGE, "truncated file"),
        "flipped": (bytes(flipped), CORRUPT_IMAGE, "invalid file"),
        "longer": (data + b"x", CORRUPT_IMAGE, "invalid file"),
        "version": (data[:4] + bytes([data[4] ^ 3]) + data[5:], UNKNOWN_TYPE, "unsupported"),
        "large": (header_of_a_huge_picture(data), INSUFFICIENT_MEMORY, "limit exceeded"),
    }
    calls = [("whole", viewer.file(f"{name}.dlf", case[0])) for name, case in cases.items()]
    calls += [("pieces", path, 7) for _, path in calls]
    for call, made in zip(calls, ask(viewer, *calls), strict=True):
        _, code, words = cases[Path(str(call[1])).stem]
        assert made.get("domain") == "gdk-pixbuf-error-quark", (call, made)
        assert (made["code"], f"{words}: " in made["message"]) == (code, True), made
    whole = viewer.file("whole.dlf", data)
    [made] = ask(viewer, ("whole", whole), DLF_MODEL_PATH=str(tmp_path))
    assert made["code"] == FAILED
    assert "model package missing or wrong: no model with id" in made["message"]


def header_of_a_huge_picture(data: bytes) -> bytes:
    """The header of a file, saying that it is 2^20 pixels wide."""
    from conformance.making.container import varint
    from conformance.reference.checksum import crc8

    header = dlf.info(data)
    start = data[:5] + varint(header.model_id)
    rest = data[len(start) + len(varint(header.width - 1)) : header.header_bytes - 1]
    changed = start + varint((1 << 20) - 1) + rest
    return changed + bytes([crc8(changed)]) + data[header.header_bytes :]


def test_the_thumbnailer_of_gdk_pixbuf(viewer: Desktop, tmp_path: Path, photo: Image.Image) -> None:
    path = viewer.file("photo.dlf", viewer.encode(photo))
    words = [program("gdk-pixbuf-thumbnailer"), "-s", "64", path, tmp_path / "small.png"]
    subprocess.run(words, env=viewer.environment, check=True, timeout=60)
    with Image.open(tmp_path / "small.png") as image:
        assert image.size == (64, 46)


def test_the_signature_is_that_of_the_specification() -> None:
    source = (ROOT / "core" / "desktop" / "pixbuf_loader.c").read_text()
    (literal,) = [
        line for line in source.splitlines() if "GdkPixbufModulePattern signature" in line
    ]
    text = literal.split('"')[1].encode().decode("unicode_escape").encode("latin-1")
    assert text == signature.SIGNATURE
    assert f'"{signature.MIME_TYPE}"' in source
