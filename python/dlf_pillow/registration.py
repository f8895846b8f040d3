"""Making the plugin known to Pillow."""

from __future__ import annotations

import contextlib
import mimetypes
from typing import TYPE_CHECKING

from dlf import forks, options, signature, specification
from dlf.types import StrPath
from PIL import Image

from dlf_pillow import saving, settings
from dlf_pillow.decoder import DlfDecoder
from dlf_pillow.plugin import DlfImageFile

if TYPE_CHECKING:
    from dlf.limits import Limits

__all__ = ["register"]


def register(
    worker: object = None,
    /,
    *,
    model: StrPath | None = None,
    device: str = "cpu",
    threads: int | None = None,
    layers: options.Layers = "all",
    limits: Limits | None = None,
) -> None:
    """Make Pillow open and save .dlf files; the options are the defaults for decoding.

    May be called any number of times and from any thread; the last call's options count for images
    that are opened after it. See `DlfImageFile.decode_options`.

    Args:
        worker: ignored. The `worker_init_fn` of a DataLoader is given the worker's number.
        model, device, threads, layers, limits: as for `DlfImageFile.decode_options`. `Image.open`
            obeys the limits too; sizes are judged from the header. Encoding has its own
            (`limits=` of `Image.save`).

    Raises:
        ValueError: an option out of range.
    """
    chosen = settings.checked(model, device, threads, layers, limits)
    name = signature.FORMAT
    with contextlib.suppress(OSError):  # opening a file says so again, and other formats still work
        settings.header_module()  # now, so that it takes no time of the first Image.open
    with forks.undivided():
        settings.set_defaults(chosen)
        Image.register_open(name, DlfImageFile, _accept)
        Image.register_save(name, saving.save_handler)
        Image.register_save_all(name, saving.save_frames)
        Image.register_decoder("dlf", DlfDecoder)
        Image.register_extensions(name, [signature.EXTENSION])
        Image.register_mime(name, signature.MIME_TYPE)
        mimetypes.add_type(signature.MIME_TYPE, signature.EXTENSION)


def _accept(prefix: bytes) -> bool | str:
    """Say whether a file that begins so is ours; must never raise, or no format could be opened."""
    if not prefix.startswith(signature.SIGNATURE):
        return False
    flags = prefix[len(signature.SIGNATURE) : len(signature.SIGNATURE) + 1]
    version = flags[0] & specification.FLAG_VERSION_MASK if flags else specification.VERSION
    if version != specification.VERSION:
        return f"DLF bitstream version {version} is not supported by this version of dlf"
    return True
