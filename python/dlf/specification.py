"""Constants of core/BITSTREAM.md that Python code needs, once; importing them costs nothing.

Those of Annex D have its names: `kMaxShift` is `MAX_SHIFT`. tests/test_specification.py compares
the values. The reference decoder of the conformance suite has its own, because it shares no code.
"""

from __future__ import annotations

VERSION = 1
FLAG_VERSION_MASK = 7
"""Of the byte after the signature: the bits that hold the version."""

CHUNK_ALPHA = 1
CHUNK_ICC = 2
CHUNK_EXIF = 3
CHUNK_XMP = 4

FREQUENCY_TOTAL = 65536
"""The sum of the frequencies of a table (§5.2)."""

MAX_SHIFT = 46
"""Of a layer (A.2.9)."""

PACKAGE_FORMAT = 2
"""Of integer packages."""
PACKAGE_FORMAT_OLD = 1
"""Of packages whose networks are TorchScript."""

PACKAGE_INTEGER = 1
"""Flag: the package draws in integers."""
PACKAGE_RATE_MAPS = 2
"""Flag: files may have importance maps."""

# Names and signatures of the members of a package, and where they state what they are (A.1, A.2.1,
# A.3). They stand in the text of the annex and not in the table of Annex D.
NORMATIVE_MAGIC = b"DLFN"
NORMATIVE_MEMBER = "extra/normative.bin"
ENCODER_MAGIC = b"DLFE"
ENCODER_MEMBER = "extra/encoder.bin"
MODEL_JSON_MEMBER = "extra/model.json"
PACKAGE_FLAGS_OFFSET = 6
