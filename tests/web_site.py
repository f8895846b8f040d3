"""The built site, served to a browser, and a browser that has opened it.

Whoever imports this needs `make web`; `built_site` skips the test where it has not been made.
"""

from __future__ import annotations

import base64
import functools
import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pytest
from chromium import Page
from conftest import ROOT
from firefox import FirefoxPage

BUILT = ROOT / "build" / "web" / "site"
BLANK = "blank.html"
# Functions of the page through which Python asks: bytes travel as base64.
_BLANK_PAGE = """\
<!doctype html>
<title>tests</title>
<link rel="icon" href="data:,">
<script type="module">
import * as codec from "./dlf-codec/index.js";
window.codec = codec;
window.bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
window.textOf = async (bytes) => {
  const url = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(new Blob([bytes]));
  });
  return url.slice(url.indexOf(",") + 1);
};
window.attempt = async (action) => {
  try {
    return await action();
  } catch (error) {
    return { failed: error.name, status: error.status ?? null, message: error.message };
  }
};
window.decoded = (text, options) =>
  attempt(async () => {
    const { width, height, data, colorSpace } = await codec.decode(bytesOf(text), options);
    return { width, height, colorSpace: colorSpace ?? "srgb", data: await textOf(data) };
  });
window.encoded = (text, width, height, options) =>
  attempt(async () => {
    const image = new ImageData(new Uint8ClampedArray(bytesOf(text).buffer), width, height);
    return { data: await textOf(await codec.encode(image, options)) };
  });
window.ready = true;
</script>
"""


class WebPage(Protocol):
    """What both browsers can do."""

    events: list[dict[str, Any]]

    @property
    def process_id(self) -> int: ...
    def open(self, address: str) -> None: ...
    def evaluate(self, expression: str) -> Any: ...
    def resize(self, width: int, height: int) -> None: ...
    def set_files(self, selector: str, *files: Path) -> None: ...
    def screenshot(self, file: Path | None = None) -> np.ndarray: ...
    def key(self, key: str) -> None: ...
    def requests(self) -> list[str]: ...
    def complaints(self) -> list[str]: ...


@contextmanager
def browser_page(
    browser: str, width: int = 1000, height: int = 800, dark: bool = False
) -> Iterator[WebPage]:
    """A page of a new browser; skips the test where the browser is missing."""
    if browser == "chromium":
        with Page(width, height, dark=dark) as chromium:
            yield chromium
    else:
        with FirefoxPage(width, height, dark=dark) as firefox:
            yield firefox


class Site:
    """Static files at an address; `asked`: the path of every request so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        handler = functools.partial(_Handler, self.asked, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(SimpleHTTPRequestHandler):
    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".dlf": "image/x-dlf",
        ".dlfm": "application/octet-stream",
    }

    def __init__(self, asked: list[str], *arguments: Any, **named: Any) -> None:
        self.asked = asked
        super().__init__(*arguments, **named)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # the Cache of the package is what is tested
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        self.asked.append(self.path)


@contextmanager
def served_copy(folder: Path) -> Iterator[Site]:
    """The built site, copied to where a test may add models and pictures; skips without one."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("build/web is missing: make web (Debian: apt-get install emscripten)")
    shutil.copytree(BUILT, folder)
    shutil.rmtree(folder / "models", ignore_errors=True)
    (folder / BLANK).write_text(_BLANK_PAGE)
    site = Site(folder)
    try:
        yield site
    finally:
        site.close()


def open_blank(page: WebPage, site: Site, models: str = "models/") -> None:
    """Open the page that has nothing but the package, and say where models lie."""
    page.events.clear()
    page.open(site.address + BLANK)
    wait_until(page, "window.ready")
    page.evaluate(f"codec.configure({{models: {json.dumps(models)}}})")


def wait_until(page: WebPage, condition: str, seconds: float = 120) -> None:
    """Return when a JavaScript expression holds."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, f"never true: {condition}"
        time.sleep(0.05)


def decode(page: WebPage, data: bytes, **options: Any) -> np.ndarray | dict[str, Any]:
    """The picture as u8 [height][width][4], or what was thrown."""
    answer = page.evaluate(f"decoded({_text(data)}, {json.dumps(options)})")
    if "failed" in answer:
        return answer  # type: ignore[no-any-return]
    samples = np.frombuffer(base64.b64decode(answer["data"]), np.uint8)
    return samples.reshape(answer["height"], answer["width"], 4)


def encode(page: WebPage, rgba: np.ndarray, options: str = "{}") -> bytes | dict[str, Any]:
    """The file, or what was thrown; `options` is JavaScript."""
    height, width, _ = rgba.shape
    answer = page.evaluate(f"encoded({_text(rgba.tobytes())}, {width}, {height}, {options})")
    return answer if "failed" in answer else base64.b64decode(answer["data"])


def _text(data: bytes) -> str:
    return json.dumps(base64.b64encode(data).decode())


def in_channels(rgba: np.ndarray, channels: int) -> np.ndarray:
    """The samples of a file of 1 to 4 channels, of which R G B A was made."""
    wanted: Sequence[int] = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    return np.ascontiguousarray(rgba[..., wanted])
