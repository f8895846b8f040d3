"""Thumbnails: `dlfdec --thumbnail`, the thumbnailer file in the hands of a real desktop service."""

from __future__ import annotations

import configparser
import hashlib
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTO_SIZE, ROOT
from desktop import Desktop, program, python_with_gi
from dlf import signature
from native_tools import Tool, tool_of
from PIL import Image, ImageOps

THUMBNAILER = ROOT / "core" / "share" / "thumbnailers" / "dlf.thumbnailer"
TUMBLERD = "/usr/lib/x86_64-linux-gnu/tumbler-1/tumblerd"
OTHER_PLUGINS = ("JPEG", "Pixbuf", "Ffmpeg", "Gst", "Font", "Poppler")
SECONDS = 60  # to wait for a service on a busy machine


@pytest.fixture(scope="module")
def dlfdec(installed_library: Path, machine: Desktop) -> Tool:
    call = tool_of(installed_library / "bin" / "dlfdec")
    return lambda *words, stdin=b"": call("--model", machine.package, *words, stdin=stdin)


def box_average(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture averaged to width x height by matrices of how much each pixel counts."""

    def shares(length: int, parts: int) -> np.ndarray:
        edges = np.arange(parts + 1) * length / parts
        places = np.arange(length)
        low = np.maximum(edges[:-1, None], places)
        return np.clip(np.minimum(edges[1:, None], places + 1) - low, 0, None) * parts / length

    rows, columns = shares(pixels.shape[0], height), shares(pixels.shape[1], width)
    return np.einsum("yj,jic,xi->yxc", rows, pixels.astype(float), columns, optimize=True)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(("size", "downscale"), [(64, 1), (40, 2), (9, 8), (1, 8)])
def test_a_thumbnail_is_the_average_of_the_reduced_picture(
    machine: Desktop,
    dlfdec: Tool,
    tmp_path: Path,
    mode: str,
    size: int,
    downscale: int,
    pictures: dict[str, Image.Image],
) -> None:
    data = machine.encode(pictures[mode])
    done = dlfdec("--thumbnail", str(size), machine.file("a.dlf", data), tmp_path / "a.pam")
    assert done.status == 0, done.error
    head, samples = (tmp_path / "a.pam").read_bytes().split(b"ENDHDR\n", 1)
    stored_width, stored_height = pictures[mode].size
    width, height = size, max(1, round(stored_height * size / stored_width))
    assert f"WIDTH {width}\nHEIGHT {height}\nDEPTH {len(mode)}\n".encode() in head
    shown = np.frombuffer(samples, np.uint8).reshape(height, width, -1).astype(int)
    decoded = machine.decode(data, downscale).reshape(
        -(-stored_height // downscale), -(-stored_width // downscale), len(mode)
    )
    weights = decoded[..., -1:] / 255 if mode.endswith("A") else np.ones((*decoded.shape[:2], 1))
    colours = decoded[..., :-1] if mode.endswith("A") else decoded
    opacity = box_average(weights, width, height)
    expected = box_average(colours * weights, width, height) / np.maximum(opacity, 1e-9)
    seen = opacity[..., 0] > 0.05  # what is nearly transparent has no colour to speak of
    colour_shown = shown[..., : expected.shape[2]]
    assert np.abs(colour_shown - expected)[seen].max() <= 0.51
    if mode.endswith("A"):
        assert np.abs(shown[..., -1:] - 255 * opacity).max() <= 0.51


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_thumbnail_is_upright(
    machine: Desktop, dlfdec: Tool, png: None, tmp_path: Path, orientation: int, photo: Image.Image
) -> None:
    image = photo.copy()
    image.getexif()[0x0112] = orientation
    coded = machine.file("turned.dlf", machine.encode(image))
    stored = tmp_path / "stored.png"
    # Of the stored size nothing is averaged, so that only the turning is seen.
    assert dlfdec("--thumbnail", "4096", coded, tmp_path / "thumbnail.png").status == 0
    assert dlfdec(coded, stored).status == 0
    with Image.open(tmp_path / "thumbnail.png") as shown, Image.open(stored) as picture:
        assert "exif" not in shown.info
        assert np.array_equal(shown, ImageOps.exif_transpose(picture))
        assert (shown.size == PHOTO_SIZE) == (orientation < 5)


def test_nothing_is_enlarged_and_options_that_do_not_go_together_are_refused(
    machine: Desktop, dlfdec: Tool, tmp_path: Path, photo: Image.Image
) -> None:
    data = machine.encode(photo)
    coded, out = machine.file("a.dlf", data), tmp_path / "out.ppm"
    assert dlfdec("--thumbnail", "512", coded, out).status == 0
    assert out.read_bytes().endswith(b"\n255\n" + machine.decode(data).tobytes())
    out.unlink()
    for words in (
        ("--thumbnail", "0"),
        ("--thumbnail", "4097"),
        ("--thumbnail", "64", "--downscale", "2"),
        ("--thumbnail", "64", "--region", "0,0,8,8"),
    ):
        assert dlfdec(*words, coded, out).status == 2, words
    assert dlfdec("--thumbnail", "64", machine.file("cut.dlf", data[:-9]), out).status == 11
    assert not out.exists()


def entry() -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(THUMBNAILER)
    return dict(parser["Thumbnailer Entry"])


def test_the_thumbnailer_file_calls_what_is_installed(
    machine: Desktop, installed_library: Path, tmp_path: Path, png: None, photo: Image.Image
) -> None:
    installed = installed_library / "share" / "thumbnailers" / THUMBNAILER.name
    assert installed.read_bytes() == THUMBNAILER.read_bytes()
    assert entry()["MimeType"] == f"{signature.MIME_TYPE};"
    coded = machine.file("a name.dlf", machine.encode(photo))
    target = tmp_path / "of no format"  # desktops choose names without or with .png
    target.write_bytes(b"what was there before")
    values = {"%s": "128", "%i": str(coded), "%o": str(target)}
    words = [values.get(word, word) for word in shlex.split(entry()["Exec"])]
    assert shutil.which(entry()["TryExec"], path=machine.environment["PATH"]) is not None
    with target.open("rb") as opened:  # before the call, as tumbler does
        subprocess.run(words, env=machine.environment, check=True, timeout=SECONDS)
        assert opened.read() == target.read_bytes()
    with Image.open(target) as image:
        assert (image.format, image.size) == ("PNG", (128, 91))


ASK = """
import sys, time
from gi.repository import Gio, GLib
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
name = "org.freedesktop.thumbnails.Thumbnailer1"
said = []
bus.signal_subscribe(None, name, None, None, None, 0,
    lambda bus, sender, path, interface, signal, values: said.append((signal, values.unpack())))
service = Gio.DBusProxy.new_sync(bus, 0, None, name, "/org/freedesktop/thumbnails/Thumbnailer1", name)
handle = service.call_sync("Queue", GLib.Variant("(asasssu)",
    (sys.argv[2:], ["image/x-dlf"] * len(sys.argv[2:]), "normal", "default", 0)), 0, -1)
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and not any(signal == "Finished" for signal, values in said):
    GLib.MainContext.default().iteration(False) or time.sleep(0.01)
for signal, values in said:
    print(signal, values[1:])
"""


def test_the_service_of_a_desktop_draws_it(machine: Desktop, png: None, photo: Image.Image) -> None:
    """tumblerd, the thumbnail service of Xfce and others, over D-Bus as file managers ask it."""
    session = program("dbus-run-session")
    if not os.access(TUMBLERD, os.X_OK):
        pytest.skip("tumbler is not installed")
    python = python_with_gi()
    data = machine.encode(photo)
    whole, cut = machine.file("whole.dlf", data), machine.file("cut.dlf", data[:-9])
    settings = machine.folder / "config" / "tumbler" / "tumbler.rc"
    settings.parent.mkdir(parents=True)
    # Its other plugins are not asked, and take seconds to look for what they can do.
    settings.write_text("".join(f"[{name}Thumbnailer]\nDisabled=true\n" for name in OTHER_PLUGINS))
    uris = [path.as_uri() for path in (whole, cut)]
    command = [session, "--", python, "-c", ASK, str(SECONDS), *uris]
    done = subprocess.run(
        command,
        env={**machine.environment, "XDG_CONFIG_HOME": str(settings.parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stderr
    thumbnails = [
        Path(machine.environment["XDG_CACHE_HOME"], "thumbnails", "normal", f"{name}.png")
        for name in (hashlib.md5(uri.encode()).hexdigest() for uri in uris)
    ]
    assert thumbnails[0].is_file(), done.stdout + done.stderr
    with Image.open(thumbnails[0]) as image:
        assert image.size == (128, 91)
        assert image.info["Thumb::URI"] == uris[0]
        shown = np.asarray(image.convert("RGB"), float)
    assert np.abs(shown - box_average(machine.decode(data), 128, 91)).max() <= 0.51
    assert not thumbnails[1].exists()
    failed = [line for line in done.stdout.splitlines() if line.startswith("Error")]
    assert len(failed) == 1, done.stdout
    assert uris[1] in failed[0]
