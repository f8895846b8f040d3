"""How Pillow's images become .dlf files: all is checked and encoded before a byte is written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import IO, Any

from dlf import forks, options
from PIL import Image

from dlf_pillow import settings

__all__ = ["save", "save_frames", "save_handler"]

_TARGET_OPTIONS = ("quality", "bpp", "max_bytes")


def save(
    image: Image.Image,
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    **save_options: Any,
) -> None:
    """Save `image` as a .dlf file so that a failure leaves the file that was there before.

    `Image.save` opens, and so empties, an existing file before any plugin is asked. The options
    are the same.

    Raises:
        OSError, ValueError: as `Image.save`; nothing has been written then.
    """
    from dlf.files import write_atomically

    # Made absolute, because `-` is here the name of a file and not standard output.
    target = os.path.abspath(os.fsdecode(path))
    write_atomically(target, _encode(image, save_options))


def save_handler(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Save one image, as Pillow asks for it."""
    fp.write(_encode(image, image.encoderinfo))


def save_frames(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Save with `save_all=True`: one image only, because a .dlf file holds no more.

    Raises:
        ValueError: there are several images.
    """
    appended = image.encoderinfo.get("append_images") or ()
    if not isinstance(appended, Collection):
        raise ValueError(  # noqa: TRY004 - only ValueError leaves for a wrong option
            f"append_images must be a list of images, not {appended!r}"
        )
    frames = getattr(image, "n_frames", 1) + len(appended)
    if frames != 1:
        raise ValueError(f"a .dlf file holds one image, not {frames}")
    save_handler(image, fp, filename)


def _encode(image: Image.Image, given: Mapping[str, Any]) -> bytes:
    """Encode with the options that are ours; Pillow's contract is to ignore all others."""
    quality = options.target_quality(*(given.get(name) for name in _TARGET_OPTIONS))
    chosen = settings.checked(
        given.get("model"),
        given.get("device", "cpu"),
        given.get("threads"),
        limits=given.get("limits"),
    )
    try:
        with forks.undivided():
            from dlf.coding import shared_codec
    except ImportError as error:
        raise settings.incomplete(error) from error
    codec = shared_codec(chosen.model, chosen.device, chosen.threads)
    return codec.encode(
        image,
        quality,
        bpp=given.get("bpp"),
        max_bytes=given.get("max_bytes"),
        exif=given.get("exif"),
        icc_profile=given.get("icc_profile"),
        xmp=given.get("xmp"),
        importance=given.get("importance"),
        refine=given.get("refine"),
        limits=chosen.limits,
    )
