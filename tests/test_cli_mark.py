"""`dlf decode --mark-generated`: pictures that say that a model has drawn them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import dlf
import pytest
from dlf.cli import main
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MARK = f"{TERMS}compositeWithTrainedAlgorithmicMedia"
XMP = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"{more}>
<dc:source>mine</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""
CAPTURED = (
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{TERMS}digitalCapture"'
)


def decoded(folder: Path, xmp: str | None, name: str, *words: str) -> bytes | None:
    """The XMP of what `dlf decode` writes."""
    (folder / "a.dlf").write_bytes(dlf.encode(Image.new("RGB", (20, 10)), xmp=xmp))
    words = ("decode", "--quiet", *words, str(folder / "a.dlf"), str(folder / name))
    assert main(words) == 0
    with Image.open(folder / name) as image:
        found = image.info.get("xmp")
    return found.encode() if isinstance(found, str) else found


def marks(xmp: bytes | None) -> list[str]:
    assert xmp is not None
    root = ET.fromstring(xmp)
    return [element.attrib[EXTENSION] for element in root.iter() if EXTENSION in element.attrib]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("xmp", [None, XMP.format(more=""), XMP.format(more=CAPTURED)])
def test_the_mark_is_in_the_picture_and_other_xmp_stays(
    tmp_path: Path, name: str, xmp: str | None
) -> None:
    found = decoded(tmp_path, xmp, name, "--mark-generated")
    assert marks(found) == [MARK]
    assert xmp is None or (found is not None and b"<dc:source>mine</dc:source>" in found)


def test_nothing_is_marked_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert decoded(tmp_path, None, "a.png") is None
    kept = decoded(tmp_path, XMP.format(more=CAPTURED), "a.png")
    assert marks(kept) == [f"{TERMS}digitalCapture"]


@pytest.mark.parametrize(
    ("xmp", "name", "complaint"),
    [
        (None, "a.gif", "GIF holds no XMP to mark it with"),
        ("<x/>", "a.png", "the file's XMP is damaged"),
    ],
)
def test_what_cannot_be_marked_is_not_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    xmp: str | None,
    name: str,
    complaint: str,
) -> None:
    (tmp_path / "a.dlf").write_bytes(dlf.encode(Image.new("RGB", (20, 10)), xmp=xmp))
    words = ["decode", "--mark-generated", str(tmp_path / "a.dlf"), str(tmp_path / name)]
    assert main(words) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / name).exists()
