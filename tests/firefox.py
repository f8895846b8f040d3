"""A headless Firefox for tests, driven by WebDriver BiDi, which it speaks without a driver.

Thread safety: none; one browser and one page per test.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_profile import Browser, discard
from PIL import Image

_NAMES = ("firefox-esr", "firefox")
_ANSWER_SECONDS = 120.0
_PREFERENCES = {
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.auto": False,
    "remote.active-protocols": 1,
}
_DARK = {"layout.css.prefers-color-scheme.content-override": 0}
_KEYS = {"Tab": "\ue004", "Enter": "\ue007", "ArrowLeft": "\ue012", "ArrowRight": "\ue014"}
_EVENTS = ["log.entryAdded", "network.beforeRequestSent"]


def find_firefox() -> str:
    """The program; skips the test where there is none."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found is None:
        pytest.skip("no Firefox is installed (Debian: apt-get install firefox-esr)")
    return found


class FirefoxPage(Browser):
    """One page of one browser, width x height CSS pixels; methods are those of chromium.Page."""

    def __init__(self, width: int, height: int, dark: bool = False) -> None:
        connect = pytest.importorskip("websockets.sync.client").connect
        program = find_firefox()
        self._folder = tempfile.TemporaryDirectory(prefix="dlf-firefox-")
        folder = Path(self._folder.name)
        preferences = {**_PREFERENCES, **(_DARK if dark else {})}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
        (folder / "user.js").write_text("\n".join(lines) + "\n")
        self._closing = contextlib.ExitStack()
        self._log = (folder / "log").open("w")
        words = ["--headless", "--no-remote", "--remote-debugging-port", "0"]
        self._process = subprocess.Popen(
            [program, *words, "--profile", str(folder), "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": self._folder.name},
        )
        try:
            address = self._address(folder / "log")
            link = connect(f"{address}/session", max_size=None, compression=None)
            self._socket = self._closing.enter_context(link)
        except BaseException:
            self._stop()
            raise
        self._last = 0
        self.events: list[dict[str, Any]] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=_EVENTS)
        self._context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.resize(width, height)

    def _address(self, log: Path) -> str:
        """Where the browser listens, which it says once it does."""
        end = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < end:
            said = re.search(r"listening on (ws://\S+)", log.read_text(errors="replace"))
            if said:
                return said[1]
            assert self._process.poll() is None, log.read_text(errors="replace")
            time.sleep(0.1)
        raise TimeoutError("Firefox does not start")

    def close(self) -> None:
        """End the browser."""
        self._closing.close()
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        discard(self._folder)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=_ANSWER_SECONDS))
            if answer.get("id") == self._last:
                assert answer["type"] == "success", (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _here(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.call(method, context=self._context, **parameters)

    # --- the page

    def open(self, address: str) -> None:
        """Open an address and wait until all of it is there."""
        self._here("browsingContext.navigate", url=address, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window, in CSS pixels."""
        self._here("browsingContext.setViewport", viewport={"width": width, "height": height})

    def _result(self, expression: str, **more: Any) -> dict[str, Any]:
        answer = self.call(
            "script.evaluate",
            expression=expression,
            target={"context": self._context},
            awaitPromise=True,
            **more,
        )
        assert answer["type"] == "success", answer.get("exceptionDetails")
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        wrapped = f"(async () => JSON.stringify([await ({expression})]))()"
        value = json.loads(self._result(wrapped)["value"])
        return value[0] if value else None

    def set_files(self, selector: str, *files: Path) -> None:
        """Choose files in an <input type="file">."""
        element = self._result(f"document.querySelector({json.dumps(selector)})")
        shared = {"sharedId": element["sharedId"]}
        self._here("input.setFiles", element=shared, files=[str(file) for file in files])

    def screenshot(self, file: Path | None = None) -> np.ndarray:
        """What the window shows: uint8, height x width x 3; also as a PNG file."""
        content = base64.b64decode(self._here("browsingContext.captureScreenshot")["data"])
        if file is not None:
            file.write_bytes(content)
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))

    def key(self, key: str) -> None:
        """Press and release a key, named as in KeyboardEvent.key."""
        value = _KEYS.get(key, key)
        actions = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        self._here("input.performActions", actions=[{"type": "key", "id": "k", "actions": actions}])

    def requests(self) -> list[str]:
        """The addresses of everything that was requested so far, without data URIs."""
        sent = [e["params"] for e in self.events if e.get("method") == "network.beforeRequestSent"]
        urls = [params["request"]["url"] for params in sent]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        """Exceptions, and errors and warnings of the console."""
        said = [e["params"] for e in self.events if e.get("method") == "log.entryAdded"]
        return [str(entry["text"]) for entry in said if entry["level"] in ("error", "warn")]
