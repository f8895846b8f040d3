"""Where vectors and packages lie, and what the files of a vector are called."""

from __future__ import annotations

import functools
import hashlib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT / "conformance" / "vectors"
SHARED = ROOT / "conformance" / "packages"
INSTALLED = ROOT / "models" / "pretrained"

INPUT = "input.dlf"
TEST = "test.json"
PACKAGE = "model.dlfm"
NORMATIVE = "extra/normative.bin"


def package_folders(vector: Path) -> list[Path]:
    """Return where a decoder finds packages.

    In the vector's own folder, among those that vectors share and among the installed ones.
    """
    return [vector, SHARED, INSTALLED]


def package_path(name: str) -> Path | None:
    """The package of this name, installed or shared by vectors; None when there is none."""
    paths = [folder / f"{name}.dlfm" for folder in (INSTALLED, SHARED)]
    return next((path for path in paths if path.exists()), None)


@functools.cache
def model_hash(name: str) -> str | None:
    """The hash (Annex A.1.2) of the package of this name; None when there is none."""
    path = package_path(name)
    if path is None:
        return None
    with zipfile.ZipFile(path) as archive:
        [member] = [each for each in archive.namelist() if each.endswith("/" + NORMATIVE)]
        return hashlib.sha256(archive.read(member)).hexdigest()
