"""What tells desktops and file(1) about .dlf files, tried with their own tools; one MIME type."""

from __future__ import annotations

import mimetypes
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import ROOT, run
from dlf import signature

SHARE = ROOT / "core" / "share"
MIME_XML = SHARE / "mime" / "packages" / "dlf.xml"
MAGIC = SHARE / "dlf" / "dlf.magic"
NAMESPACE = {"mime": "http://www.freedesktop.org/standards/shared-mime-info"}
FREEDESKTOP_XML = Path("/usr/share/mime/packages/freedesktop.org.xml")
TEXT_SUFFIXES = {".py", ".md", ".xml", ".magic", ".h", ".cpp", ".c", ".toml", ".txt", ".json"}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def files(tmp_path: Path, photo_dlf: bytes, chunky_dlf: bytes) -> dict[str, Path]:
    """The same file with and without its extension, one with chunks, and one of another format."""
    contents = {
        "photo.dlf": photo_dlf,
        "chunky.dlf": chunky_dlf,
        "unnamed": photo_dlf,
        "text": b"DLF? No, text.\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


def test_the_xml_says_what_the_plugins_say() -> None:
    (kind,) = ElementTree.parse(MIME_XML).getroot().findall("mime:mime-type", NAMESPACE)
    assert kind.get("type") == signature.MIME_TYPE
    (glob,) = kind.findall("mime:glob", NAMESPACE)
    assert glob.get("pattern") == f"*{signature.EXTENSION}"
    (match,) = kind.findall("mime:magic/mime:match", NAMESPACE)
    value = str(match.get("value"))
    assert (match.get("offset"), match.get("type")) == ("0", "string")
    assert value.encode().decode("unicode_escape").encode("latin-1") == signature.SIGNATURE


def test_the_xml_is_valid(tmp_path: Path) -> None:
    xmllint = tool("xmllint")
    run(xmllint, "--noout", MIME_XML)
    if not FREEDESKTOP_XML.is_file():
        pytest.skip("shared-mime-info is not installed")
    doctype = re.search(r"<!DOCTYPE[^\[]*\[(.*?)\]>", FREEDESKTOP_XML.read_text(), re.DOTALL)
    assert doctype
    dtd = tmp_path / "mime.dtd"
    dtd.write_text(doctype[1])
    run(xmllint, "--noout", "--dtdvalid", dtd, MIME_XML)


@pytest.fixture
def data_home(tmp_path: Path) -> Path:
    """A user's data folder whose MIME database knows .dlf files."""
    packages = tmp_path / "data" / "mime" / "packages"
    packages.mkdir(parents=True)
    shutil.copy(MIME_XML, packages)
    run(tool("update-mime-database"), packages.parent)
    return tmp_path / "data"


def test_the_desktop_knows_the_file_by_name_and_by_content(
    files: dict[str, Path], data_home: Path
) -> None:
    assert "*.dlf" in (data_home / "mime" / "globs2").read_text()
    environment = {**os.environ, "XDG_DATA_HOME": str(data_home)}
    for name, path in files.items():
        query = [tool("gio"), "info", "-a", "standard::content-type", str(path)]
        found = subprocess.run(query, capture_output=True, text=True, check=True, env=environment)
        assert (f"content-type: {signature.MIME_TYPE}\n" in found.stdout) == (name != "text")


def test_xdg_mime(files: dict[str, Path], data_home: Path) -> None:
    tool("gio")  # what xdg-mime asks on the desktop named here
    environment = {**os.environ, "XDG_DATA_HOME": str(data_home), "XDG_CURRENT_DESKTOP": "GNOME"}
    query = [tool("xdg-mime"), "query", "filetype", str(files["unnamed"])]
    found = subprocess.run(query, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == signature.MIME_TYPE


def test_file_knows_the_file_by_content(files: dict[str, Path]) -> None:
    file = tool("file")
    for name, path in files.items():
        kind = run(file, "-b", "--mime-type", "-m", MAGIC, path).strip()
        assert (kind == signature.MIME_TYPE) == (name != "text")
    assert run(file, "-b", "-m", MAGIC, files["unnamed"]) == "DLF image data, bitstream version 1\n"
    described = run(file, "-b", "-m", MAGIC, files["chunky.dlf"])
    assert described == "DLF image data, bitstream version 1, with chunks, with CRC-32C\n"
    assert run(file, "-b", "--extension", "-m", MAGIC, files["unnamed"]).strip() == "dlf"


def test_cmake_installs_both(installed_library: Path) -> None:
    for path in (MIME_XML, MAGIC):
        installed = installed_library / "share" / path.relative_to(SHARE)
        assert installed.read_bytes() == path.read_bytes()


def test_python_knows_the_type_of_the_extension() -> None:
    import dlf_pillow  # noqa: F401 - registers

    assert mimetypes.guess_type("x.dlf") == (signature.MIME_TYPE, None)
    assert mimetypes.guess_extension(signature.MIME_TYPE) == signature.EXTENSION


def test_one_mime_type_everywhere() -> None:
    found: dict[str, list[str]] = {}
    for folder in ("core", "python", "docs", "tests", "conformance", "models"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in TEXT_SUFFIXES and "third_party" not in path.parts:
                for name in re.findall(r"\bimage/[\w.+-]*dlf\b", path.read_text(errors="replace")):
                    found.setdefault(name, []).append(path.name)
    assert list(found) == [signature.MIME_TYPE]
    assert {"BITSTREAM.md", "dlf.xml", "dlf.magic", "signature.py"} <= set(found["image/x-dlf"])
