"""Finding model packages (.dlfm) by name, by path, or by the id that a .dlf file states.

Packages are looked for in the folders of `DLF_MODEL_PATH` (separated like `PATH`) and then among
the ones that are installed with DLF. A file never names a path: which package decodes it is decided
by the SHA-256 of the package's normative part alone, from which the id follows. A package holds
executable code, so only ones from a source that you trust belong in these folders.

Thread safety: all functions may be called from several threads.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlf import _core
from dlf.errors import DlfError, ModelError
from dlf.files import printable
from dlf.options import check_model

__all__ = [
    "DEFAULT_MODEL",
    "ENVIRONMENT_VARIABLE",
    "Model",
    "directories",
    "find",
    "find_id",
    "installed",
    "load",
]

DEFAULT_MODEL = "dlf-s"
ENVIRONMENT_VARIABLE = "DLF_MODEL_PATH"
_SUFFIX = ".dlfm"


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


def directories() -> list[Path]:
    """Return the folders that are searched, in order."""
    listed = os.environ.get(ENVIRONMENT_VARIABLE, "").split(os.pathsep)
    return [Path(folder) for folder in listed if folder] + _installed_directories()


def installed() -> tuple[list[Model], list[str]]:
    """Return the models that can be used, and one line for each package that is damaged."""
    found: list[Model] = []
    problems: list[str] = []
    for path in _packages():
        try:
            model = load(path)
        except DlfError as error:
            problems.append(f"{path}: {error}")
            continue
        if all(model.id != other.id for other in found):
            found.append(model)
    return found, problems


def find(model: str | os.PathLike[str] | None = None) -> Model:
    """Return the model for encoding: by path, by name, or the default.

    The default is `dlf-s`, or else the only package there is.

    Raises:
        ModelError: there is no such package, or it is altered.
        ValueError: `model` is neither text nor a path.
    """
    wanted = check_model(model)
    if wanted is None:
        return _default()
    if wanted.endswith(_SUFFIX) or os.sep in wanted:
        return load(Path(wanted))
    for path in _packages():
        if path.stem == wanted:
            return load(path)
    models, problems = installed()
    for candidate in models:
        if candidate.name == wanted:
            return candidate
    raise ModelError(f"unknown model {wanted!r}; {_listing(models, problems)}")


def find_id(model_id: int) -> Model:
    """Return the model that decodes files with `model_id`.

    Raises:
        ModelError: no package with this id is installed.
    """
    for path in _packages():
        try:
            model = load(path)
        except DlfError:
            continue
        if model.id == model_id:
            return model
    names = {number: name for number, name, _ in _core.registered_models()}
    wanted = f"unknown model id {model_id}"
    if model_id in names:
        wanted = f"the model {names[model_id]!r} (id {model_id}) is not installed"
    raise ModelError(f"{wanted}; {_listing(*installed())}")


def load(path: str | os.PathLike[str]) -> Model:
    """Return the package at `path`, after checking that nobody has altered it.

    Raises:
        ModelError: the file is missing, altered, or not a model package.
    """
    absolute = Path(path).absolute()
    try:
        status = absolute.stat()
    except OSError as error:
        raise ModelError(f"model package {os.fspath(path)!r}: {error.strerror}") from error
    if printable(os.fspath(absolute)) != os.fspath(absolute):  # the core takes paths as text
        raise ModelError(f"model package {os.fspath(path)!r}: its path is not in UTF-8")
    return _load(absolute, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=32)
def _load(path: Path, mtime_ns: int, size: int) -> Model:
    """Check and describe one package; a changed file has another key."""
    package = _core.Package(os.fspath(path))
    try:
        description = json.loads(package.model_json)
    except ValueError:
        description = {}
    if not isinstance(description, dict):
        description = {}
    return Model(
        path=path,
        name=str(description.get("name", path.stem)),
        id=package.id,
        sha256=package.sha256,
        rate_points=package.rate_points,
        window=package.window,
        description=description,
    )


def _default() -> Model:
    for path in _packages():
        if path.stem == DEFAULT_MODEL:
            return load(path)
    models, problems = installed()
    if len(models) == 1 and not problems:
        return models[0]
    raise ModelError(
        f"the default model {DEFAULT_MODEL!r} is missing; {_listing(models, problems)}"
    )


def _listing(models: list[Model], problems: list[str]) -> str:
    names = ", ".join(f"{model.name} (id {model.id})" for model in models) or "none"
    damaged = "".join(f"; damaged: {problem}" for problem in problems)
    return f"installed: {names}{damaged}"


def _packages() -> Iterator[Path]:
    seen: set[Path] = set()
    for directory in directories():
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            if path.name not in {other.name for other in seen}:
                seen.add(path)
                yield path


def _installed_directories() -> list[Path]:
    spec = importlib.util.find_spec("dlf_pretrained")
    if spec is not None and spec.submodule_search_locations:
        return [Path(folder) for folder in spec.submodule_search_locations]
    # A source tree with in-place extension modules, used without being installed.
    in_tree = Path(__file__).resolve().parents[2] / "models" / "pretrained"
    return [in_tree] if in_tree.is_dir() else []
