"""Where inputs come from and outputs go: folders of this machine, or anything fsspec reaches.

A name inside a store is relative to its root and has `/` between folders. Stores can be pickled, so
that worker processes, on other machines too, get copies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from dlf import files, outputs
from dlf.outputs import FileIdentity, Overwrite
from dlf.types import StrPath

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["FsspecStore", "LocalStore", "Store", "is_url", "open_store"]

# Object stores put a whole object or none; a temporary object and a move would only cost a copy.
_WHOLE_PUTS = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "s3", "s3a"})
_STAGING = ".dlf-batch-"

Problem = Callable[[str, OSError], None]
"""Called with the name of a folder that cannot be listed, and why."""


class Store(ABC):
    """A tree of files."""

    root: str
    """The folder or URL at the top, for messages."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the content of a file."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file for reading."""

    @abstractmethod
    def replacing(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """Yield a file that takes the place of `name`, whole, when the block ends well."""

    @abstractmethod
    def names(self, skip: str | None, problem: Problem) -> Iterator[str]:
        """Yield every file that is not hidden, but for those below the folder or URL `skip`."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None when there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.replacing(name) as file:
            file.write(data)

    def identity(self, name: str) -> FileIdentity | str | None:
        """Return what two names of the same file have in common; None when there is no file."""
        return f"{self.root.rstrip('/')}/{name}"

    def check_replacing(self, name: str, form: str, overwrite: Overwrite) -> None:
        """Return if a file of this format may take the place of `name`; see `dlf.outputs`.

        Raises:
            ValueError, FileExistsError: it may not.
        """
        if overwrite == "never" and self.size(name) is not None:
            raise FileExistsError(errno.EEXIST, "exists, and nothing is to be replaced", name)

    def prepare(self, run: str) -> None:  # noqa: B027 - most stores have nothing to prepare
        """Get ready for the outputs of the run with this identity; clear what a dead one left."""

    def finish(self) -> None:  # noqa: B027 - and nothing to tidy up
        """Clear away what the run does not need any more."""


