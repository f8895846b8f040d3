"""The folder of models that a web page needs: what web/package/models.js fetches.

For each model it holds ID.decoder.dlfm, the decoding half (core/BITSTREAM.md A.1.2), and, where the
package encodes too, ID.dlfm. index.json names the model that encodes when none is asked for.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from dlf import specification
from dlf.errors import ModelError
from dlf.files import write_atomically
from dlf.models import Model

__all__ = ["decoding_half", "write_folder"]


def decoding_half(model: Model) -> bytes:
    """Return the bytes of the decoding half of a package: a .dlfm file of its own.

    Raises:
        ModelError: the package is no integer package, or has changed since it was checked.
        OSError: it cannot be read.
    """
    data = model.path.read_bytes()
    half = (
        data
        if data.startswith(specification.NORMATIVE_MAGIC)
        else _members(model).get(specification.NORMATIVE_MEMBER, b"")
    )
    if hashlib.sha256(half).hexdigest() != model.sha256:
        raise ModelError(f"{model.path}: it changed while it was read")
    if not half[specification.PACKAGE_FLAGS_OFFSET] & specification.PACKAGE_INTEGER:
        raise ModelError(f"{model.path}: no integer package; only those draw without torch")
    return half


def write_folder(folder: Path, models: Sequence[Model]) -> list[Path]:
    """Write the files of these models into `folder`, which is made where it is missing.

    Returns the paths that were written. The first model that encodes becomes the default.

    Raises:
        ModelError: as decoding_half; nothing has been written then.
        OSError: a file cannot be read or written.
    """
    contents: dict[str, bytes] = {}
    default: int | None = None
    for model in models:
        contents[f"{model.id}.decoder.dlfm"] = decoding_half(model)
        if _encodes(model):
            contents[f"{model.id}.dlfm"] = model.path.read_bytes()
            default = model.id if default is None else default
    described = [{"id": model.id, "name": model.name, "sha256": model.sha256} for model in models]
    index = json.dumps({"default": default, "models": described}, indent=1) + "\n"
    contents["index.json"] = index.encode()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomically(path, content)
    return paths


def _encodes(model: Model) -> bool:
    return zipfile.is_zipfile(model.path) and specification.ENCODER_MEMBER in _members(model)


def _members(model: Model) -> dict[str, bytes]:
    """The members by their names relative to the root directory (A.1.1)."""
    try:
        with zipfile.ZipFile(model.path) as archive:
            return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ModelError(f"{model.path}: {error}") from error
