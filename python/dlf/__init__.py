"""DLF, a learned image format for extreme compression: 0.01 to 0.15 bits per pixel.

    import dlf

    data = dlf.encode(image, quality=50)     # a Pillow image or a uint8 array
    pixels = dlf.decode(data)                # a uint8 array
    header = dlf.info(data)                  # size, mode, model: needs no weights

`import dlf` loads neither torch nor NumPy; they come with the first image that is coded.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dlf.errors import DlfError as DlfError
from dlf.errors import InvalidFile as InvalidFile
from dlf.errors import LimitExceeded as LimitExceeded
from dlf.errors import ModelError as ModelError
from dlf.errors import TooFewBytes as TooFewBytes
from dlf.errors import TruncatedFile as TruncatedFile
from dlf.errors import Unsupported as Unsupported

if TYPE_CHECKING:
    from dlf.codec import Codec as Codec
    from dlf.coding import decode as decode
    from dlf.coding import encode as encode
    from dlf.header import Info as Info
    from dlf.header import info as info
    from dlf.limits import Limits as Limits

__version__ = "0.1.0"

__all__ = [
    "Codec",
    "DlfError",
    "Info",
    "InvalidFile",
    "LimitExceeded",
    "Limits",
    "ModelError",
    "TooFewBytes",
    "TruncatedFile",
    "Unsupported",
    "__version__",
    "decode",
    "encode",
    "info",
]

_HOMES = {
    "Codec": "dlf.codec",
    "decode": "dlf.coding",
    "encode": "dlf.coding",
    "Info": "dlf.header",
    "info": "dlf.header",
    "Limits": "dlf.limits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dlf.forks import undivided

    with undivided():
        value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
