"""The package dlf-codec in headless browsers: what its functions give, and what they refuse.

`slow`: a browser takes seconds to start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import ROOT, scene
from dlf import _core, models
from dlf.web_models import write_folder
from integer_models import encoding_package
from PIL import Image, ImageOps
from web_site import Site, WebPage, decode, encode, in_channels, open_blank, served_copy

from conformance.making.container import File, Header

pytestmark = [pytest.mark.web, pytest.mark.slow]

CACHE = "dlf-models"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small package that encodes, with maps, and finds by itself what is important."""
    path = tmp_path_factory.mktemp("package") / "small.dlfm"
    path.write_bytes(encoding_package(importance=True))
    return path


@pytest.fixture(scope="module")
def codec(package: Path) -> dlf.Codec:
    return dlf.Codec(package)


@pytest.fixture(scope="module")
def model_id(package: Path) -> int:
    return models.load(package).id


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_copy(tmp_path_factory.mktemp("web") / "site") as served:
        write_folder(served.folder / "models", [models.load(package)])
        yield served


@pytest.fixture
def page(web_page: WebPage, site: Site) -> Iterator[WebPage]:
    """The blank page, with nothing kept of models that were fetched before."""
    open_blank(web_page, site)
    web_page.evaluate(f"caches.delete({CACHE!r})")
    site.asked.clear()
    yield web_page
    assert [text for text in web_page.complaints() if "404" not in text] == []


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return scene(40, 56, seed=3)


@pytest.fixture(scope="module")
def file(codec: dlf.Codec, picture: np.ndarray) -> bytes:
    return codec.encode(picture, 60)


def rgba(picture: np.ndarray) -> np.ndarray:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def models_asked(site: Site) -> list[str]:
    """The files of models that were fetched."""
    return [path.rpartition("/")[2] for path in site.asked if "/models/" in path]


# --- decoding


def test_pixels_are_those_of_the_core(page: WebPage, codec: dlf.Codec, file: bytes) -> None:
    for options, more in [
        ({}, {}),
        ({"noise": "faithful"}, {"noise": "faithful"}),
        ({"downscale": 4}, {"downscale": 4}),
    ]:
        found = decode(page, file, **options)
        assert np.array_equal(found, rgba(codec.decode(file, **more)))


def test_all_modes(page: WebPage, codec: dlf.Codec, pictures: dict[str, Image.Image]) -> None:
    for mode, image in pictures.items():
        file = codec.encode(image, 60)
        found = decode(page, file)
        assert isinstance(found, np.ndarray), found
        expected = codec.decode(file).reshape(*found.shape[:2], -1)
        assert np.array_equal(in_channels(found, expected.shape[-1]), expected), mode


def test_pictures_are_turned_as_they_say(page: WebPage, codec: dlf.Codec) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = codec.encode(scene(17, 29, seed=5), 60, exif=exif)
        stored = codec.decode(file)
        image = Image.fromarray(stored)
        image.getexif()[0x0112] = orientation
        turned = np.asarray(ImageOps.exif_transpose(image))
        assert np.array_equal(decode(page, file), rgba(turned)), orientation
        assert np.array_equal(decode(page, file, imageOrientation="none"), rgba(stored))


def test_the_module_is_the_one_with_simd(page: WebPage, site: Site, file: bytes) -> None:
    open_blank(page, site)
    site.asked.clear()
    assert isinstance(decode(page, file), np.ndarray)
    assert "/dlf-codec/dlf-simd.wasm" in site.asked
    assert "/dlf-codec/dlf.wasm" not in site.asked


def test_the_module_without_simd_gives_the_same(
    web_page: WebPage, package: Path, codec: dlf.Codec, file: bytes, tmp_path: Path
) -> None:
    with served_copy(tmp_path / "site") as site:
        write_folder(site.folder / "models", [models.load(package)])
        core = site.folder / "dlf-codec" / "core.js"
        text = core.read_text()
        assert "return WebAssembly.validate(SIMD_PROBE);" in text
        core.write_text(text.replace("WebAssembly.validate(SIMD_PROBE)", "false"))
        open_blank(web_page, site)
        assert np.array_equal(decode(web_page, file), rgba(codec.decode(file)))
        assert "/dlf-codec/dlf.wasm" in site.asked
        assert "/dlf-codec/dlf-simd.wasm" not in site.asked


