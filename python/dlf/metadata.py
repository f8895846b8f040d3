"""EXIF, XMP and orientation, on the way into a .dlf file and out of it.

Orientation is three bits of the header, so it survives without any EXIF; a file that is reopened
shows it as EXIF of 32 bytes. This module needs neither NumPy nor torch, and parses no more of EXIF
than its first directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf import tiff
from dlf.types import Buffer, Tobytes

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "ORIENTATION_TAG",
    "exif_bytes",
    "exif_for_reader",
    "exif_orientation",
    "image_orientation",
    "orientation_exif",
    "profile_bytes",
    "xmp_bytes",
]

ORIENTATION_TAG = 0x0112
_EXIF_PREFIX = b"Exif\0\0"


def exif_bytes(exif: Buffer | Tobytes) -> bytes:
    """Return EXIF without the `Exif` prefix that JPEG puts before it; `exif` is not changed."""
    return _content("exif", exif).removeprefix(_EXIF_PREFIX)


def profile_bytes(profile: Buffer | Tobytes) -> bytes:
    """Return an ICC profile as bytes."""
    return _content("icc_profile", profile)


def xmp_bytes(xmp: str | Buffer) -> bytes:
    """Return XMP as bytes; text is encoded as UTF-8."""
    return xmp.encode() if isinstance(xmp, str) else _content("xmp", xmp)


def exif_orientation(exif: bytes) -> int:
    """Return the orientation 1..8 that `exif` states, 1 when it states none or is damaged."""
    return tiff.orientation(exif.removeprefix(_EXIF_PREFIX)) or 1


def image_orientation(image: Image.Image) -> int:
    """Return the orientation 1..8 of a Pillow image, 1 when it has none or damaged EXIF."""
    try:
        return _valid(image.getexif().get(ORIENTATION_TAG))
    except Exception:  # noqa: BLE001 - whatever Pillow raises: bad EXIF does not spoil the pixels
        return 1


def orientation_exif(orientation: int) -> bytes:
    """Return the smallest EXIF that states `orientation` (1..8)."""
    return _EXIF_PREFIX + tiff.new(orientation)


def exif_for_reader(stored: bytes | None, orientation: int) -> bytes | None:
    """Return the EXIF that a reader of a file should see, or None when there is nothing to say.

    Args:
        stored: the content of the file's EXIF chunk, if it has one.
        orientation: the header's orientation 1..8, which wins over what the EXIF says.
    """
    if stored is None:
        return None if orientation == 1 else orientation_exif(orientation)
    if exif_orientation(stored) == orientation:
        return _EXIF_PREFIX + stored
    changed = tiff.with_orientation(stored, orientation)
    return orientation_exif(orientation) if changed is None else _EXIF_PREFIX + changed


def _valid(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _content(name: str, value: Buffer | Tobytes) -> bytes:
    if isinstance(value, Buffer):
        return bytes(value)
    if hasattr(value, "tobytes"):
        return bytes(value.tobytes())
    raise ValueError(f"{name} must be bytes, not {type(value).__name__}")
