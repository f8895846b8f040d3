"""The imageio plugin: how it is found, both interfaces, and what a failure leaves behind."""

from __future__ import annotations

import functools
import http.server
import io
import multiprocessing
import resource
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import dlf
import dlf_imageio
import imageio
import imageio.v2
import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import pytest
from dlf_imageio.plugin import DlfPlugin
from imageio.config import extension_list, known_extensions, known_plugins
from imageio.core.request import InitializationError, Request
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

Array = npt.NDArray[np.uint8]


@pytest.fixture
def array(pictures: dict[str, Image.Image]) -> Array:
    return np.asarray(pictures["RGB"])


@pytest.fixture
def file(photo_dlf: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "photo.dlf"
    path.write_bytes(photo_dlf)
    return path


def test_it_is_first_in_the_order_and_registered_once() -> None:
    before = len(known_plugins)
    workers = [threading.Thread(target=dlf_imageio.register) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert list(known_plugins)[:2] == ["DLF", "dlf"]
    assert len(known_plugins) == before
    assert [extension.priority for extension in known_extensions[".dlf"]] == [["DLF"]]
    assert [extension.name for extension in extension_list].count("DLF") == 1


def test_what_is_not_ours_costs_one_read() -> None:
    class Counted(io.BytesIO):
        sizes: ClassVar[list[int | None]] = []

        def read(self, size: int | None = -1) -> bytes:
            self.sizes.append(size)
            return super().read(size)

    with pytest.raises(InitializationError):
        DlfPlugin(Request(Counted(b"\x89PNG" + bytes(1000)), "r"))
    assert len(Counted.sizes) == 1
    assert Counted.sizes[0] == 4


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers_need_only_the_initializer(method: str, file: Path) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, context, initializer=dlf_imageio.register) as pool:
        pixels = pool.submit(iio.imread, file).result(120)
    assert np.array_equal(pixels, iio.imread(file))


def test_an_incomplete_installation_is_told_at_registration() -> None:
    program = "import sys; sys.modules['dlf._core'] = None; import dlf_imageio"
    result = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert result.returncode != 0
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ImportError: dlf is not completely installed: ")
    assert "pip install imageio" not in result.stderr


@pytest.mark.filterwarnings("ignore:Starting with ImageIO v3:DeprecationWarning")
def test_every_way_to_read(photo_dlf: bytes, file: Path) -> None:
    expected = dlf.decode(photo_dlf)
    with zipfile.ZipFile(file.with_suffix(".zip"), "w") as archive:
        archive.writestr("inside.dlf", photo_dlf)
    results = [
        iio.imread(file),
        iio.imread(str(file), plugin="DLF"),
        iio.imread(file, plugin="dlf"),
        iio.imread(photo_dlf),
        iio.imread(io.BytesIO(photo_dlf)),
        iio.imread(memoryview(photo_dlf)),
        iio.imread(photo_dlf, extension=".dlf"),
        iio.imread(file.with_suffix(".zip") / "inside.dlf"),
        iio.imread(file, index=0),
        iio.imread(file, index=-1),
        next(iter(iio.imiter(file))),
        iio.imread(file, index=...)[0],
        imageio.imread(file),
        imageio.v2.imread(file),
        imageio.v2.imread(file, format="dlf"),
        imageio.v2.imread(file, format="DLF"),
        imageio.v2.mimread(file)[0],
        imageio.v2.get_reader(file).get_data(0),
    ]
    for result in results:
        assert np.array_equal(result, expected)
        assert result.flags.writeable
    batch = iio.imread(file, index=...)
    assert batch.shape == (1, *expected.shape)


def test_reading_over_http(file: Path, photo_dlf: bytes) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(file.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/{file.name}"
            assert np.array_equal(iio.imread(address), dlf.decode(photo_dlf))
            assert iio.improps(address).shape == dlf.decode(photo_dlf).shape
        finally:
            server.shutdown()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes_come_back(mode: str, pictures: dict[str, Image.Image]) -> None:
    array = np.asarray(pictures[mode])
    data = iio.imwrite("<bytes>", array, extension=".dlf")
    assert data == dlf.encode(array)
    assert iio.imread(data).shape == array.shape
    assert iio.improps(data).shape == array.shape


def test_every_way_to_write(array: Array, tmp_path: Path) -> None:
    expected = dlf.encode(array)
    buffer = io.BytesIO()
    assert iio.imwrite(buffer, array, plugin="DLF") is None
    assert buffer.getvalue() == expected
    assert np.array_equal(iio.imread(buffer, plugin="DLF"), dlf.decode(expected))
    hinted = io.BytesIO()
    iio.imwrite(hinted, array, extension=".dlf")
    assert hinted.getvalue() == expected
    assert iio.imwrite("<bytes>", array, plugin="dlf") == expected
    iio.imwrite(tmp_path / "a.dlf", array)
    iio.imwrite(tmp_path / "b.DLF", array)
    iio.imwrite(tmp_path / "c.bin", array, extension=".dlf")
    imageio.v2.imwrite(tmp_path / "d.dlf", array)
    imageio.imwrite(tmp_path / "k.dlf", array)
    iio.imwrite(tmp_path / "l.bin", array, plugin=DlfPlugin, extension=".dlf")
    imageio.v2.imwrite(tmp_path / "e.dlf", array, format="dlf")
    imageio.v2.imwrite(tmp_path / "f.dlf", array, format="DLF")
    imageio.v2.imwrite(tmp_path / "g.bin", array, format=".dlf")
    imageio.v2.mimwrite(tmp_path / "h.dlf", [array])
    iio.imwrite(tmp_path / "i.dlf", array[np.newaxis])
    iio.imwrite(tmp_path / "j.dlf", [array], is_batch=True)
    written = sorted(tmp_path.iterdir())
    assert len(written) == 12
    for path in written:
        assert path.read_bytes() == expected


def test_options_reach_the_encoder(array: Array) -> None:
    limit = len(dlf.encode(array, 30))
    exif = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
    assert iio.imwrite("<bytes>", array, extension=".dlf", quality=30) == dlf.encode(array, 30)
    small = iio.imwrite("<bytes>", array, extension=".dlf", max_bytes=limit)
    assert small == dlf.encode(array, max_bytes=limit)
    described = iio.imwrite("<bytes>", array, extension=".dlf", exif=exif, xmp="<x/>")
    assert described == dlf.encode(array, exif=exif, xmp="<x/>")
    metadata = iio.immeta(described)
    assert metadata["exif"] == b"Exif\0\0" + exif
    assert metadata["xmp"] == b"<x/>"


def test_options_reach_the_decoder(photo_dlf: bytes) -> None:
    semantic = iio.imread(photo_dlf, layers="semantic", threads=1)
    assert np.array_equal(semantic, dlf.decode(photo_dlf, layers="semantic"))
    reduced = iio.imread(photo_dlf, downscale=4)
    assert np.array_equal(reduced, dlf.decode(photo_dlf, downscale=4))
    cut = photo_dlf[:-20]
    preview = iio.imread(cut, plugin="DLF", allow_truncated=True)
    assert np.array_equal(preview, dlf.decode(cut, allow_truncated=True))


def test_unknown_options_are_type_errors(
    array: Array, photo_dlf: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TypeError, match="qualty"):
        iio.imwrite(tmp_path / "x.dlf", array, qualty=5)
    with pytest.raises(TypeError, match="rotate"):
        iio.imread(photo_dlf, rotate=True)
    with pytest.raises(Exception, match="unknown"):
        iio.imopen(photo_dlf, "r", plugin="DLF", unknown=1)
    assert not list(tmp_path.iterdir())
    assert "ignored" not in capfd.readouterr().err


def test_properties_and_metadata_need_no_decoding(
    file: Path, photo_dlf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = dlf.decode(photo_dlf)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("dlf.codec.Codec.decode", refuse)
    for source in (file, photo_dlf, io.BytesIO(photo_dlf)):
        properties = iio.improps(source)
        assert (properties.shape, properties.dtype) == (expected.shape, expected.dtype)
        assert (properties.n_images, properties.is_batch) == (1, False)
        assert iio.immeta(source)["shape"] == expected.shape[:2]
    assert iio.improps(file, index=...).shape == (1, *expected.shape)
    metadata = iio.immeta(file)
    assert metadata["mode"] == "RGB"
    assert metadata["shape"] == expected.shape[:2]
    assert metadata["bpp"] == pytest.approx(8 * len(photo_dlf) / expected[..., 0].size)
    reader = imageio.v2.get_reader(file)
    assert len(reader) == 1
    assert reader.get_meta_data()["mode"] == "RGB"


def test_there_is_one_image(photo_dlf: bytes, array: Array, tmp_path: Path) -> None:
    for error in (ValueError, IndexError):
        with pytest.raises(error, match="index 1 is out of range"):
            iio.imread(photo_dlf, index=1)
    with pytest.raises(ValueError, match="holds one image, not 2"):
        iio.imwrite(tmp_path / "x.dlf", [array, array], is_batch=True)
    with pytest.raises(ValueError, match="holds one image, not 2"):
        imageio.v2.mimwrite(tmp_path / "x.dlf", [array, array])
    with pytest.raises(ValueError, match="holds one image, not 0"):
        iio.imwrite(tmp_path / "x.dlf", array[:0, np.newaxis], is_batch=True)
    with pytest.raises(dlf.Unsupported, match="it must be H x W, or H x W x C"):
        imageio.v2.volwrite(tmp_path / "x.dlf", np.zeros((5, 6, 7), np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint16), np.zeros((4, 4, 3)), np.zeros((0, 0, 3), np.uint8)]
)
def test_a_failed_write_leaves_the_old_file(
    bad: npt.NDArray[Any], array: Array, tmp_path: Path
) -> None:
    path = tmp_path / "x.dlf"
    iio.imwrite(path, array)
    before = path.read_bytes()
    with pytest.raises(dlf.Unsupported):
        iio.imwrite(path, bad)
    with pytest.raises(ValueError, match="quality"):
        iio.imwrite(path, array, quality=1000)
    assert path.read_bytes() == before
    with pytest.raises(dlf.Unsupported):
        iio.imwrite(tmp_path / "new.dlf", bad)
    assert [file.name for file in tmp_path.iterdir()] == ["x.dlf"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # other plugins leave the file open
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # and are imported in turn
def test_what_is_not_ours(photo_dlf: bytes, array: Array, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.dlf"
    garbage.write_bytes(b"nothing of the kind")
    with pytest.raises(OSError, match="Could not find a backend"):
        iio.imread(garbage)
    with pytest.raises(OSError, match="can not handle") as caught:
        iio.imread(garbage, plugin="DLF")
    assert "not a .dlf file" in str(caught.value.__cause__)
    with pytest.raises(OSError, match=r"folder\.dlf"):
        (tmp_path / "folder.dlf").mkdir()
        iio.imread(tmp_path / "folder.dlf")
    png_named_dlf, dlf_named_png = tmp_path / "a.dlf", tmp_path / "b.png"
    png_named_dlf.write_bytes(iio.imwrite("<bytes>", array, extension=".png"))
    dlf_named_png.write_bytes(photo_dlf)
    assert np.array_equal(iio.imread(png_named_dlf), array)
    assert np.array_equal(iio.imread(dlf_named_png), dlf.decode(photo_dlf))
    with pytest.raises(FileNotFoundError):
        iio.imread(tmp_path / "missing.dlf")
    with pytest.raises(OSError, match="DLF"):
        iio.imwrite(tmp_path / "x.bin", array, plugin="DLF")
    with pytest.raises(RuntimeError, match="dlf"):  # imageio.v2's word for the same
        imageio.v2.imwrite(tmp_path / "x.bin", array, format="dlf")
    assert not (tmp_path / "x.bin").exists()
    with pytest.raises(InitializationError, match="does not write .unknown files"):
        DlfPlugin(Request(tmp_path / "x.unknown", "w"))  # as when imageio asks everybody
    assert iio.imread(iio.imwrite("<bytes>", array, extension=".png")).shape == array.shape


def test_damaged_files_raise_our_own_errors(photo_dlf: bytes, file: Path) -> None:
    file.write_bytes(photo_dlf[:-5])
    for read in (iio.imread, imageio.v2.imread):
        with pytest.raises(dlf.TruncatedFile):
            read(file)
    with pytest.raises(dlf.InvalidFile):
        iio.imread(photo_dlf + b"\0", extension=".dlf")


def test_reading_what_was_opened_for_writing(tmp_path: Path) -> None:
    with iio.imopen(tmp_path / "x.dlf", "w", plugin="DLF") as opened:
        assert isinstance(opened, DlfPlugin)
        with pytest.raises(OSError, match="opened for writing"):
            opened.read()


def test_pillow_alone_serves_imageio_too(file: Path, photo_dlf: bytes, tmp_path: Path) -> None:
    program = (
        "import sys, dlf_pillow, imageio.v3 as iio\n"
        "array = iio.imread(sys.argv[1])\n"
        "iio.imwrite(sys.argv[2], array)\n"
        "print(array.shape, iio.improps(sys.argv[1]).shape)\n"
        "try:\n"
        "    iio.imwrite(sys.argv[2] + '.dlf', [array, array], is_batch=True)\n"
        "except ValueError as error:\n"
        "    print(error)"
    )
    target = tmp_path / "again.dlf"
    result = subprocess.run(
        [sys.executable, "-c", program, file, target], check=True, capture_output=True, text=True
    )
    shape = dlf.decode(photo_dlf).shape
    assert result.stdout == f"{shape} {shape}\na .dlf file holds one image, not 2\n"
    assert dlf.info(target.read_bytes()).size == (shape[1], shape[0])


# --- a file holds one image, and appears whole or not at all


def test_a_second_image_is_refused_and_the_first_stays(array: Array, tmp_path: Path) -> None:
    expected = dlf.encode(array)
    for name, write in (
        ("v2.dlf", lambda writer: writer.append_data(array)),
        ("v3.dlf", lambda writer: writer.write(array)),
    ):
        opened = (
            imageio.v2.get_writer(tmp_path / name)
            if name == "v2.dlf"
            else iio.imopen(tmp_path / name, "w", plugin="DLF")
        )
        with opened as writer:
            write(writer)
            with pytest.raises(ValueError, match="holds one image"):
                write(writer)
        assert (tmp_path / name).read_bytes() == expected


def test_a_full_disk_leaves_the_old_file(array: Array, tmp_path: Path) -> None:
    target = tmp_path / "x.dlf"
    target.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # as on a disk that is full then
    try:
        with pytest.raises(OSError):
            iio.imwrite(target, array)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_links_and_odd_names(array: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.dlf").symlink_to("real.dlf")
    iio.imwrite("link.dlf", array)
    assert (tmp_path / "link.dlf").is_symlink()
    assert (tmp_path / "real.dlf").read_bytes() == dlf.encode(array)
    iio.imwrite("-", array, plugin="DLF")
    assert (tmp_path / "-").read_bytes() == dlf.encode(array)
