"""Which files are images, and which files the words of a command line stand for."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

from dlf.files import STANDARD_STREAM
from dlf.pillow_formats import form_of_extension
from dlf.signature import EXTENSION

__all__ = ["Input", "expand", "fixed_part", "is_dlf", "is_image", "is_pattern", "matching"]

_Item = TypeVar("_Item")

_WILDCARD = re.compile(r"[*?\[]")

# Pillow recognises these but reads them only with the help of programs that it does not bring.
_NOT_PICTURES = frozenset({"BUFR", "DLF", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


@dataclass(frozen=True)
class Input:
    """One file, and its folder below the fixed part of the pattern that has found it, or ""."""

    path: str
    folder: str = ""


def is_dlf(name: str) -> bool:
    """Return whether a file in a folder is taken for a .dlf file."""
    return name.lower().endswith(EXTENSION)


def is_image(name: str) -> bool:
    """Return whether a file in a folder is taken for an image that can be encoded."""
    from PIL import Image

    form = form_of_extension(PurePath(name).suffix.lower())
    return form in Image.OPEN and form not in _NOT_PICTURES


def is_pattern(word: str) -> bool:
    """Return whether `word` has a wildcard in it: `*`, `?` or `[`."""
    return _WILDCARD.search(word) is not None


def fixed_part(pattern: str) -> str:
    """Return the folder, or the URL of it, above the first wildcard; all of what has none."""
    wildcard = _WILDCARD.search(pattern)
    if wildcard is None:
        return pattern
    return posixpath.dirname(pattern[: wildcard.start()]) or os.curdir


def matching(pattern: str) -> Iterator[str]:
    """Yield what matches a pattern and is no folder, sorted, by its name below the fixed part."""
    root = fixed_part(pattern)
    below = os.path.relpath(pattern, root)
    for name in sorted(glob.glob(below, root_dir=root, recursive=True)):
        if not os.path.isdir(os.path.join(root, name)):
            yield name


def expand(words: Sequence[str], fits: Callable[[str], bool]) -> list[Input]:
    """Return the files that `words` mean, each once, in order; what a folder has, sorted.

    A word that is no pattern and no folder is returned as it is, whether or not there is a file.

    Args:
        words: files, folders, of which the files directly in them count, and patterns.
        fits: whether a file in a folder counts.

    Raises:
        ValueError: a pattern or a folder without a file that fits, or `-` among other inputs.
    """
    found: list[Input] = []
    for word in words:
        if word != STANDARD_STREAM and os.path.isdir(word):
            inside = [os.path.join(word, name) for name in os.listdir(word) if fits(name)]
            names = _some(sorted(filter(os.path.isfile, inside)), f"no file to read in {word}")
            found += map(Input, names)
        elif is_pattern(word) and not os.path.exists(word):
            root = fixed_part(word)
            paths = ((name, _joined(root, name)) for name in matching(word))
            matches = [(name, path) for name, path in paths if os.path.isfile(path)]
            found += [
                Input(path, os.path.dirname(name))
                for name, path in _some(matches, f"no file matches {word}")
            ]
        else:
            found.append(Input(word))
    first: dict[str, Input] = {}
    for source in found:
        first.setdefault(source.path, source)
    if len(first) > 1 and STANDARD_STREAM in first:
        raise ValueError("- (standard input) cannot be read among other inputs")
    return list(first.values())


def _joined(root: str, name: str) -> str:
    return name if root == os.curdir else os.path.join(root, name)


def _some(files: list[_Item], complaint: str) -> list[_Item]:
    if not files:
        raise ValueError(complaint)
    return files
