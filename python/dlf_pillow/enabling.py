"""Makes every Python of this environment know .dlf files, by a `.pth` file, and takes that back.

The file has one line, which `site` runs at each start. It imports `dlf_pillow_start` and nothing
else; where that is missing, because DLF was removed, nothing happens.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

__all__ = ["disable", "enable", "pth_file"]

_NAME = "dlf_pillow.pth"
_LINE = (
    "import sys; exec('try:\\n from dlf_pillow_start import wait_for_pillow\\n wait_for_pillow()\\n"
    "except Exception: pass')\n"
)


def pth_file() -> Path:
    """Return where the file is, or would be: the folder of this environment's packages."""
    return Path(sysconfig.get_path("purelib")) / _NAME


def enable() -> Path:
    """Write the file and return its path.

    Raises:
        OSError: the folder cannot be written; nothing has changed then.
    """
    from dlf.files import write_atomically

    path = pth_file()
    write_atomically(str(path), _LINE.encode())
    return path


def disable() -> Path | None:
    """Remove the file and return its path, None when there was none.

    Raises:
        OSError: it cannot be removed.
    """
    path = pth_file()
    if not path.exists():
        return None
    path.unlink()
    return path
