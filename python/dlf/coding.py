"""`dlf.encode` and `dlf.decode`, and the codecs that this process shares between calls."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from dlf import models, options
from dlf.codec import Codec
from dlf.header import File
from dlf.limits import Limits
from dlf.options import Backend, Layers, Precision
from dlf.types import Buffer, Refine, StrPath, Tobytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from dlf.importance import Importance

__all__ = ["decode", "encode", "shared_codec"]


def encode(
    image: Image.Image | npt.NDArray[np.uint8],
    quality: float = options.DEFAULT_QUALITY,
    *,
    bpp: float | None = None,
    max_bytes: int | None = None,
    model: StrPath | None = None,
    exif: bytes | Tobytes | None = None,
    icc_profile: bytes | Tobytes | None = None,
    xmp: str | bytes | None = None,
    importance: Importance | None = None,
    reduce: bool = False,
    refine: Refine | None = None,
    limits: Limits | None = None,
    backend: Backend = "auto",
) -> bytes:
    """Return `image` as the bytes of a .dlf file.

    Args:
        image: a Pillow image, or a uint8 array: H x W for gray, H x W x 3 for sRGB. With straight
            alpha it is H x W x 2 or H x W x 4.
        quality: 0 (smallest) to 100 (best); picks the nearest of the model's rate points.
        bpp: instead of quality: bits of the whole file per pixel, at most.
        max_bytes: instead of quality: bytes of the whole file, at most. Where the largest rate
            point that fits leaves room, the next one is taken, and its symbols are chosen by
            rate-distortion optimised quantisation until it fits.
        model: name or path of a model package; the default is the one shipped with DLF.
        exif, icc_profile, xmp: metadata to embed. By default EXIF and XMP are dropped but for the
            orientation, and pixels with a profile that is neither sRGB nor Display P3 are converted
            to sRGB. `b""` means none. A profile is embedded only when it is of the colour space of
            the pixels, and EXIF without tags that describe the file that it comes from.
        importance: where people look; see `dlf.importance`. A mask (array or Pillow image of any
            size), boxes `(x, y, width, height)` or `(x, y, width, height, gain)` in pixels as they
            are stored, or "auto". Quality is then that of what is neither more nor less important;
            `bpp` and `max_bytes` hold all the same. Only for models with importance maps.
        reduce: with `bpp` or `max_bytes`. Where not even the smallest file of this picture fits,
            the picture is taken at 1/2, 1/4 or 1/8 of its size, the first of them that does. The
            file is that of the smaller picture, and has one byte more: `Info.display_size` is the
            size that there was.
        refine: what makes the finished file better in as many bytes, or in as many as `bpp` and
            `max_bytes` allow: a `dlf_models.small.refinement.Refiner`. It takes torch, and a
            second or two of a CPU for each of its steps and 0.4 megapixels, which `limits` do not
            bound.
        limits: what the call may cost; None is the defaults of `dlf.Limits`.
        backend: what runs the networks, as for `dlf.Codec`.

    Raises:
        TooFewBytes: a target that is below the smallest possible file; it is a ValueError.
        ValueError: an option out of range.
        Unsupported: a mode, number type or shape that .dlf cannot hold.
        LimitExceeded: the picture, its metadata or the work exceeds `limits`.
        ModelError: the model is missing or altered.
    """
    return shared_codec(model, backend=backend).encode(
        image,
        quality,
        bpp=bpp,
        max_bytes=max_bytes,
        exif=exif,
        icc_profile=icc_profile,
        xmp=xmp,
        importance=importance,
        reduce=reduce,
        refine=refine,
        limits=limits,
    )


def decode(
    data: Buffer | File,
    *,
    layers: Layers = "all",
    allow_truncated: bool = False,
    downscale: int = 1,
    noise: options.Noise = "vivid",
    region: options.Region | None = None,
    limits: Limits | None = None,
    backend: Backend = "auto",
) -> npt.NDArray[np.uint8]:
    """Return the pixels of a .dlf file as a writable uint8 array.

    Its shape is H x W, H x W x 2, H x W x 3 or H x W x 4, as in `encode`. The pixels are not
    turned by the orientation that the header states.

    Args:
        data: the content of the file.
        layers: "semantic" leaves the detail layer out.
        allow_truncated: return the best picture so far of a file that ends too early.
        downscale: 2, 4 or 8: return the picture with sides of ceil(side / downscale) pixels. Takes
            a part of the time; the result is near the box average of the whole picture, not equal.
        noise: "faithful" draws no texture that the file does not describe. Without effect on
            models of TorchScript networks.
        region: x, y, width and height of the part to return, in pixels of the full size. Only the
            tiles that it touches are computed; the pixels are those of the whole picture.
        limits: what the call may cost; None is the defaults of `dlf.Limits`.
        backend: what runs the networks, as for `dlf.Codec`.

    Raises:
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
        ModelError: the model that the file asks for is not installed.
        ValueError: an option out of range.
    """
    return shared_codec(backend=backend).decode(
        data,
        layers=layers,
        allow_truncated=allow_truncated,
        downscale=downscale,
        noise=noise,
        region=region,
        limits=limits,
    )


def shared_codec(
    model: StrPath | None = None,
    device: str = "cpu",
    threads: int | None = None,
    precision: Precision = "fp32",
    backend: Backend = "auto",
) -> Codec:
    """Return the process's codec for these options, made at the first call."""
    path = None if model is None else os.fspath(models.find(model).path)
    return _shared_codec(
        path,
        options.check_device(device),
        options.check_threads(threads),
        options.check_precision(precision),
        options.check_backend(backend),
    )


@functools.lru_cache(maxsize=8)
def _shared_codec(
    model: str | None, device: str, threads: int, precision: Precision, backend: Backend
) -> Codec:
    return Codec(model, device, threads, precision, backend=backend)
