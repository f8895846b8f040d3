"""What web/README.md shows runs as it is written, in headless browsers.

`slow`: a browser takes seconds to start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import dlf
import pytest
from conftest import ROOT, scene
from dlf.web_models import write_folder
from web_site import Site, WebPage, served_copy, wait_until

pytestmark = [pytest.mark.web, pytest.mark.slow]

WIDTH, HEIGHT = 56, 40
HEAD = '<!doctype html><title>as written</title><link rel="icon" href="data:,">'
# What a bundler does for a page that has installed the package from npm.
INSTALLED = '<script type="importmap">{"imports": {"dlf-codec": "./dlf-codec/index.js"}}</script>'
DONE = "window.done = [canvas.width, image.width, image.height, file.length];"


def blocks(language: str) -> list[str]:
    text = (ROOT / "web" / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(encoding_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with the package, its models in both places that the document names, and a file."""
    codec = dlf.Codec(encoding_model)
    with served_copy(tmp_path_factory.mktemp("web") / "site") as served:
        for folder in ("models", "dlf-codec/models"):
            write_folder(served.folder / folder, [codec.model])
        photo = codec.encode(scene(HEIGHT, WIDTH, seed=3), 60)
        (served.folder / "photo.dlf").write_bytes(photo)
        yield served


@pytest.fixture
def page(quiet_page: WebPage) -> WebPage:
    return quiet_page


def test_the_html_shows_the_picture(page: WebPage, site: Site) -> None:
    [block] = blocks("html")
    (site.folder / "page.html").write_text(HEAD + block)
    page.open(site.address + "page.html")
    wait_until(page, "document.images[0].naturalWidth > 0")
    size = page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
    assert size == [WIDTH, HEIGHT]


def test_the_script_decodes_draws_and_encodes(page: WebPage, site: Site) -> None:
    [block] = blocks("js")
    canvas = f'<canvas id="canvas" width="{WIDTH}" height="{HEIGHT}"></canvas>'
    script = f'<script type="module">{block}{DONE}</script>'
    (site.folder / "script.html").write_text(HEAD + INSTALLED + canvas + script)
    page.open(site.address + "script.html")
    wait_until(page, "window.done")
    drawn, width, height, size = page.evaluate("done")
    assert (drawn, width, height) == (WIDTH, WIDTH, HEIGHT)
    assert 0 < size <= 2000
    assert page.evaluate("canvas.getContext('2d').getImageData(9, 9, 1, 1).data[3]") == 255
