"""README.md on a package index, where relative links lead nowhere."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tomllib
from email.message import Message

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from index_page import index_page

README = (ROOT / "README.md").read_text(encoding="utf-8")
RELATIVE = re.compile(r"\]\((?!https://)[^)]*\)")
ADDRESS = "https://forge.example/dlf"


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Message:
    """What a wheel says of itself, without building it."""
    folder = tmp_path_factory.mktemp("metadata")
    command = (sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(folder))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return email.message_from_bytes((folder / "dlf.egg-info" / "PKG-INFO").read_bytes())


def test_the_metadata_have_the_readme_without_dead_links(metadata: Message) -> None:
    text = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert text.lstrip().startswith("# DLF")
    assert RELATIVE.findall(README)
    assert RELATIVE.findall(text) == []


def test_the_metadata_name_the_versions_that_wheels_are_built_for(metadata: Message) -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    built = {f"3.{minor}" for minor in re.findall(r"cp3(\d+)", configuration["build"])}
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier") or []))
    assert set(named) == built
    text = (ROOT / "scripts" / "wheels.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(3\.\d+)"', text.split("VERSIONS =")[1].split("\n")[0])) == built


def test_the_metadata_ask_for_a_pillow_that_parses_no_exif_when_it_opens(
    metadata: Message,
) -> None:
    """Up to 12.2 a file of 31 kB takes 3 GB at Image.open (test_limits.py)."""
    assert "pillow>=13" in (metadata.get_all("Requires-Dist") or [])


def test_links_become_absolute_where_there_is_an_address() -> None:
    text = index_page(README, ADDRESS + "/", "1.2.3")
    assert RELATIVE.findall(text) == []
    paths = re.findall(rf"\]\({ADDRESS}/(?:raw|blob)/v1\.2\.3/([^)]*)\)", text)
    assert len(paths) == len(RELATIVE.findall(README))
    for path in paths:
        assert (ROOT / path).exists(), path
    assert f"]({ADDRESS}/raw/v1.2.3/docs/sheet.jpg)" in text


def test_without_an_address_links_become_names_of_files() -> None:
    readme = (
        "See [the manual](docs/manual.md), [docs/a.md](docs/a.md), [`x.h`](core/x.h) and "
        "[there](https://there.example), ![a picture](a.jpg).\n\n```sh\necho [a](b)\n```\n"
    )
    assert index_page(readme, None, "1") == (
        "See the manual (`docs/manual.md`), docs/a.md, `x.h` (`core/x.h`) and "
        "[there](https://there.example), .\n\n```sh\necho [a](b)\n```\n"
    )


def test_an_index_shows_it() -> None:
    render = pytest.importorskip("readme_renderer.markdown").render
    html = render(index_page(README, ADDRESS, "1.2.3"))
    assert html is not None
    assert f'src="{ADDRESS}/raw/v1.2.3/docs/sheet.jpg"' in html
    assert html.count("<table>") == README.count("\n|---")
