"""A page with the one script: <img src="x.dlf"> and <dlf-img>, in headless browsers.

`slow`: a browser takes seconds to start.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import dlf
import numpy as np
import pytest
from conftest import scene
from dlf import icc
from dlf.web_models import write_folder
from PIL import Image, ImageCms
from web_site import Site, WebPage, served_copy, wait_until

pytestmark = [pytest.mark.web, pytest.mark.slow]

PAGE = """\
<!doctype html>
<title>pictures</title>
<link rel="icon" href="data:,">
<script>
window.heard = [];
for (const kind of ["load", "error"]) {
  document.addEventListener(kind, ({ target, error }) => {
    if (target.id) heard.push([target.id, kind, error?.status ?? null]);
  }, true);
}
</script>
<script type="module" src="dlf-codec/img.js"></script>
%s
"""


@pytest.fixture(scope="module")
def codec(encoding_model: Path) -> dlf.Codec:
    return dlf.Codec(encoding_model)


@pytest.fixture(scope="module")
def file(codec: dlf.Codec) -> bytes:
    return codec.encode(scene(40, 56, seed=3), 60)


@pytest.fixture(scope="module")
def site(codec: dlf.Codec, file: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_copy(tmp_path_factory.mktemp("web") / "site") as served:
        write_folder(served.folder / "dlf-codec" / "models", [codec.model])
        (served.folder / "x.dlf").write_bytes(file)
        (served.folder / "cut.dlf").write_bytes(file[:-1])
        (served.folder / "empty.dlf").write_bytes(b"")
        yield served


@pytest.fixture
def page(quiet_page: WebPage) -> WebPage:
    return quiet_page


def open_page(page: WebPage, site: Site, body: str) -> None:
    (site.folder / "pictures.html").write_text(PAGE % body)
    page.open(site.address + "pictures.html")


def pixels(page: WebPage, image: str) -> np.ndarray:
    """What an <img>, given as JavaScript, shows: u8 [height][width][4]."""
    answer = page.evaluate(
        f"""(() => {{
          const image = {image};
          const canvas = document.createElement("canvas");
          canvas.width = image.naturalWidth;
          canvas.height = image.naturalHeight;
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const {{ data }} = context.getImageData(0, 0, canvas.width, canvas.height);
          return [canvas.height, canvas.width, btoa(String.fromCharCode(...data))];
        }})()"""
    )
    height, width, text = answer
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


def shows(page: WebPage, image: str, expected: np.ndarray) -> bool:
    found = pixels(page, image)
    return np.array_equal(found[..., :3], expected) and bool((found[..., 3] == 255).all())


def test_an_img_of_the_page_shows_the_picture(
    page: WebPage, site: Site, codec: dlf.Codec, file: bytes
) -> None:
    open_page(page, site, '<img id="a" src="x.dlf" alt="a scene">')
    wait_until(page, "a.naturalWidth > 0")
    assert shows(page, "a", codec.decode(file))
    assert page.evaluate("[a.alt, a.width, a.height]") == ["a scene", 56, 40]
    assert page.evaluate("heard.at(-1)") == ["a", "load", None]


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_picture_is_shown_at_its_display_size(
    page: WebPage, site: Site, codec: dlf.Codec, orientation: int
) -> None:
    image = Image.fromarray(scene(45, 79, seed=5))
    half = image.reduce(2)
    for turned in (image, half):
        turned.getexif()[0x0112] = orientation
    with pytest.raises(dlf.TooFewBytes) as caught:
        codec.encode(half, max_bytes=1)
    least = int(str(caught.value).rpartition(" ")[2])
    data = codec.encode(image, max_bytes=least + 1, reduce=True)
    assert dlf.info(data).display_size == (79, 45)
    (site.folder / "reduced.dlf").write_bytes(data)
    body = '<img id="a" src="reduced.dlf" alt=""><dlf-img id="b" src="reduced.dlf"></dlf-img>'
    open_page(page, site, body)
    wait_until(page, "a.naturalWidth > 0 && b.naturalWidth > 0")
    # The width is exact; the height has the ratio of 40 x 23 or 23 x 40 samples.
    expected = [79, 45] if orientation == 1 else [45, 78]
    for sizes in ("[a.naturalWidth, a.naturalHeight]", "[a.width, a.height]"):
        assert page.evaluate(sizes) == expected
    assert page.evaluate("[b.naturalWidth, b.naturalHeight]") == expected
    assert page.evaluate("heard.filter(([id, kind]) => id === 'a' && kind === 'load').length") == 1
    assert page.evaluate("[b.offsetWidth, b.offsetHeight]") == expected
    page.evaluate("a.src = 'x.dlf'")  # which was not reduced
    wait_until(page, "a.naturalWidth === 56")
    assert page.evaluate("[a.width, a.height, a.hasAttribute('srcset')]") == [56, 40, False]


def test_an_img_that_comes_later_and_one_that_changes(
    page: WebPage, site: Site, codec: dlf.Codec, file: bytes
) -> None:
    open_page(page, site, '<p id="place"></p>')
    page.evaluate("place.insertAdjacentHTML('beforeend', '<b><img id=later src=x.dlf></b>') ?? 0")
    wait_until(page, "window.later?.naturalWidth > 0")
    assert shows(page, "later", codec.decode(file))
    assert page.evaluate("heard") == [["later", "load", None]]  # no failure before it
    other = codec.encode(scene(24, 32, seed=8), 60)
    (site.folder / "other.dlf").write_bytes(other)
    page.evaluate("later.src = 'other.dlf'")
    wait_until(page, "later.naturalWidth === 32")
    assert shows(page, "later", codec.decode(other))
    page.evaluate("later.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAAC'")
    wait_until(page, "!later.src.startsWith('blob:')")


def test_what_cannot_be_shown_is_an_error(page: WebPage, site: Site) -> None:
    open_page(
        page,
        site,
        '<img id="cut" src="cut.dlf" alt="cut"><img id="empty" src="empty.dlf" alt="empty">'
        '<dlf-img id="bad" src="cut.dlf" alt="bad"></dlf-img>',
    )
    wait_until(page, "heard.filter(([, , status]) => status !== null).length === 3")
    assert sorted(event for event in page.evaluate("heard") if event[2] is not None) == [
        ["bad", "error", "DLF_TRUNCATED_FILE"],
        ["cut", "error", "DLF_TRUNCATED_FILE"],
        ["empty", "error", "DLF_TRUNCATED_FILE"],
    ]
    assert page.evaluate("[cut.naturalWidth, empty.naturalWidth, bad.naturalWidth]") == [0, 0, 0]


def test_dlf_img(page: WebPage, site: Site, codec: dlf.Codec, file: bytes) -> None:
    open_page(
        page,
        site,
        '<dlf-img id="a" src="x.dlf" alt="a scene"></dlf-img>'
        '<dlf-img id="b" src="x.dlf" noise="faithful" downscale="2"></dlf-img>',
    )
    wait_until(page, "heard.length >= 2")
    inner = "document.querySelector('{}').shadowRoot.querySelector('img')"
    assert shows(page, inner.format("#a"), codec.decode(file))
    assert shows(page, inner.format("#b"), codec.decode(file, noise="faithful", downscale=2))
    assert page.evaluate(f"{inner.format('#a')}.alt") == "a scene"
    page.evaluate("a.setAttribute('noise', 'loud')")
    wait_until(page, "heard.length >= 3")
    assert page.evaluate("heard[2]") == ["a", "error", "DLF_INVALID_ARGUMENT"]
    assert page.evaluate("a.naturalWidth") == 0
    assert (
        page.evaluate("[a.getBoundingClientRect().width > 0, b.getBoundingClientRect().width]")[1]
        == 28
    )


def test_an_img_far_below_waits_for_its_time(page: WebPage, site: Site) -> None:
    open_page(
        page, site, '<p style="height: 9000px">far</p><img id="far" src="x.dlf" loading="lazy">'
    )
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    assert page.evaluate("far.naturalWidth") == 0
    page.evaluate("far.scrollIntoView()")
    wait_until(page, "far.naturalWidth > 0")


def test_other_pictures_are_left_alone(page: WebPage, site: Site) -> None:
    Image.new("RGB", (3, 2)).save(site.folder / "plain.png")
    open_page(page, site, '<img id="plain" src="plain.png"><img id="none">')
    wait_until(page, "heard.length > 0")
    assert page.evaluate("[plain.naturalWidth, plain.src]") == [3, site.address + "plain.png"]


def test_colour_profiles_reach_the_png(
    page: WebPage, site: Site, codec: dlf.Codec, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cases = {
        "icc": codec.encode(scene(16, 16, seed=1), 60, icc_profile=profile),
        "p3": codec.encode(scene(16, 16, seed=1), 60, icc_profile=icc.display_p3_profile()),
        "none": codec.encode(scene(16, 16, seed=1), 60),
        "alpha": codec.encode(
            np.dstack([scene(16, 16, seed=1), scene(16, 16, seed=2)[..., :1]]), 60
        ),
        "gray": codec.encode(scene(16, 16, seed=1)[..., 0], 60),
    }
    open_page(page, site, "")
    found = {}
    for name, data in cases.items():
        text = page.evaluate(
            "(async () => { const { decodeToPng } = await import('./dlf-codec/index.js');"
            f"const png = await decodeToPng(Uint8Array.from({json.dumps(list(data))}));"
            "return btoa(String.fromCharCode(...new Uint8Array(await png.arrayBuffer()))); })()"
        )
        path = tmp_path / f"{name}.png"
        path.write_bytes(base64.b64decode(text))
        found[name] = Image.open(path)
        expected = Image.fromarray(codec.decode(data)).convert(found[name].mode)
        assert np.array_equal(np.asarray(found[name]), np.asarray(expected)), name
    assert found["alpha"].mode == "RGBA" and found["gray"].mode == found["none"].mode == "RGB"
    assert "icc_profile" not in found["gray"].info and "icc_profile" not in found["none"].info
    assert found["icc"].info["icc_profile"] == profile
    assert found["p3"].info["icc_profile"] == icc.display_p3_profile()