def test_probe_and_progress(page: WebPage, file: bytes, model_id: int) -> None:
    text = json.dumps(list(file))
    info = page.evaluate(f"codec.probe(Uint8Array.from({text}))")
    header = _core.probe(file)
    assert (info["modelId"], info["width"], info["height"]) == (model_id, 56, 40)
    assert (info["rate"], info["channels"], info["colorSpace"]) == (header["rate"], 3, "srgb")
    assert (info["displayWidth"], info["displayHeight"]) == (56, 40)
    reduced = list(File(Header(56, 40, reduction=0b011_001_10), bytes(4)).write())
    info = page.evaluate(f"codec.probe(Uint8Array.from({reduced}))")
    assert (info["width"], info["displayWidth"], info["displayHeight"]) == (56, 223, 157)
    told = page.evaluate(
        "(async () => { const told = []; await codec.decode("
        f"Uint8Array.from({text}), {{onProgress: (...now) => told.push(now)}}); return told; }})()"
    )
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# --- refusing


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"noise": "loud"}, "DLF_INVALID_ARGUMENT"),
        ({"downscale": 3}, "DLF_INVALID_ARGUMENT"),
        ({"limits": {"maxPixel": 1}}, "DLF_INVALID_ARGUMENT"),
        ({"region": {"x": 50, "y": 0, "width": 7, "height": 1}}, "DLF_INVALID_ARGUMENT"),
        ({"limits": {"maxPixels": 100}}, "DLF_LIMIT_EXCEEDED"),
        ({"limits": {"maxMemory": 1000}}, "DLF_LIMIT_EXCEEDED"),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value),
)
def test_what_is_refused(
    page: WebPage, file: bytes, options: dict[str, object], status: str
) -> None:
    answer = decode(page, file, **options)
    assert isinstance(answer, dict)
    assert (answer["failed"], answer["status"]) == ("DlfError", status)
    assert answer["message"].startswith(f"{status}: ")
    assert isinstance(decode(page, file), np.ndarray)  # the next one is decoded


def test_broken_files(page: WebPage, site: Site, file: bytes, codec: dlf.Codec) -> None:
    cases = {
        b"": "DLF_TRUNCATED_FILE",
        b"GIF89a": "DLF_INVALID_FILE",
        file[:-1]: "DLF_TRUNCATED_FILE",
        file + b"x": "DLF_INVALID_FILE",
        file[:20] + bytes([file[20] ^ 255]) + file[21:]: "DLF_INVALID_FILE",
    }
    for data, status in cases.items():
        answer = decode(page, data)
        assert isinstance(answer, dict) and answer["status"] == status, (data, answer)
    cut = decode(page, file[:-1], allowTruncated=True)
    assert np.array_equal(cut, rgba(codec.decode(file[:-1], allow_truncated=True)))


def test_a_huge_claim_costs_nothing(page: WebPage, site: Site, file: bytes) -> None:
    """A header of four gigapixels is refused before its model is fetched."""
    huge = (ROOT / "conformance" / "vectors" / "bad-model-unused" / "input.dlf").read_bytes()
    answer = decode(page, huge)
    assert isinstance(answer, dict) and answer["status"] == "DLF_MODEL_ERROR"
    assert (
        decode(page, huge, limits={"maxSide": 1})["status"]  # type: ignore[call-overload]
        == "DLF_LIMIT_EXCEEDED"
    )


def test_a_call_can_be_given_up(page: WebPage, file: bytes) -> None:
    text = json.dumps(list(file))
    answers = page.evaluate(
        f"""(async () => {{
          const file = Uint8Array.from({text});
          const first = new AbortController(), second = new AbortController();
          const jobs = [
            codec.decode(file, {{signal: first.signal, onProgress: () => first.abort()}}),
            codec.decode(file, {{signal: second.signal}}),
            codec.decode(file),
            codec.decode(file, {{signal: AbortSignal.abort()}}),
          ];
          second.abort();
          const done = await Promise.allSettled(jobs);
          return done.map((job) => job.reason?.name ?? job.value.width);
        }})()"""
    )
    assert answers == ["AbortError", "AbortError", 56, "AbortError"]


# --- models


def test_decoding_fetches_the_half_once(
    page: WebPage, site: Site, file: bytes, model_id: int
) -> None:
    half = f"{model_id}.decoder.dlfm"
    for _ in range(2):
        assert isinstance(decode(page, file), np.ndarray)
    open_blank(page, site)  # another page, another worker
    assert isinstance(decode(page, file), np.ndarray)
    assert models_asked(site) == [half]


def test_a_damaged_copy_in_the_cache_is_fetched_anew(
    page: WebPage, site: Site, file: bytes, codec: dlf.Codec, model_id: int
) -> None:
    half = f"{model_id}.decoder.dlfm"
    page.evaluate(
        f"caches.open({CACHE!r}).then((kept) => kept.put("
        f"{json.dumps(site.address)} + 'models/{half}', new Response('DLFN, but nothing else')))"
    )
    assert np.array_equal(decode(page, file), rgba(codec.decode(file)))
    assert models_asked(site) == [half]


