"""The vectors of conformance/ in browsers: each sample of pictures, each status of broken files.

`slow`: a browser takes seconds to start, and several hundred files to decode.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from dlf import _core, models
from dlf.errors import DlfError
from dlf.web_models import write_folder
from PIL import Image
from web_site import Site, WebPage, decode, in_channels, open_blank, served_copy

from conformance.decoders import Answer
from conformance.generate import TORCH_MODEL
from conformance.layout import INPUT, INSTALLED, PACKAGE, SHARED
from conformance.reference.status import Status
from conformance.specification import PixelBound
from conformance.suite import Vector, load_vectors, run

pytestmark = [pytest.mark.web, pytest.mark.slow]

EXACT = PixelBound(levels=0, samples=1, outliers=0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_copy(tmp_path_factory.mktemp("web") / "site") as served:
        paths = [path for folder in (SHARED, INSTALLED) for path in sorted(folder.glob("*.dlfm"))]
        packages = [models.load(path) for path in paths if path.stem != TORCH_MODEL]
        write_folder(served.folder / "models", packages)
        yield served


@pytest.fixture
def page(web_page: WebPage, site: Site) -> Iterator[WebPage]:
    open_blank(web_page, site)
    yield web_page
    # A model that a folder lacks is asked for all the same: browsers say that themselves.
    assert [text for text in web_page.complaints() if "404" not in text] == []


class BrowserDecoder:
    """The contract of conformance/README.md, of which `decode` is asked for."""

    def __init__(self, page: WebPage) -> None:
        self.page = page

    def run(self, arguments: Sequence[str], packages: str) -> Answer:
        """Decode one file to a PNG."""
        assert arguments[0] == "decode"
        source, output, *words = arguments[1:]
        data = Path(source).read_bytes()
        found = decode(self.page, data, imageOrientation="none", **options_of(words))
        if isinstance(found, dict):
            return Answer(exit_status(found["status"]), "", found["message"])
        header = _core.probe(data)
        samples = in_channels(found, (1 if header["grayscale"] else 3) + header["alpha"])
        Image.fromarray(samples.squeeze(-1) if samples.shape[-1] == 1 else samples).save(output)
        return Answer(0, "", "")


def options_of(words: Sequence[str]) -> dict[str, object]:
    """The options of a command as those of `decode`."""
    options: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        if word == "--allow-truncated":
            options["allowTruncated"] = True
        elif word == "--layers":
            options["semanticOnly"] = next(rest) == "semantic"
        elif word == "--downscale":
            options["downscale"] = int(next(rest))
        elif word == "--noise":
            options["noise"] = next(rest)
        elif word == "--region":
            names = ("x", "y", "width", "height")
            options["region"] = dict(zip(names, map(int, next(rest).split(",")), strict=True))
        else:
            assert word == "--threads", word
            next(rest)  # there is one
    return options


def exit_status(name: str | None) -> int:
    """The status of the command line for a name of dlf.h."""
    assert name is not None
    return int(Status[name.removeprefix("DLF_")].value)


def test_every_exact_picture_has_the_same_hash(page: WebPage, site: Site) -> None:
    vectors = [vector for vector in load_vectors() if is_exact(vector)]
    for vector in vectors:
        with_package(vector, (vector.folder / INPUT).read_bytes(), site)
    results = run(vectors, BrowserDecoder(page), EXACT, tiers=["T3"])
    assert len(results) > 105
    assert {result.outcome for result in results} == {"passed"}, [
        (result.vector.id, result.failure, result.missing)
        for result in results
        if result.outcome != "passed"
    ]
    assert all("sha256" in result.check for result in results)
    assert {vector.test["model"] for vector in vectors} == {None, "test", "dlf-s"}


def is_exact(vector: Vector) -> bool:
    """Whether its pictures are exact: of an integer package, and not refused."""
    pictures = [check for check in vector.test["checks"] if check["tier"] == "T3"]
    return any("sha256" in check for check in pictures)


def expected_refusals(vector: Vector) -> set[str]:
    """The statuses with which a decoder refuses the file, whatever it is asked for."""
    needs_torch = vector.test["model"] == TORCH_MODEL
    return {
        check["status"]
        for check in vector.test["checks"]
        if check["status"] != "OK"
        and not check["arguments"]
        and (check["command"] == "info" or not needs_torch)
    }


def test_every_broken_file_is_refused_by_its_status(page: WebPage, site: Site) -> None:
    vectors = [vector for vector in load_vectors() if expected_refusals(vector)]
    assert len(vectors) > 200
    wrong = []
    for vector in vectors:
        [expected] = expected_refusals(vector)
        data = (vector.folder / INPUT).read_bytes()
        with_package(vector, data, site)
        found = decode(page, data)
        status = found["status"] if isinstance(found, dict) else "OK"
        if status != f"DLF_{expected}":
            wrong.append((vector.id, expected, status))
    assert wrong == []


def with_package(vector: Vector, data: bytes, site: Site) -> None:
    """Put the vector's own package where the page looks for the model of the file."""
    package = vector.folder / PACKAGE
    if not package.is_file():
        return
    try:
        model_id = _core.probe(data)["model_id"]
    except DlfError:
        return
    shutil.copy(package, site.folder / "models" / f"{model_id}.decoder.dlfm")
