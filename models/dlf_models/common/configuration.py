"""YAML configurations: one file on top of another, and dataclasses made from them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml


def build(kind: type, values: dict[str, Any], where: str) -> Any:
    """Make a dataclass from a mapping; lists become tuples.

    Raises:
        ValueError: an unknown key, or text where a number goes; the message names the key.
    """
    known = {f.name for f in fields(kind)}
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    for key, value in values.items():
        if isinstance(value, str) and hints[key] in (int, float):
            raise ValueError(
                f"{where}: {key} is the text {value!r}, not a number (YAML wants 1.0e-3)"
            )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`: mappings merge key by key, everything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = merge(before, value) if both else value  # type: ignore[arg-type]
    return result


def read_yaml(path: str | Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a YAML mapping over the file that its key `base` names (relative to itself), if any.

    Raises:
        ValueError: the file is not a mapping, or its bases go round in a circle.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: not a mapping")  # noqa: TRY004 - of the file, not of an argument
    if "base" not in raw:
        return raw
    seen = (*seen, path.resolve())
    base = path.parent / raw.pop("base")
    if base.resolve() in seen:
        raise ValueError(f"{path}: its base {base.name} leads back to itself")
    return merge(read_yaml(base, seen), raw)
