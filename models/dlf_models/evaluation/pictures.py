"""Finding and reading the pictures to measure. Everything is measured as 8-bit RGB."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from dlf.errors import DlfError
from dlf.images.inputs import is_image
from dlf.images.reading import choose_frame
from PIL import Image

Picture = npt.NDArray[np.uint8]


class UnreadablePicture(Exception):
    """A file that cannot be measured; the message says why."""


def find_pictures(paths: Iterable[str | Path]) -> tuple[list[Path], list[str]]:
    """Files named or found directly in the folders named, in order, each once; and complaints.

    A complaint is a sentence about a path that gives nothing: missing, or a folder without images.
    """
    found: dict[Path, Path] = {}
    complaints = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if is_image(p.name))
            if not inside:
                complaints.append(f"no images in the folder {path}")
        elif path.exists():
            inside = [path]
        else:
            inside = []
            complaints.append(f"no such file or folder: {path}")
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values()), complaints


def read_picture(path: Path, frame: int | None = None) -> tuple[Picture, str]:
    """(uint8 [H, W, 3], the file's own mode).

    Grey is repeated, a palette looked up, 16 bits become 8, transparency is dropped. Of a file that
    holds several pictures `frame` is read, from 0; without it, such a file is not readable.

    Raises:
        UnreadablePicture: what is wrong with it.
    """
    try:
        with Image.open(path) as image:
            choose_frame(image, path.name, frame)
            mode = image.mode
            if mode.startswith("I"):  # 16 bits, or 32 that hold 16
                grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
                picture = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
            elif mode == "F":
                raise UnreadablePicture("floating-point samples have no fixed range")
            else:
                picture = np.asarray(image.convert("RGB"))
    except DlfError as error:
        raise UnreadablePicture(str(error)) from None
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(str(error)) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # Pillow raises all of these
        raise UnreadablePicture(f"not a readable image: {error}") from None
    return np.ascontiguousarray(picture), mode


def picture_digest(picture: Picture) -> str:
    """SHA-256 hex of size and samples: two files with the same pixels are the same picture."""
    height, width = picture.shape[:2]
    return hashlib.sha256(f"{width}x{height}:".encode() + picture.tobytes()).hexdigest()
