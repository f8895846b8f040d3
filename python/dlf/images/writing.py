"""Writing decoded pictures in the formats that Pillow knows."""

from __future__ import annotations

import io
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dlf.pillow_formats import form_of_extension
from dlf.provenance import with_source_type

if TYPE_CHECKING:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from dlf.header import Info
    from dlf.types import Samples

__all__ = ["check_form", "check_mark", "format_for", "image_bytes", "image_of"]

_MODES = ("L", "LA", "RGB", "RGBA")
"""Pillow's modes of 1 to 4 channels."""

# These hold XMP, and Pillow writes it.
_WITH_XMP = frozenset({"PNG", "JPEG", "WEBP", "AVIF"})

_PNG_LEVEL = 4
"""Of zlib: as small a file as with Pillow's 6, in two thirds of the time."""


def format_for(name: str) -> str:
    """Return Pillow's name of the format that the extension of `name` stands for.

    Raises:
        ValueError: Pillow writes no such format.
    """
    from PIL import Image

    extension = PurePath(name).suffix.lower()
    form = form_of_extension(extension)
    if form is None or form not in Image.SAVE or form == "DLF":
        raise ValueError(f"{name}: Pillow writes no format with the extension {extension!r}")
    return form


def check_form(mode: str, form: str) -> None:
    """Raise `ValueError` when the format `form` is known to hold no image of this mode."""
    if form == "JPEG" and mode in ("LA", "RGBA"):
        raise ValueError("JPEG has no alpha channel; decode to PNG or WebP instead")


def check_mark(form: str) -> None:
    """Raise `ValueError` when a file of the format `form` cannot say that a model has drawn it."""
    if form not in _WITH_XMP:
        raise ValueError(f"{form} holds no XMP to mark it with; decode to PNG or JPEG instead")


def image_of(samples: Samples) -> Image.Image:
    """Return decoded samples as a Pillow image."""
    from PIL import Image

    size = (samples.width, samples.height)
    return Image.frombuffer(_MODES[samples.channels - 1], size, samples.data)


def image_bytes(image: Image.Image, form: str, header: Info, *, marked: bool = False) -> bytes:
    """Return a decoded picture as a file, with the metadata of `header`.

    Args:
        image: as `image_of` gives it.
        form: Pillow's name of the format.
        header: of the file that was decoded.
        marked: let its XMP say that a model has drawn it (`dlf.provenance`).

    Raises:
        ValueError: the format cannot hold this image, or not the mark.
    """
    check_form(image.mode, form)
    found = {"exif": header.exif, "icc_profile": header.icc_profile, "xmp": header.xmp}
    if marked:
        check_mark(form)
        found["xmp"] = with_source_type(found["xmp"])
    metadata: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    if form == "PNG":
        metadata["compress_level"] = _PNG_LEVEL
    if form == "PNG" and "xmp" in metadata:  # Pillow has no argument for it there
        metadata["pnginfo"] = _png_texts(metadata.pop("xmp"))
    buffer = io.BytesIO()
    try:
        image.save(buffer, form, **metadata)
    except (OSError, KeyError) as error:
        raise ValueError(f"cannot write this image as {form}: {error}") from error
    return buffer.getvalue()


def _png_texts(xmp: bytes) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode(errors="replace"))
    return texts
