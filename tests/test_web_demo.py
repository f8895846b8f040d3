"""The demonstration page in headless browsers: what a person with a mouse, keys or a phone gets.

`slow`: a browser takes seconds to start. Screenshots are kept in the folder that DLF_ARTEFACTS
names.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import scene
from dlf.web_models import write_folder
from PIL import Image
from web_site import Site, WebPage, browser_page, served_copy, wait_until

pytestmark = [pytest.mark.web, pytest.mark.slow]

PHONE = (360, 740)
BYTES = 20000
# What the page makes addresses for is kept: its policy lets nobody read them back.
KEEP_BLOBS = """\
(() => {
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => make.call(URL, (window.blob = blob));
})()"""
SAVED = """\
blob.arrayBuffer().then((bytes) => [
  document.querySelector("a[download]").download,
  btoa(String.fromCharCode(...new Uint8Array(bytes))),
])"""
FIRST_PIXELS = """\
(() => {
  const canvas = document.querySelector("figure canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.height, canvas.width, btoa(String.fromCharCode(...data))];
})()"""
CAPTIONS = "[...document.querySelectorAll('figcaption')].map((each) => each.textContent)"


@pytest.fixture(scope="module")
def codec(encoding_model: Path) -> dlf.Codec:
    return dlf.Codec(encoding_model)


@pytest.fixture(scope="module")
def site(codec: dlf.Codec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_copy(tmp_path_factory.mktemp("web") / "site") as served:
        write_folder(served.folder / "models", [codec.model])
        yield served


@pytest.fixture
def page(web_page: WebPage, site: Site) -> Iterator[WebPage]:
    """The page as it is when it has just been opened; it says nothing, and asks nobody else."""
    web_page.events.clear()
    web_page.resize(1000, 800)
    web_page.open(site.address)
    yield web_page
    assert web_page.complaints() == []
    asked = {address for address in web_page.requests() if not address.startswith("blob:")}
    assert all(address.startswith(site.address) for address in asked), asked


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "sea side.png"
    Image.fromarray(scene(120, 160, seed=2)).save(path)
    return path


def ask_for(page: WebPage, size: int) -> None:
    page.evaluate(f"document.getElementById('bytes').value = {size}")


def shown(page: WebPage) -> np.ndarray:
    height, width, text = page.evaluate(FIRST_PIXELS)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


def keep(page: WebPage, name: str) -> None:
    """A screenshot for people, where somebody wants one."""
    if "DLF_ARTEFACTS" in os.environ:
        page.screenshot(Path(os.environ["DLF_ARTEFACTS"]) / f"{name}.png")


def test_a_photograph_beside_what_the_browser_makes(
    page: WebPage, codec: dlf.Codec, photo: Path
) -> None:
    page.evaluate(KEEP_BLOBS)
    ask_for(page, BYTES)
    page.set_files("#file", photo)
    wait_until(page, "document.querySelectorAll('figure').length >= 3")
    captions = page.evaluate(CAPTIONS)
    assert captions[0].startswith("DLF: ") and captions[-1] == "Original: 160 x 120"
    assert captions[1].startswith("WebP: ")
    sizes = [int(text.split()[1].replace(",", "")) for text in captions[:-1]]
    assert all(size <= BYTES for size in sizes)
    name, text = page.evaluate(SAVED)
    file = base64.b64decode(text)
    assert (name, len(file)) == ("sea side.dlf", sizes[0])
    assert np.array_equal(shown(page)[..., :3], codec.decode(file))
    keep(page, "web-demo")


def test_a_dlf_file_is_seen(page: WebPage, codec: dlf.Codec, tmp_path: Path) -> None:
    file = codec.encode(scene(60, 80, seed=4), 60)
    (tmp_path / "x.dlf").write_bytes(file)
    page.set_files("#file", tmp_path / "x.dlf")
    wait_until(page, "document.querySelector('figure')")
    assert np.array_equal(shown(page)[..., :3], codec.decode(file))
    [caption] = page.evaluate(CAPTIONS)
    assert caption.startswith(f"DLF: 80 x 60, {len(file)} bytes")
    page.evaluate("document.querySelector('figure').id = 'before'")
    page.evaluate("document.querySelector('[value=faithful]').click()")
    wait_until(page, "document.querySelector('figure') && !document.getElementById('before')")
    assert np.array_equal(shown(page)[..., :3], codec.decode(file, noise="faithful"))


def test_a_dropped_file_is_seen(page: WebPage, codec: dlf.Codec) -> None:
    file = codec.encode(scene(60, 80, seed=4), 60)
    text = base64.b64encode(file).decode()
    page.evaluate(
        f"""(() => {{
          const bytes = Uint8Array.from(atob("{text}"), (c) => c.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], "x.dlf"));
          for (const kind of ["dragover", "drop"]) {{
            const event = new DragEvent(kind, {{ dataTransfer, bubbles: true, cancelable: true }});
            document.body.dispatchEvent(event);
          }}
        }})()"""
    )
    wait_until(page, "document.querySelector('figure')")
    assert np.array_equal(shown(page)[..., :3], codec.decode(file))


def test_bad_input_shows_an_error_and_nothing_else(
    page: WebPage, codec: dlf.Codec, photo: Path, tmp_path: Path
) -> None:
    file = codec.encode(scene(60, 80, seed=4), 60)
    good = tmp_path / "good.dlf"
    good.write_bytes(file)
    cases = {
        "cut.dlf": (file[:-1], "DLF_TRUNCATED_FILE"),
        "flipped.dlf": (file[:22] + bytes([file[22] ^ 1]) + file[23:], "DLF_INVALID_FILE"),
        "empty.dlf": (b"", "DLF_TRUNCATED_FILE"),
        "text.txt": (b"hello", "neither a .dlf file nor a picture"),
    }
    for name, (data, expected) in cases.items():
        page.set_files("#file", good)
        wait_until(page, "document.querySelector('figure')")
        (tmp_path / name).write_bytes(data)
        page.set_files("#file", tmp_path / name)
        wait_until(page, "!document.getElementById('error').hidden")
        assert expected in page.evaluate("document.getElementById('error').textContent")
        assert page.evaluate("document.querySelectorAll('figure').length") == 0
        wait_until(page, "document.getElementById('progress').hidden")
    ask_for(page, 50)  # no file of the photograph is so small
    page.set_files("#file", photo)
    wait_until(page, "!document.getElementById('error').hidden")
    assert "DLF_INVALID_ARGUMENT" in page.evaluate("document.getElementById('error').textContent")


def test_keys_reach_everything(page: WebPage) -> None:
    page.evaluate("document.body.focus()")
    reached = []
    for _ in range(8):
        page.key("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    wanted = ["file", "slider", "bytes", "side", "noise"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    page.evaluate("document.getElementById('slider').focus()")
    before = page.evaluate("Number(document.getElementById('bytes').value)")
    page.key("ArrowRight")
    assert page.evaluate("Number(document.getElementById('bytes').value)") > before


def test_names_for_those_who_do_not_see(page: WebPage, photo: Path) -> None:
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, progress')].filter((each) =>"
        " !each.ariaLabel && !each.labels?.length).length"
    )
    assert unnamed == 0
    ask_for(page, BYTES)
    page.set_files("#file", photo)
    wait_until(page, "document.querySelectorAll('figure').length >= 3")
    assert page.evaluate(
        "[...document.querySelectorAll('canvas')].every((c) => c.role === 'img' && c.ariaLabel)"
    )


def test_a_phone_is_wide_enough(page: WebPage, photo: Path) -> None:
    page.resize(*PHONE)
    ask_for(page, BYTES)
    page.set_files("#file", photo)
    wait_until(page, "document.querySelectorAll('figure').length >= 3")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    keep(page, "web-demo-phone")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_colours_follow_the_system(browser: str, dark: bool, site: Site) -> None:
    with browser_page(browser, *PHONE, dark=dark) as page:
        page.open(site.address)
        seen = page.screenshot()
        background = seen[5, 5].mean()
        text = seen[:200].min() if not dark else seen[:200].max()
        assert (background < 80) if dark else (background > 200)
        assert abs(float(text) - background) > 150
        assert page.complaints() == []
        keep(page, f"web-demo-{browser}-{'dark' if dark else 'light'}")