class LocalStore(Store):
    """A folder of this machine."""

    def __init__(self, root: StrPath) -> None:
        self.root = os.path.abspath(root)
        self._staging: str | None = None

    def path(self, name: str) -> str:
        """Return the absolute path of `name`; a name that is absolute itself is taken as it is."""
        return os.path.join(self.root, name)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        return files.read_bytes(self.path(name))

    def open(self, name: str) -> BinaryIO:
        """See `Store.open`."""
        return open(self.path(name), "rb")

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """See `Store.replacing`."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with files.replacing(path, self._staging) as file:
            yield file

    def names(self, skip: str | None, problem: Problem) -> Iterator[str]:
        """See `Store.names`."""

        def report(error: OSError) -> None:
            problem(os.path.relpath(os.fspath(error.filename), self.root), error)

        for folder, subfolders, found in os.walk(self.root, onerror=report):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if not name.startswith(".") and os.path.join(folder, name) != skip
            )
            below = os.path.relpath(folder, self.root)
            for name in sorted(found):
                if not name.startswith("."):
                    yield name if below == "." else f"{below}/{name}"

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        try:
            return os.stat(self.path(name)).st_size
        except OSError:
            return None

    def identity(self, name: str) -> FileIdentity | str | None:
        """See `Store.identity`."""
        return outputs.identity(self.path(name))

    def check_replacing(self, name: str, form: str, overwrite: Overwrite) -> None:
        """See `Store.check_replacing`."""
        path = self.path(name)
        outputs.refuse_existing(path, overwrite)
        if overwrite == "alike":
            outputs.check_content(outputs.Output(path, form))

    def prepare(self, run: str) -> None:
        """See `Store.prepare`."""
        os.makedirs(self.root, exist_ok=True)
        staging = os.path.join(self.root, _STAGING + run)
        shutil.rmtree(staging, ignore_errors=True)
        os.makedirs(staging, exist_ok=True)
        self._staging = staging

    def finish(self) -> None:
        """See `Store.finish`."""
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)


class FsspecStore(Store):
    """A folder of any file system that fsspec knows, or of a pyarrow one."""

    def __init__(self, filesystem: Any, root: str) -> None:
        """`filesystem` is an fsspec or a pyarrow file system, `root` a path inside it."""
        self._filesystem = _as_fsspec(filesystem)
        self._root = root.rstrip("/")
        protocol = self._filesystem.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self.root = self._filesystem.unstrip_protocol(self._root)
        self._sizes: dict[str, int] | None = None
        self._staging: str | None = None

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    def read(self, name: str) -> bytes:
        """See `Store.read`."""
        return cast("bytes", self._filesystem.cat_file(self._path(name)))

    def open(self, name: str) -> BinaryIO:
        """See `Store.open`."""
        return cast("BinaryIO", self._filesystem.open(self._path(name), "rb"))

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """See `Store.replacing`."""
        # Gathered here first: what is uploaded is then whole, and its size known.
        with tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            self._put(file, self._path(name))

    def _put(self, file: BinaryIO, path: str) -> None:
        system = self._filesystem
        system.makedirs(posixpath.dirname(path), exist_ok=True)
        if self._staging is None:
            with system.open(path, "wb") as remote:
                shutil.copyfileobj(file, remote)
            return
        temporary = posixpath.join(self._staging, f"{os.urandom(8).hex()}.part")
        try:
            with system.open(temporary, "wb") as remote:
                shutil.copyfileobj(file, remote)
            system.mv(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                system.rm_file(temporary)
            raise

    def names(self, skip: str | None, problem: Problem) -> Iterator[str]:
        """See `Store.names`."""
        for path in sorted(self._filesystem.find(self._root)):
            name = posixpath.relpath(path, self._root)
            skipped = skip is not None and f"{self.root}/{name}".startswith(f"{skip}/")
            if not _is_hidden(name) and not skipped:
                yield name

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        if self._sizes is None:  # one listing instead of a request for each of a million files
            try:
                found = self._filesystem.find(self._root, detail=True)
            except FileNotFoundError:
                found = {}
            self._sizes = {
                posixpath.relpath(path, self._root): facts["size"] for path, facts in found.items()
            }
        return self._sizes.get(name)

    def glob(self, pattern: str) -> list[str]:
        """Return the names of files that match `pattern`, but for hidden ones."""
        matches = self._filesystem.glob(self._path(pattern), detail=True)
        names = (
            posixpath.relpath(path, self._root)
            for path, facts in matches.items()
            if facts["type"] == "file"
        )
        return sorted(name for name in names if not _is_hidden(name))

    def prepare(self, run: str) -> None:
        """See `Store.prepare`."""
        self._filesystem.makedirs(self._root, exist_ok=True)
        if not self._protocols & _WHOLE_PUTS:
            staging = self._path(_STAGING + run)
            self._staging = staging
            self.finish()
            self._filesystem.makedirs(staging, exist_ok=True)

    def finish(self) -> None:
        """See `Store.finish`."""
        if self._staging is not None and self._filesystem.exists(self._staging):
            self._filesystem.rm(self._staging, recursive=True)

    def is_folder(self) -> bool:
        """Whether the root is a folder, and not a file."""
        return bool(self._filesystem.isdir(self._root))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_sizes": None}


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def is_url(place: str) -> bool:
    """Whether `place` is a URL, and not a path of this machine."""
    return "://" in place


def open_store(place: StrPath) -> Store:
    """Return the store at a path of this machine or a URL such as `s3://bucket/folder`.

    URLs go through fsspec, or through pyarrow where fsspec lacks the part for their kind.

    Raises:
        ImportError: neither can serve the URL.
        ValueError: neither knows its kind.
    """
    place = os.fspath(place)
    if not is_url(place):
        return LocalStore(place)
    scheme, rest = place.split("://", 1)
    if scheme in ("file", "local"):
        return LocalStore("/" + rest.lstrip("/"))
    try:
        import fsspec
    except ImportError:
        raise ImportError(f"{place} needs fsspec: pip install fsspec") from None
    try:
        system, root = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError):
        return _through_pyarrow(place)
    return FsspecStore(system, root)


def _through_pyarrow(place: str) -> FsspecStore:
    try:
        from pyarrow import fs
    except ImportError:
        raise ImportError(f"neither fsspec nor pyarrow is able to open {place}") from None
    try:
        system, root = fs.FileSystem.from_uri(place)
    except OSError as error:  # pyarrow's ArrowInvalid is a ValueError already
        raise ValueError(f"{place}: {error}") from error
    return FsspecStore(system, root)


def _as_fsspec(filesystem: Any) -> AbstractFileSystem:
    if type(filesystem).__module__.startswith("pyarrow"):
        from fsspec.implementations.arrow import ArrowFSWrapper

        return ArrowFSWrapper(filesystem)
    return filesystem