def test_another_model_under_that_name_is_refused(
    page: WebPage, site: Site, file: bytes, model_id: int, tmp_path: Path
) -> None:
    other = models.load(ROOT / "conformance" / "packages" / "integer-12.dlfm")
    write_folder(site.folder / "others", [other])
    wrong = site.folder / "others" / f"{model_id}.decoder.dlfm"
    (site.folder / "others" / f"{other.id}.decoder.dlfm").rename(wrong)
    page.evaluate("codec.configure({models: 'others/'})")
    for _ in range(2):  # nothing wrong is kept
        answer = decode(page, file)
        assert isinstance(answer, dict) and answer["status"] == "DLF_MODEL_ERROR"
        assert other.sha256 in answer["message"]
    wrong.write_bytes(wrong.read_bytes()[:-1])
    assert decode(page, file)["status"] == "DLF_MODEL_ERROR"  # type: ignore[call-overload]


def test_a_missing_model_is_named(page: WebPage, file: bytes) -> None:
    page.evaluate("codec.configure({models: 'nowhere/'})")
    answer = decode(page, file)
    assert isinstance(answer, dict) and answer["status"] == "DLF_MODEL_ERROR"
    assert "nowhere/" in answer["message"] and "404" in answer["message"]


# --- encoding


def test_encoded_files_open_everywhere(
    page: WebPage, codec: dlf.Codec, picture: np.ndarray, model_id: int
) -> None:
    for options, check in [
        ("{}", {"rate": round(11 * 0.5 + 0.01)}),
        ("{quality: 100}", {"rate": 11}),
        ("{rate: 2, orientation: 6}", {"rate": 2, "orientation": 6}),
    ]:
        file = encode(page, rgba(picture), options)
        assert isinstance(file, bytes), file
        header = _core.probe(file)
        assert {name: header[name] for name in check} == check
        assert (header["model_id"], header["alpha"]) == (model_id, False)
        assert np.array_equal(decode(page, file, imageOrientation="none"), rgba(codec.decode(file)))


def test_sizes_are_met(page: WebPage, codec: dlf.Codec, picture: np.ndarray) -> None:
    for limit in (400, 405):
        native = codec.encode(picture, max_bytes=limit)
        for options in (f"{{maxBytes: {limit}}}", f"{{bpp: {limit * 8 / picture[..., 0].size}}}"):
            file = encode(page, rgba(picture), options)
            assert isinstance(file, bytes) and 0.97 * len(native) < len(file) <= limit
    answer = encode(page, rgba(picture), "{maxBytes: 20}")
    assert isinstance(answer, dict) and answer["status"] == "DLF_INVALID_ARGUMENT"


def test_alpha_is_kept(page: WebPage, codec: dlf.Codec, picture: np.ndarray) -> None:
    clear = rgba(picture)
    clear[:20, :, 3] = 7
    file = encode(page, clear, "{quality: 50}")
    assert isinstance(file, bytes)
    assert np.array_equal(codec.decode(file)[..., 3], clear[..., 3])


def test_importance(page: WebPage, codec: dlf.Codec, picture: np.ndarray) -> None:
    left = "{data: Int8Array.of(127, -127), width: 2, height: 1}"
    for importance in (left, "'auto'"):
        file = encode(page, rgba(picture), f"{{quality: 50, importance: {importance}}}")
        assert isinstance(file, bytes), file
        assert _core.probe(file)["has_map"]
        assert np.array_equal(decode(page, file), rgba(codec.decode(file)))


@pytest.mark.parametrize(
    "options",
    [
        "{quality: 1, bpp: 1}",
        "{quality: 101}",
        "{rate: 12}",
        "{maxBytes: NaN}",
        "{orientation: 9}",
        "{importance: {data: new Int8Array(3), width: 2, height: 2}}",
        "{limits: {maxPixels: -1}}",
    ],
)
def test_wrong_wishes(page: WebPage, picture: np.ndarray, options: str) -> None:
    answer = encode(page, rgba(picture), options)
    assert isinstance(answer, dict)
    assert (answer["failed"], answer["status"]) == ("DlfError", "DLF_INVALID_ARGUMENT")


def test_the_half_does_not_encode(
    page: WebPage, site: Site, picture: np.ndarray, model_id: int
) -> None:
    whole = site.folder / "halves" / f"{model_id}.dlfm"
    whole.parent.mkdir(exist_ok=True)
    whole.write_bytes((site.folder / "models" / f"{model_id}.decoder.dlfm").read_bytes())
    page.evaluate("codec.configure({models: 'halves/'})")
    answer = encode(page, rgba(picture), f"{{model: {model_id}}}")
    assert isinstance(answer, dict) and answer["status"] == "DLF_MODEL_ERROR"
