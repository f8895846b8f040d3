"""Sizes of files that tests ask for, apart from what scripts without pytest import."""

from __future__ import annotations

import dlf
import pytest
from PIL import Image


def smallest_size(codec: dlf.Codec, image: Image.Image) -> int:
    """The bytes of the smallest file of a picture, which the message about one byte names."""
    with pytest.raises(dlf.TooFewBytes, match="in 1 bytes; the smallest file has") as caught:
        codec.encode(image, max_bytes=1)
    return int(str(caught.value).rpartition(" ")[2])
