"""A smaller picture, where a file is to be smaller than the smallest one of the whole picture."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dlf.errors import TooFewBytes
from dlf.options import DOWNSCALES
from dlf.picture import Picture

__all__ = ["at_the_largest_size", "reduced"]

_log = logging.getLogger(__name__)


def at_the_largest_size(encode: Callable[[Picture], bytes], picture: Picture) -> bytes:
    """Return what `encode` makes of the picture at the largest of the sizes that it can code.

    The sizes are 1/1, 1/2, 1/4 and 1/8, tried in this order. What was tried in vain is logged.

    Raises:
        TooFewBytes: `encode` raised it for every size.
    """
    failure: TooFewBytes | None = None
    for factor in DOWNSCALES:
        smaller = reduced(picture, factor)
        try:
            return encode(smaller)
        except TooFewBytes as error:
            _log.info("%dx%d: %s", smaller.width, smaller.height, error)
            failure = error
    raise TooFewBytes(f"{failure} at 1/{DOWNSCALES[-1]} of its size")


def reduced(picture: Picture, factor: int) -> Picture:
    """Return the picture with sides of ceil(side / factor): means of squares, weighed by alpha.

    It says at which size it is to be shown.
    """
    if factor == 1:
        return picture
    from PIL import Image

    gray = picture.pixels.shape[2] == 1
    image = Image.fromarray(picture.pixels[:, :, 0] if gray else picture.pixels)
    pixels = np.asarray(image.reduce(factor))
    return replace(
        picture,
        pixels=np.ascontiguousarray(pixels[:, :, np.newaxis] if gray else pixels),
        display_size=(picture.width, picture.height),
    )
