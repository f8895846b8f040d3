"""Results on disk, one file per picture and setting, found by content: this is also the resume.

A key covers the picture's pixels, the codec with its versions and the setting. Metrics are kept
under their name and version, so a later run with more metrics adds to the same entry. Writing
replaces whole files, so two processes, or one that is stopped, leave no half-written entry.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .frechet import Features

Entry = dict[str, Any]


class Cache:
    """directory=None keeps nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    @staticmethod
    def key(digest: str, identity: str, setting: str) -> str:
        """Return the name of an entry: of a picture's digest, a codec's identity and a setting."""
        return hashlib.sha256(f"{digest}\n{identity}\n{setting}".encode()).hexdigest()

    def _path(self, key: str, suffix: str) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / key[:2] / f"{key}{suffix}"

    def read(self, key: str) -> Entry | None:
        """The entry, or None when there is none or it is damaged."""
        path = self._path(key, ".json")
        try:
            entry = json.loads(path.read_text()) if path else None
        except (OSError, ValueError):
            return None
        return entry if isinstance(entry, dict) else None

    def write(self, key: str, entry: Entry) -> None:
        """Keep an entry under its key; a file is there whole or not at all."""
        path = self._path(key, ".json")
        if path:
            _replace(path, json.dumps(entry).encode())

    def read_features(self, key: str, version: str) -> dict[int, Features] | None:
        """Patch features stored under `version`, or None."""
        path = self._path(key, ".npz")
        try:
            if path is None:
                return None
            with np.load(path, allow_pickle=False) as archive:
                if str(archive["version"]) != version:
                    return None
                return {int(name): archive[name] for name in archive.files if name != "version"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write_features(self, key: str, version: str, features: dict[int, Features]) -> None:
        """Keep features by the side of their patches, under a key and the network's version."""
        path = self._path(key, ".npz")
        if path is None:
            return
        file = io.BytesIO()
        arrays: dict[str, Any] = {str(patch): rows for patch, rows in features.items()}
        np.savez(file, version=np.array(version), **arrays)
        _replace(path, file.getvalue())


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
