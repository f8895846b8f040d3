"""Model packages as files: each is checked once, and again when the file has changed.

Thread safety: all functions may be called from several threads.
"""

from __future__ import annotations

import functools
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dlf import _core
from dlf.errors import ModelError
from dlf.types import StrPath

__all__ = ["Model", "content", "load"]

_ATTEMPTS = 5
"""How often a file is read that is replaced meanwhile."""


@dataclass(frozen=True)
class Model:
    """A model package on disk, whose digests have been checked.

    Attributes:
        path: the .dlfm file.
        name: what `model=` and `--model` call it.
        id: the number that .dlf files carry.
        sha256: of the package's normative part, in hexadecimal.
        rate_points: how many qualities it has.
        window: side in pixels of the squares that the semantic layer describes.
        description: the package's own words about itself (licence, training, measurements).
    """

    path: Path
    name: str
    id: int
    sha256: str
    rate_points: int
    window: int
    description: dict[str, Any]

    @property
    def licence(self) -> str:
        """The licence that the package states, or "unknown"."""
        return str(self.description.get("licence", "unknown"))


def load(path: StrPath) -> Model:
    """Return the package at `path`, after checking that nobody has altered it.

    What was found out about a file, good or bad, is remembered until the file changes.

    Raises:
        ModelError: the file is missing, altered, not a model package, or replaced again and again
            while it is read.
    """
    absolute = Path(path).absolute()
    for _ in range(_ATTEMPTS):
        state = _state_of(absolute)
        found = _examine(absolute, state)
        if found is not None and _state_of(absolute) == state:
            if isinstance(found, Model):
                return found
            raise ModelError(found)
    raise ModelError(f"model package {os.fspath(path)!r} changes while it is read")


class _State(NamedTuple):
    """What tells one content of a file from another."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def _state_of(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(f"model package {os.fspath(path)!r}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):  # never opened: a pipe would be waited for
        raise ModelError(f"model package {os.fspath(path)!r}: not a regular file")
    return _State(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def _examine(path: Path, state: _State) -> Model | str | None:
    """Return the package, or what is wrong with it, or None when it is changing."""
    try:
        return _examined(path, state)
    except _Changing:
        return None


class _Changing(Exception):
    """The file is not what it was when it was examined; exceptions are not remembered."""


def content(model: Model) -> _core.Package:
    """Return what is in the package: as it was examined, if it still is the file examined last.

    So a process that opens one picture reads its package once.

    Raises:
        ModelError: the file is gone, or altered.
    """
    latest = _latest
    if (
        latest is not None
        and latest.path == model.path
        and latest.package.sha256 == model.sha256
        and latest.state == _state_of(model.path)
    ):
        return latest.package
    return _core.Package(os.fsencode(model.path))


class _Latest(NamedTuple):
    path: Path
    state: _State
    package: _core.Package


_latest: _Latest | None = None
"""The package that was examined last; a codec or a call that opens it shares its memory."""


@functools.lru_cache(maxsize=256)
def _examined(path: Path, state: _State) -> Model | str:
    """Check and describe one package; a changed file has another state.

    Raises:
        ModelError: it cannot be read now.
        _Changing: it changed meanwhile.
    """
    try:
        package = _core.Package(os.fsencode(path))
    except ModelError as error:
        if _state_of(path) != state:
            raise _Changing from error
        if not _is_readable(path):
            raise
        return str(error)
    if _state_of(path) != state:
        raise _Changing
    global _latest
    _latest = _Latest(path, state, package)
    try:
        description = json.loads(package.model_json)
    except ValueError:
        description = {}
    if not isinstance(description, dict):
        description = {}
    return Model(
        path=path,
        name=_printable(str(description.get("name", path.stem))),
        id=package.id,
        sha256=package.sha256,
        rate_points=package.rate_points,
        window=package.window,
        description=description,
    )


def _printable(text: str) -> str:
    """Return a name that fits into one line of any encoding of Unicode."""
    return text if text.isprintable() else repr(text)[1:-1]


def _is_readable(path: Path) -> bool:
    """Whether the file can be read now; a lack of rights or descriptors may pass."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True
