"""The archive that a package is, and its digests (A.1)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping

from dlf.specification import NORMATIVE_MEMBER


def network_digest(members: Mapping[str, bytes]) -> bytes:
    """SHA-256 over all members except the normative part, named relative to the root (A.1.3)."""
    digest = hashlib.sha256()
    for name, data in sorted((name.encode(), data) for name, data in members.items()):
        if name != NORMATIVE_MEMBER.encode():
            digest.update(struct.pack("<I", len(name)) + name + struct.pack("<Q", len(data)) + data)
    return digest.digest()


def normative_digest(data: bytes) -> str:
    """SHA-256 of a package's normative part, of any format: what its id follows from."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = common_root(archive.namelist())
        return hashlib.sha256(archive.read(root + NORMATIVE_MEMBER)).hexdigest()


def archive_digest(archive: zipfile.ZipFile) -> bytes:
    """`network_digest` of an archive, read piece by piece."""
    root = common_root(archive.namelist())
    digest = hashlib.sha256()
    for info in sorted(archive.infolist(), key=lambda info: info.filename.encode()):
        name = info.filename[len(root) :].encode()
        if name != NORMATIVE_MEMBER.encode():
            digest.update(struct.pack("<I", len(name)) + name + struct.pack("<Q", info.file_size))
            with archive.open(info) as member:
                while piece := member.read(1 << 20):
                    digest.update(piece)
    return digest.digest()


@contextlib.contextmanager
def classic_zip() -> Iterator[None]:
    """Writes offsets below 4 GiB in 32 bits, as the format allows.

    `zipfile` takes to its 64-bit extension at 2 GiB, and miniz, which the core reads packages
    with, rejects that extension in archives of less than 4 GiB.
    """
    limit = zipfile.ZIP64_LIMIT
    try:
        zipfile.ZIP64_LIMIT = 2**32 - 2  # type: ignore[misc]
        yield
    finally:
        zipfile.ZIP64_LIMIT = limit  # type: ignore[misc]


def member(name: str) -> zipfile.ZipInfo:
    """A member below the archive's root, without anything that changes from run to run."""
    return zipfile.ZipInfo(f"archive/{name}", date_time=(1980, 1, 1, 0, 0, 0))


def common_root(names: Iterable[str]) -> str:
    """Return the one folder that all members lie in, with a slash.

    Raises:
        ValueError: they lie in several.
    """
    roots = {name.split("/", 1)[0] for name in names}
    if len(roots) != 1:
        raise ValueError("an archive has one root directory")
    return roots.pop() + "/"
