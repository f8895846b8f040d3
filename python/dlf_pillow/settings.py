"""The options that saving and loading share, checked before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlf import forks, options
from dlf.types import StrPath

if TYPE_CHECKING:
    from dlf.limits import Limits

__all__ = [
    "DecodeSettings",
    "checked",
    "defaults",
    "header_module",
    "incomplete",
    "set_defaults",
]


@dataclass(frozen=True)
class DecodeSettings:
    """What `register` sets for all images and `DlfImageFile.decode_options` for one."""

    model: str | None = None
    device: str = "cpu"
    threads: int | None = None
    layers: options.Layers = "all"
    limits: Limits | None = None
    """None is the defaults: they stand in the compiled part, which may be missing."""


_defaults = DecodeSettings()


def defaults() -> DecodeSettings:
    """Return the settings of images that have none of their own."""
    return _defaults


def set_defaults(chosen: DecodeSettings) -> None:
    """Let these settings count for images that are opened from now on."""
    global _defaults
    _defaults = chosen


def checked(
    model: StrPath | None = None,
    device: object = "cpu",
    threads: int | None = None,
    layers: object = "all",
    limits: object = None,
) -> DecodeSettings:
    """Return the settings, whose values may be of any type.

    Raises:
        ValueError: the option that is out of range, and what it may be.
    """
    if threads is not None:
        options.check_threads(threads)
    return DecodeSettings(
        model=options.check_model(model),
        device=options.check_device(device),
        threads=threads,
        layers=options.check_layers(layers),
        limits=_checked_limits(limits),
    )


def _checked_limits(limits: object) -> Limits | None:
    if limits is None:
        return None
    from dlf.limits import check_limits

    return check_limits(limits)


def incomplete(error: ImportError) -> OSError:
    """Return what to raise if a compiled part of dlf is missing: Pillow's callers catch OSError."""
    return OSError(f"dlf is not completely installed: {error}")


def header_module() -> Any:
    """Return `dlf.header`, which needs the compiled part.

    Raises:
        OSError: that is missing.
    """
    try:
        with forks.undivided():
            from dlf import header, limits  # noqa: F401 - opening needs both
    except ImportError as error:
        raise incomplete(error) from error
    return header
