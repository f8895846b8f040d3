"""The few constants by which a .dlf file is recognised; importing them costs nothing."""

from __future__ import annotations

__all__ = ["EXTENSION", "FORMAT", "MIME_TYPE", "SIGNATURE"]

FORMAT = "DLF"
"""The name of the format in Pillow and imageio."""

EXTENSION = ".dlf"
MIME_TYPE = "image/x-dlf"
SIGNATURE = b"\xc4LF\n"
