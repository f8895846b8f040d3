"""The page of `dlf compare` in headless Chromium: what a person with mouse, finger or keys gets.

Screenshots are kept in the folder that DLF_ARTEFACTS names, else in pytest's temporary folder.
"""

from __future__ import annotations

import base64
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import Page, find_chromium
from conftest import ROOT, scene
from dlf import models
from dlf.cli import main
from dlf.symbols import importance_map
from PIL import Image

WIDTH, HEIGHT = 1280, 900
PHONE = (390, 844)
CORNER = 12  # pixels of the rounded corners, which are drawn a little differently each time
MAP_OPACITY, LOWEST, HIGHEST = 0.72, (68, 1, 84), (253, 231, 37)  # of the maps and their colours
INTERACTIVE = {"button", "slider", "radio", "link", "region", "img", "image"}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("DLF_ARTEFACTS") or tmp_path_factory.mktemp("compare"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def report(artefacts: Path, shipped_default: Path) -> Path:
    """The page of a Kodak photograph; of a drawn scene where there are none."""
    find_chromium()
    source = ROOT.parent / "shared" / "kodak" / "kodim23.png"
    if not source.is_file():
        source = artefacts / "scene.png"
        Image.fromarray(scene(384, 512, seed=4)).save(source)
    page = artefacts / "report.html"
    words = ["compare", source, "--against", "webp", "jpeg", "--bytes", 2000, "-o", page]
    assert main([*map(str, words), "--model", str(shipped_default), "--quiet"]) == 0
    return page


@pytest.fixture(scope="module")
def tiny_report(artefacts: Path, shipped_test_package: Path) -> Path:
    """The page of a picture that is smaller than the stage."""
    find_chromium()
    source, page = artefacts / "tiny.png", artefacts / "tiny.html"
    Image.fromarray(scene(200, 300, seed=9)).save(source)
    words = ["compare", source, "--against", "jpeg", "-o", page, "--quiet"]
    assert main([*map(str, words), "--model", str(shipped_test_package)]) == 0
    return page


@pytest.fixture(scope="module")
def important_report(artefacts: Path, shipped_default: Path) -> Path:
    """The page of a picture of 10 x 6 positions, of which 4 x 2 are important."""
    find_chromium()
    source, page = artefacts / "important.png", artefacts / "important.html"
    Image.fromarray(scene(192, 320, seed=6)).save(source)
    words = ["compare", source, "--against", "jpeg", "-o", page, "--quiet"]
    words += ["--importance", "96,64,128,64", "--model", shipped_default]
    assert main([*map(str, words)]) == 0
    return page


@pytest.fixture(scope="module")
def desktop(report: Path) -> Iterator[Page]:
    with Page(WIDTH, HEIGHT) as page:
        page.open(report)
        yield page
        assert page.complaints() == []
        assert set(page.requests()) == {report.resolve().as_uri()}  # nothing but the page itself


@pytest.fixture
def page(desktop: Page, report: Path) -> Page:
    """The page as it is when it has just been opened."""
    desktop.open(report)
    return desktop


def stage(page: Page) -> tuple[float, float, float, float]:
    return page.box("#stage")


def shown(page: Page, file: Path | None = None) -> np.ndarray:
    """The pixels of the stage."""
    left, top, width, height = (round(value) for value in stage(page))
    return page.screenshot(file)[top : top + height, left : left + width].astype(int)


def changed_columns(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where columns of pixels differ."""
    inner = slice(CORNER, before.shape[0] - CORNER)
    differences = np.abs(before - after)[inner].max(axis=(0, 2))
    differences[:CORNER] = differences[-CORNER:] = 0
    return np.flatnonzero(differences > 8)


def test_the_divider_follows_the_mouse(page: Page, artefacts: Path) -> None:
    before = shown(page, artefacts / "desktop.png")
    left, top, width, height = stage(page)
    middle = top + height / 2
    page.drag((left + width / 2, middle), (left + 0.8 * width, middle))
    assert float(page.evaluate("document.querySelector('#split').value")) == pytest.approx(
        80, abs=1
    )
    changed = changed_columns(before, shown(page, artefacts / "dragged.png"))
    assert changed.min() > 0.45 * width  # only what the divider went over has changed
    assert 0.7 * width < changed.max() < 0.85 * width


def test_the_divider_follows_the_keys(page: Page) -> None:
    before = shown(page)
    page.evaluate("document.querySelector('#split').focus()")
    for _ in range(6):
        page.key("ArrowRight")
    assert page.evaluate("document.querySelector('#split').value") == "53"
    assert "percent WebP" in page.evaluate(
        "document.querySelector('#split').getAttribute('aria-valuetext')"
    )
    page.evaluate("document.querySelector('#stage').focus()")
    for _ in range(5):
        page.key("ArrowLeft")
    assert page.evaluate("document.querySelector('#split').value") == "43"
    assert changed_columns(before, shown(page)).size > 0
    outline = page.evaluate("getComputedStyle(document.querySelector('#stage')).outlineStyle")
    assert outline == "solid"  # the focus can be seen


def test_choosing_a_codec_changes_its_side_only(page: Page, artefacts: Path) -> None:
    before = shown(page)
    width = before.shape[1]
    page.click("input[name=right][value=webp]")
    after = shown(page, artefacts / "webp.png")
    changed = changed_columns(before, after)
    assert changed.min() > 0.45 * width
    assert changed.max() > 0.95 * width
    assert "WebP" in page.evaluate("document.querySelector('#right').alt")
    page.evaluate("new Promise(done => setTimeout(done, 300))")
    assert "Right: WebP" in page.evaluate("document.querySelector('#status').textContent")
    page.evaluate("document.querySelector('input[name=left][value=original]').focus()")
    page.key("ArrowRight")  # radio buttons move with the arrows
    assert page.evaluate("document.querySelector('input[name=left]:checked').value") == "dlf"
    assert changed_columns(after, shown(page)).min() < 0.05 * width


def test_zoom_by_buttons_wheel_double_click_and_keys(page: Page, artefacts: Path) -> None:
    level = "document.querySelector('#zoom-level').textContent"
    fit, whole = page.evaluate(level), shown(page)
    page.click("#zoom-in")
    page.evaluate("new Promise(done => setTimeout(done, 400))")
    assert page.evaluate(level) != fit
    zoomed = shown(page, artefacts / "zoomed.png")
    assert np.abs(zoomed - whole).mean() > 2
    left, top, width, height = stage(page)
    page.drag((left + 0.2 * width, top + height / 2), (left + 0.3 * width, top + height / 2))
    assert np.abs(shown(page) - zoomed).mean() > 1  # moved
    page.evaluate("document.querySelector('#stage').focus()")
    page.key("0")
    page.evaluate("new Promise(done => setTimeout(done, 400))")
    assert page.evaluate(level) == fit
    x, y = left + 0.25 * width, top + 0.25 * height
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300, modifiers=2)
    page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert page.evaluate(level) != fit
    page.key("0")
    for count in (1, 2):
        page.mouse("mousePressed", x, y, button="left", clickCount=count)
        page.mouse("mouseReleased", x, y, button="left", clickCount=count)
    assert page.evaluate("document.querySelector('#stage').classList.contains('zoomed')")


@pytest.mark.parametrize(("density", "source"), [(1, "report"), (2, "report"), (1, "tiny_report")])
def test_a_hundred_percent_shows_each_pixel_once(
    density: int, source: str, request: pytest.FixtureRequest, artefacts: Path
) -> None:
    """In pixels of the screen, also where the picture is smaller than the stage."""
    with Page(1001, HEIGHT, density=density) as page:
        page.open(request.getfixturevalue(source))
        page.click("#zoom-actual")
        page.evaluate("new Promise(done => setTimeout(done, 400))")
        assert page.evaluate("document.querySelector('#zoom-level').textContent") == "100 %"
        page.click("input[name=left][value=dlf]")
        page.evaluate("document.querySelector('#stage').focus()")
        seen = page.screenshot(artefacts / f"actual-{density}-{source}.png")
        left, top, width, height = (density * value for value in page.box("#left"))
        picture = pixels(page, "dlf")
        assert (round(height), round(width)) == picture.shape[:2]
        assert left == pytest.approx(round(left), abs=0.01)
        assert top == pytest.approx(round(top), abs=0.01)
        # A square of the left half of the stage, clear of the tags and of the divider.
        stage_left, stage_top, stage_width, _ = (density * v for v in stage(page))
        x = round(max(stage_left, left)) + 40
        y = round(max(stage_top, top)) + 40
        # How much of that there is depends on the picture: without Kodak's it is a smaller one.
        room = stage_left + stage_width / 2 - 40 - x
        side = min(60 if source == "tiny_report" else 200, math.floor(room) - 1)
        assert side >= 60
        original = picture[y - round(top) :, x - round(left) :][:side, :side]
        # The stage itself may lie between two pixels of the screen; the browser then takes one.
        places = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        assert any(np.array_equal(seen[b : b + side, a : a + side], original) for b, a in places)


def pixels(page: Page, key: str) -> np.ndarray:
    """The pixels that the page holds of one version."""
    content = held(page, f"document.querySelector('#version-{key}').src")
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def held(page: Page, address: str) -> bytes:
    """The content of a data URI, which the script `address` finds."""
    return base64.b64decode(page.evaluate(address).split(",", 1)[1])


def test_a_key_flips_between_the_two_versions(page: Page, artefacts: Path) -> None:
    half = shown(page)
    page.key("f")
    right = shown(page, artefacts / "flipped.png")
    page.key("f")
    left = shown(page)
    page.key("f")
    middle, width = slice(CORNER, -3 * CORNER), half.shape[1]
    split = width // 2
    inner = slice(4 * CORNER, split - 4 * CORNER)
    assert np.abs(left - half)[middle, inner].max() <= 8  # the left half was the left version
    assert np.abs(right - half)[middle, inner].mean() > 2
    assert np.abs(shown(page) - right)[middle, inner].max() <= 8  # and back
    page.evaluate("new Promise(done => setTimeout(done, 300))")
    assert "Shown: DLF" in page.evaluate("document.querySelector('#status').textContent")
    page.click("#flip")
    assert page.evaluate("document.querySelector('#split').value") == "100"


def test_the_map_lies_over_the_picture(page: Page, artefacts: Path) -> None:
    before = shown(page)
    seen = []
    for kind in ("windows", "positions"):
        page.click(f"input[name=map][value={kind}]")
        seen.append(shown(page, artefacts / f"map-{kind}.png"))
        assert changed_columns(before, seen[-1]).size > 0.9 * before.shape[1]
        assert "bits" in page.evaluate("document.querySelector('#legend-high').textContent")
    assert np.abs(seen[0] - seen[1]).mean() > 5
    left, top, _, _ = stage(page)
    page.mouse("mouseMoved", left + CORNER, top + CORNER)
    assert page.evaluate("document.querySelector('#map-value').textContent").startswith("Column 1 ")
    page.click("input[name=map][value=off]")
    assert page.evaluate("document.querySelector('#legend').hidden")
    assert page.evaluate("document.querySelector('input[value=rates]') === null")  # it has none


def test_the_importance_map_lies_over_the_picture(
    important_report: Path, shipped_default: Path, artefacts: Path
) -> None:
    """Its colours and its values are those of the file, and the page says what it costs."""
    with Page(WIDTH, HEIGHT) as page:
        page.open(important_report)
        file = held(page, "document.querySelector('a[download]').href")
        rates, bits = importance_map(file, models.load(shipped_default))
        assert rates.shape == (6, 10)
        assert (rates[2:4, 3:7] == rates.max()).all() and (rates[:2] == rates.min()).all()
        before = shown(page)
        page.click("input[name=map][value=rates]")
        after = shown(page, artefacts / "map-rates.png")
        height, width = before.shape[:2]
        for row, column, colour in ((2, 3, HIGHEST), (3, 6, HIGHEST), (1, 1, LOWEST)):
            top, left = (row + 0.2) * height / 6, (column + 0.2) * width / 10
            inner = np.s_[int(top) : int(top + height / 10), int(left) : int(left + width / 20)]
            expected = MAP_OPACITY * np.array(colour) + (1 - MAP_OPACITY) * before[inner]
            assert np.abs(after[inner] - expected).max() <= 3
            stage_left, stage_top, _, _ = stage(page)
            page.mouse("mouseMoved", stage_left + left, stage_top + top)
            assert text(page, "#map-value") == (
                f"Column {column + 1} of 10, row {row + 1} of 6: rate point {rates[row, column]}"
            )
        cost = f"the map takes {bits / 8:.1f} bytes, {100 * bits / 8 / len(file):.1f} % of the file"
        assert text(page, "#legend-title").endswith(cost)
        assert cost in text(page, "section[aria-labelledby=bits-title]")
        assert text(page, "#legend-low") == f"rate point {rates.min()}"
        assert text(page, "#legend-high") == f"rate point {rates.max()} at most"
        assert page.complaints() == []


def text(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector('{selector}').textContent"))


def test_light_and_dark(page: Page, artefacts: Path) -> None:
    def brightness() -> float:
        return float(page.screenshot()[:20].mean())

    for scheme, low, high in (("light", 200, 256), ("dark", 0, 60)):
        page.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        assert low <= brightness() < high
    page.click("#theme")  # automatic -> dark -> light, whatever the system says
    assert brightness() < 60
    page.screenshot(artefacts / "dark.png")
    page.click("#theme")
    assert brightness() >= 200
    page.call("Emulation.setEmulatedMedia", features=[])


def test_the_policy_forbids_the_network(page: Page) -> None:
    outcome = page.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.name).then(String)"
    )
    assert outcome == "TypeError"
    blocked = [event for event in page.events if "Content Security Policy" in str(event)]
    assert blocked
    page.events = [event for event in page.events if event not in blocked]
    assert not [url for url in page.requests() if url.startswith("http")]


def test_everything_has_a_name(page: Page) -> None:
    nodes = page.accessible()
    roles = {role for role, _ in nodes}
    assert {"slider", "button", "radio", "table", "heading", "status", "main"} <= roles
    assert [role for role, name in nodes if role in INTERACTIVE and not name.strip()] == []
    names = [name for role, name in nodes if role in ("img", "image")]
    assert any("the original" in name for name in names)
    assert len({name for role, name in nodes if role == "radio"}) >= 6


def test_a_phone(report: Path, artefacts: Path) -> None:
    with Page(*PHONE, mobile=True) as page:
        page.open(report)
        page.screenshot(artefacts / "phone.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        before = shown(page)
        left, top, width, height = stage(page)
        middle = top + height / 2
        page.touch("touchStart", (left + width / 2, middle))
        for share in (0.4, 0.3, 0.2):
            page.touch("touchMove", (left + share * width, middle))
        page.touch("touchEnd")
        assert float(page.evaluate("document.querySelector('#split').value")) < 25
        changed = changed_columns(before, shown(page))
        assert changed.min() > 0.1 * width
        assert changed.max() < 0.6 * width
        split = page.evaluate("document.querySelector('#split').value")
        page.touch("touchStart", (left + 0.4 * width, middle), (left + 0.6 * width, middle))
        for reach in (0.15, 0.2, 0.3):
            page.touch(
                "touchMove",
                (left + (0.5 - reach) * width, middle),
                (left + (0.5 + reach) * width, middle),
            )
        page.touch("touchEnd")
        assert page.evaluate("document.querySelector('#stage').classList.contains('zoomed')")
        assert page.evaluate("document.querySelector('#split').value") == split  # pinching only
        page.screenshot(artefacts / "phone-zoomed.png")
        small = page.evaluate(
            "[...document.querySelectorAll('button, .options span, .split')]"
            ".filter(e => e.getBoundingClientRect().height < 40).length"
        )
        assert small == 0  # everything is large enough for a finger
        cells = page.evaluate(
            "[...document.querySelectorAll('.numbers tbody th, .numbers td')].map(e => {"
            " const b = e.getBoundingClientRect(), s = getComputedStyle(e);"
            " return [b.left, b.right, parseFloat(s.fontSize), e.scrollWidth - e.clientWidth]; })"
        )
        assert len(cells) >= 3 * 6
        for start, end, size, beyond in cells:  # nothing has to be pushed aside to be read
            assert 0 <= start
            assert end <= PHONE[0]
            assert size >= 14
            assert beyond <= 0
        roles = [role for role, _ in page.accessible()]
        assert "table" in roles
        assert "rowheader" in roles
        assert "columnheader" in roles
        assert page.complaints() == []


def test_it_is_readable_without_a_script(report: Path) -> None:
    """What the script brings is hidden, what is left is whole."""
    with Page(WIDTH, HEIGHT) as page:
        page.open(report, scripts=False)
        nodes = page.accessible()
        assert not [name for role, name in nodes if role == "slider"]
        assert sum(role in ("image", "img") for role, _ in nodes) >= 4
        assert sum(role == "table" for role, _ in nodes) == 2
