"""Finding model packages (.dlfm) by name, by path, or by the id that a .dlf file states.

Packages are looked for in the folders of `DLF_MODEL_PATH` (separated like `PATH`) and then among
the ones that are installed with DLF. A file never names a path: which package decodes it is decided
by the SHA-256 of the package's normative part alone, from which the id follows. A package holds
executable code, so only ones from a source that you trust belong in these folders.

Thread safety: all functions may be called from several threads.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from dlf import _core
from dlf.errors import DlfError, ModelError
from dlf.header import File
from dlf.limits import Limits, check_limits, check_size
from dlf.options import check_model
from dlf.package_files import Model, load
from dlf.types import StrPath

__all__ = [
    "DEFAULT_MODEL",
    "ENVIRONMENT_VARIABLE",
    "Model",
    "directories",
    "find",
    "find_for",
    "find_id",
    "installed",
    "load",
]

DEFAULT_MODEL = "dlf-s"
ENVIRONMENT_VARIABLE = "DLF_MODEL_PATH"
_SUFFIX = ".dlfm"


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
            problems.append(str(error))
            continue
        if all(model.id != other.id for other in found):
            found.append(model)
    return found, problems


def find(model: StrPath | None = None) -> Model:
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
    found = _by_file_name(wanted)
    if found is not None:
        return found
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


def find_for(
    file: File,
    *,
    only: Model | None = None,
    allow_truncated: bool = False,
    limits: Limits | None = None,
) -> Model:
    """Return the model that decodes a .dlf file, or `only` when it is that one.

    Raises:
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file as far
            as no model is needed; that comes before the model (core/BITSTREAM.md §4.4).
        ModelError: the model is not installed, or it is not `only`.
    """
    header = file.header
    model_id = header["model_id"]
    check_size(header["width"], header["height"], check_limits(limits))
    try:
        model = only or find_id(model_id)
        if model.id != model_id:
            raise ModelError(
                f"the file needs model id {model_id}; this codec holds {model.name} (id {model.id})"
            )
    except ModelError:
        _core.check_container(file.core, allow_truncated=allow_truncated, limits=limits)
        raise
    return model


def _by_file_name(stem: str) -> Model | None:
    """Return the first intact package of this name; a damaged one only when there is no other."""
    damage: ModelError | None = None
    for path in _packages():
        if path.stem != stem:
            continue
        try:
            return load(path)
        except ModelError as error:
            damage = damage or error
    if damage is not None:
        raise damage
    return None


def _default() -> Model:
    found = _by_file_name(DEFAULT_MODEL)
    if found is not None:
        return found
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
    """Yield the regular files that may be packages; pipes, devices and folders are passed over."""
    for directory in directories():
        for path in sorted(directory.glob(f"*{_SUFFIX}")):
            if path.is_file():
                yield path


def _installed_directories() -> list[Path]:
    spec = importlib.util.find_spec("dlf_pretrained")
    if spec is not None and spec.submodule_search_locations:
        return [Path(folder) for folder in spec.submodule_search_locations]
    # A source tree with in-place extension modules, used without being installed.
    in_tree = Path(__file__).resolve().parents[2] / "models" / "pretrained"
    return [in_tree] if in_tree.is_dir() else []
