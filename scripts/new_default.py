"""Make a package the default model: `make default PACKAGE=FILE` runs this, builds, makes vectors.

    python scripts/new_default.py FILE.dlfm

The package must be an integer package that encodes. It takes the reserved entry of the registry
(one of zeros, BITSTREAM.md Annex B), or the next id where there is none. Annex B, its mirror in the
core and models/pretrained/dlf-s.dlfm change together; a package that is registered keeps its id.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import dlf
import numpy as np
from dlf.files import write_atomically
from dlf.models import DEFAULT_MODEL, Model
from dlf.web_models import decoding_half

ROOT = Path(__file__).resolve().parents[1]
SPECIFICATION = Path("core/BITSTREAM.md")
REGISTRY = Path("core/src/model/model_registry.h")
TARGET = Path("models/pretrained") / f"{DEFAULT_MODEL}.dlfm"
MOST_BYTES = 12_000_000
"""What a default model may have (docs/architecture.md 4.2)."""
RESERVED = "0" * 64
ROW = re.compile(r"^\| (\d+) \| (\S+) \| ([0-9a-f]{64}) \|$", re.MULTILINE)
INITIALISER = re.compile(r'^    \{(\d+), "(\S+)", "([0-9a-f]{64})"\},$', re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A row of Annex B."""

    id: int
    name: str
    sha256: str

    def row(self) -> str:
        """Return it as BITSTREAM.md has it."""
        return f"| {self.id} | {self.name} | {self.sha256} |"

    def initialiser(self) -> str:
        """Return it as the core has it."""
        return f'    {{{self.id}, "{self.name}", "{self.sha256}"}},'


def entries(text: str, pattern: re.Pattern[str]) -> list[Entry]:
    """Return the registry that a text holds."""
    return [Entry(int(number), name, sha256) for number, name, sha256 in pattern.findall(text)]


def with_model(registry: list[Entry], sha256: str) -> list[Entry]:
    """Return the registry with a model of this hash: registered, reserved, or new at the end."""
    if any(entry.sha256 == sha256 for entry in registry):
        return registry
    for place, entry in enumerate(registry):
        if entry.sha256 == RESERVED:
            taken = Entry(entry.id, entry.name, sha256)
            return [*registry[:place], taken, *registry[place + 1 :]]
    version = 1 + sum(entry.name.startswith(f"{DEFAULT_MODEL}-") for entry in registry)
    return [*registry, Entry(registry[-1].id + 1, f"{DEFAULT_MODEL}-{version}", sha256)]


def rewritten(text: str, pattern: re.Pattern[str], lines: list[str]) -> str:
    """Return the text with these lines in place of those of the registry, which stand together."""
    found = list(pattern.finditer(text))
    return text[: found[0].start()] + "\n".join(lines) + text[found[-1].end() :]


def check(model: Model) -> None:
    """Raise ModelError for a package that cannot be the default."""
    decoding_half(model)  # raises for a package that is no integer package
    codec = dlf.Codec(model.path, threads=1)
    picture = np.zeros((model.window, model.window, 3), np.uint8)
    codec.decode(codec.encode(picture))
    size = model.path.stat().st_size
    if size > MOST_BYTES:
        raise dlf.ModelError(f"{model.path}: {size} bytes, more than {MOST_BYTES}")
    if model.name != DEFAULT_MODEL:
        print(f"note: the package calls itself {model.name!r}, not {DEFAULT_MODEL!r}")


def put_in(package: Path, root: Path = ROOT) -> Entry:
    """Make `package` the default model of the tree `root`; returns its entry of the registry.

    Raises:
        ModelError: it is no package that can be the default; nothing has been changed.
        OSError: a file cannot be read or written.
    """
    model = dlf.models.load(package)
    check(model)
    data = package.read_bytes()
    specification = (root / SPECIFICATION).read_text(encoding="utf-8")
    mirror = (root / REGISTRY).read_text(encoding="utf-8")
    registry = entries(specification, ROW)
    if registry != entries(mirror, INITIALISER):
        raise dlf.ModelError(f"{SPECIFICATION} and {REGISTRY} differ")
    registry = with_model(registry, model.sha256)
    specification = rewritten(specification, ROW, [entry.row() for entry in registry])
    mirror = rewritten(mirror, INITIALISER, [entry.initialiser() for entry in registry])
    for path, text in ((SPECIFICATION, specification), (REGISTRY, mirror)):
        if (root / path).read_text(encoding="utf-8") != text:  # else all would be compiled again
            write_atomically(root / path, text.encode())
    if package.resolve() != (root / TARGET).resolve():
        write_atomically(root / TARGET, data)
    return next(entry for entry in registry if entry.sha256 == model.sha256)


def main() -> int:
    """Put the package in; say which id it has."""
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} FILE.dlfm", file=sys.stderr)
        return 2
    try:
        entry = put_in(Path(sys.argv[1]))
    except (dlf.DlfError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{TARGET}: id {entry.id}, {entry.name}, SHA-256 {entry.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
