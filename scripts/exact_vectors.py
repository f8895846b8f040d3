"""The conformance vectors whose whole picture has exact pixels: what scripts compare decoders with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from conformance.layout import INPUT, package_path
from conformance.suite import load_vectors

FAMILIES = ("dlf-s-", "integer-", "test-")
"""How their names begin. Packages of toys lie with the suite, the others are shipped."""


@dataclass(frozen=True)
class ExactVector:
    """A file that must be decoded to the samples of a picture."""

    name: str
    file: Path
    package: Path
    reference: Path


def exact_vectors() -> list[ExactVector]:
    """Return all of them, by name.

    Raises:
        LookupError: a family has none, or a package is missing.
    """
    found = []
    for family in FAMILIES:
        before = len(found)
        for vector in load_vectors(only=f"{family}*"):
            checks = vector.test["checks"]
            whole = [c for c in checks if c["command"] == "decode" and not c["arguments"]]
            if not whole or "sha256" not in whole[0]:  # only exact pixels have a hash
                continue
            model = vector.test["model"] or "-".join(vector.id.split("-")[:2])
            package = package_path(model)
            if package is None:
                raise LookupError(f"{vector.id}: there is no package {model}")
            reference = vector.folder / whole[0]["reference"]
            found.append(ExactVector(vector.id, vector.folder / INPUT, package, reference))
        if len(found) == before:
            raise LookupError(f"no vector of {family}* has exact pixels")
    return found
