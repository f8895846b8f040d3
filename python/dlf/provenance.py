"""The IPTC's mark that tells how a picture came about, as XMP: for pictures that a model drew.

Of the terms of IPTC's digital source types, `compositeWithTrainedAlgorithmicMedia` fits. What the
picture shows was captured and stands in the file. A trained model has drawn the texture that no
bits describe. `trainedAlgorithmicMedia` would say that nothing was captured.
"""

from __future__ import annotations

import re

__all__ = ["SOURCE_TYPE", "with_source_type"]

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

SOURCE_TYPE = f"{_TERMS}compositeWithTrainedAlgorithmicMedia"

_DESCRIPTION = (
    '<rdf:Description xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>'
).encode()

_PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</rdf:RDF>'
    b"</x:xmpmeta>"
)
_ANY_TERM = re.compile(re.escape(_TERMS).encode() + rb"\w+")
_END = re.compile(rb"</([\w.-]+:)?RDF\s*>")


def with_source_type(xmp: bytes | None) -> bytes:
    """Return XMP (UTF-8) that states the source type: that of a picture with the mark, or new.

    A source type that `xmp` states already, of the picture that was encoded, is replaced.

    Raises:
        ValueError: `xmp` is in no form that a property can be added to.
    """
    if not xmp:
        return _PACKET % _DESCRIPTION
    if _ANY_TERM.search(xmp):
        return _ANY_TERM.sub(SOURCE_TYPE.encode(), xmp)
    ends = list(_END.finditer(xmp))
    if not ends:
        raise ValueError("the file's XMP is damaged, so the mark cannot be added to it")
    place = ends[-1].start()
    return xmp[:place] + _DESCRIPTION + xmp[place:]
