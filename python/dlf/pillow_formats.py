"""Pillow's formats by their extensions and their first bytes.

Pillow loads its five commonest formats at once and the others only when they are asked for. All of
them take as long to load as a small picture takes to decode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["form_of_extension", "form_of_start"]

_Found = TypeVar("_Found")


def form_of_extension(extension: str) -> str | None:
    """Return Pillow's name of the format that an extension such as ".png" stands for.

    Args:
        extension: in lower case, with its dot.
    """
    from PIL import Image

    return _common_first(lambda: Image.EXTENSION.get(extension))


def form_of_start(start: bytes) -> str | None:
    """Return Pillow's name of the format that a file begins like; a .dlf file is none of them.

    Args:
        start: the first bytes, at least 16: plugins expect no less.
    """
    from PIL import Image

    def accepted() -> str | None:
        for form in Image.ID:
            accept = Image.OPEN[form][1]
            if accept is not None and form != "DLF" and accept(start):
                return form
        return None

    return _common_first(accepted)


def _common_first(look: Callable[[], _Found | None]) -> _Found | None:
    """Look among the formats that are loaded, then among all."""
    from PIL import Image

    Image.preinit()
    found = look()
    if found is None:
        Image.init()
        found = look()
    return found
