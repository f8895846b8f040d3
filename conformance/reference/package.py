"""A.1: the model package as an archive, and how the package of a file is found."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from .model import Model
from .normative import MAGIC, parse
from .reading import rule
from .registry import model_id
from .status import Refused, Status

NORMATIVE = "extra/normative.bin"
DESCRIPTION = "extra/model.json"
REDUCED = "extra/reduced.bin"
REDUCED_BYTES = 12
INSTALLED = Path(__file__).resolve().parents[2] / "models" / "pretrained"


def read_members(path: Path) -> dict[str, bytes]:
    """A.1.1: the members of a package, by their names relative to the root directory.

    Raises:
        Refused: the archive is damaged (A.1).
    """
    members: dict[str, bytes] = {}
    roots = set()
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                root, _, name = entry.filename.partition("/")
                stored_or_deflated = entry.compress_type in (
                    zipfile.ZIP_STORED,
                    zipfile.ZIP_DEFLATED,
                )
                rule(stored_or_deflated, "A.1.1", f"compression of {name}")
                roots.add(root)
                rule(name not in members, "A.1.3", f"two members {name}")
                members[name] = archive.read(entry)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise Refused(Status.MODEL_ERROR, "A.1.1", f"{path.name}: {error}") from error
    rule(len(roots) == 1, "A.1.1", "members outside the root directory")
    return members


def load(path: Path) -> Model:
    """A.1.2: read and check a package."""
    half = decoding_half(path)
    if half is not None:
        return parse(half)
    members = read_members(path)
    rule(NORMATIVE in members, "A.1.2", f"no {NORMATIVE}")
    model = parse(members.pop(NORMATIVE))
    rule(network_digest(members) == model.network_digest, "A.1.3", "altered network")
    if REDUCED in members:
        rule(len(members[REDUCED]) == REDUCED_BYTES, "A.1.4", f"length of {REDUCED}")
    return model


def decoding_half(path: Path) -> bytes | None:
    """A.1.2: the bytes of a file that is a normative part alone; None for any other.

    Raises:
        Refused: it is damaged (A.1.2).
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            return start + file.read() if start == MAGIC else None
    except OSError as error:
        raise Refused(Status.MODEL_ERROR, "A.1.1", f"{path.name}: {error}") from error


def network_digest(members: dict[str, bytes]) -> bytes:
    """A.1.3: over all members but the normative part."""
    digest = hashlib.sha256()
    for name, content in sorted((name.encode(), content) for name, content in members.items()):
        digest.update(len(name).to_bytes(4, "little") + name)
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.digest()


def find(wanted: int) -> Model:
    """Load the package with the id `wanted` (§5.1.3); damaged ones do not hide an intact one.

    Raises:
        Refused: no intact package is the one that the file needs (§5.1.3).
    """
    damage = None
    for path in paths_of(wanted):
        try:
            return load(path)
        except Refused as refused:
            damage = damage or refused
    if damage is not None:
        raise damage
    raise Refused(Status.MODEL_ERROR, "§5.1.3", f"no package with the id {wanted}")


def paths_of(wanted: int) -> Iterator[Path]:
    """The packages with the id `wanted`; those that have no normative part are passed over."""
    for path in candidates():
        try:
            normative = read_normative(path)
        except Refused:
            continue
        if model_id(hashlib.sha256(normative).hexdigest()) == wanted:
            yield path


def candidates() -> list[Path]:
    """All packages in the directories of DLF_MODEL_PATH, and then the installed ones."""
    named = [part for part in os.environ.get("DLF_MODEL_PATH", "").split(os.pathsep) if part]
    directories = [*map(Path, named), INSTALLED]
    paths = [path for directory in directories for path in sorted(directory.glob("*.dlfm"))]
    return [path for path in paths if path.is_file()]  # no pipes, devices, folders


def read_normative(path: Path) -> bytes:
    """The normative part alone, without the checks on the rest of the package."""
    half = decoding_half(path)
    if half is not None:
        return half
    members = read_members(path)
    rule(NORMATIVE in members, "A.1.2", f"no {NORMATIVE}")
    return members[NORMATIVE]
