"""Decoded pictures at the size that they are to be shown at (core/BITSTREAM.md §2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf.limits import check_size
from dlf.options import DOWNSCALES

if TYPE_CHECKING:
    from PIL import Image

    from dlf.header import Info
    from dlf.limits import Limits

__all__ = ["check_enlarging", "enlarged"]


def check_enlarging(header: Info, limits: Limits) -> None:
    """Raise `LimitExceeded` where pixels or sides of the display size are beyond `limits`."""
    check_size(*header.display_size, limits)


def enlarged(image: Image.Image, header: Info) -> Image.Image:
    """Return a decoded picture at the display size; one that was not reduced as it is.

    Args:
        image: the whole picture.
        header: of the file that was decoded.
    """
    if header.display_size == header.size:
        return image
    from PIL import Image

    # A sample stands for a square of pixels (§2.7.3); the squares at the right and below may be
    # cut.
    factor = _factor_of(header)
    width, height = header.display_size
    return image.resize(
        (width, height),
        Image.Resampling.LANCZOS,
        box=(0, 0, width / factor, height / factor),
    )


def _factor_of(header: Info) -> int:
    """Return by how much the picture was reduced: the least factor that gives its sides."""
    width, height = header.display_size
    return next(
        factor
        for factor in DOWNSCALES
        if (-(-width // factor), -(-height // factor)) == header.size
    )
