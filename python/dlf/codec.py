"""Encoding and decoding whole images: the Python face of the C++ codec.

Thread safety: a `Codec` may be used from many threads at once; results do not depend on it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dlf import forks, metadata, models, native, options, torchscript
from dlf.errors import ModelError
from dlf.header import Buffer, ChunkType, as_bytes
from dlf.importance import Importance, check_importance, mask_of
from dlf.limits import Limits, check_limits
from dlf.members import naming
from dlf.options import Backend, Layers, Precision
from dlf.picture import Picture, prepare
from dlf.reduction import at_the_largest_size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Codec", "Progress", "decode", "encode", "shared_codec"]

Progress = Callable[[int, int], None]
"""Called between tiles with how many are done and how many there are."""


def _no_progress(done: int, total: int) -> None:
    """Do nothing; but coming back to Python between tiles is what lets Ctrl-C in."""


class Codec:
    """Encodes and decodes many images; keeps the networks loaded between them.

    Args:
        model: name or path of the model package. Without it, encoding uses the default model and
            decoding whatever installed model a file asks for.
        device: "cpu", "cuda" or "cuda:N".
        threads: for the arithmetic; None is every processor, or one in a worker process.
        precision: of the networks: "fp32", or "bf16" for bfloat16, which is faster where the hardware
            has it and slower elsewhere. What a file decodes to differs by 4/255 at most on nearly
            all samples; its symbols do not depend on precision or device. Models of integer networks
            have "fp32" alone.
        limits: what one call may cost, unless the call names others.
        backend: what draws and analyses; symbols come from the integer machine in any case.
            "integer" is that machine, whose pixels are exact, and which needs no torch. "torch" runs
            the same networks with torch in float32: a sample may differ by 1/255. "auto" is
            "integer" where the model has integer networks and the device is "cpu", else "torch".

    Raises:
        ModelError: `model` is missing or altered.
        ValueError: a device that is not there, a precision, a backend or a number of threads that
            makes no sense. One that does not fit the model is refused when that is loaded.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: Precision = "fp32",
        limits: Limits | None = None,
        backend: Backend = "auto",
    ) -> None:
        self._limits = check_limits(limits)
        self._backend = options.check_backend(backend)
        self._device = options.check_device(device)
        torchscript.check_device(self._device)
        self._precision = options.check_precision(precision)
        self._threads = options.check_threads(threads)
        self._only = None if model is None else models.find(model)
        self._lock = forks.Lock()
        self._process = os.getpid()
        self._loaded: dict[str, native.Codec] = {}

    @property
    def model(self) -> models.Model:
        """The model that encodes."""
        return self._only or models.find()

    def encode(
        self,
        image: Image.Image | npt.NDArray[np.uint8],
        quality: float = options.DEFAULT_QUALITY,
        *,
        bpp: float | None = None,
        max_bytes: int | None = None,
        exif: bytes | metadata.Exif | None = None,
        icc_profile: bytes | metadata.Exif | None = None,
        xmp: str | bytes | None = None,
        importance: Importance | None = None,
        reduce: bool = False,
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> bytes:
        """Return `image` as the bytes of a .dlf file; see `dlf.encode`.

        `progress(done, total)` is called between tiles, of which large images have many; what it
        raises ends the call.
        """
        quality = options.check_quality(quality)
        limits = self._allowed(limits)
        check_importance(importance)
        picture = prepare(image, exif=exif, icc_profile=icc_profile, xmp=xmp)
        limit = options.byte_limit(picture.width, picture.height, bpp, max_bytes)
        if reduce and limit is None:
            raise ValueError("reduce: say how small the file is to be, by bpp or max_bytes")
        mask = mask_of(importance, picture.width, picture.height)
        model = self.model
        native = self._native(model)
        if limit is None:
            return native.encode(
                picture.pixels,
                options.rate_for_quality(quality, model.rate_points),
                orientation=picture.orientation,
                colour=picture.color_space,
                chunks=_chunks(picture),
                importance=mask,
                limits=limits,
                progress=progress,
            )

        def to_size(picture: Picture) -> bytes:
            return native.encode_to_size(
                picture.pixels,
                limit,
                orientation=picture.orientation,
                colour=picture.color_space,
                chunks=_chunks(picture),
                importance=mask,
                limits=limits,
                progress=progress,
            )

        return at_the_largest_size(to_size, picture) if reduce else to_size(picture)

    def decode(
        self,
        data: Buffer,
        *,
        layers: Layers = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        noise: options.Noise = "vivid",
        region: options.Region | None = None,
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> npt.NDArray[np.uint8]:
        """Return the pixels of a .dlf file; see `dlf.decode`, and `encode` for `progress`."""
        options.check_layers(layers)
        downscale = options.check_downscale(downscale)
        options.check_noise(noise)
        if region is not None:
            region = options.check_region(region)
        limits = self._allowed(limits)
        data = as_bytes(data)
        return self._native(self._model_of(data, allow_truncated, limits)).decode(
            data,
            layers=layers,
            allow_truncated=allow_truncated,
            downscale=downscale,
            noise=noise,
            region=region,
            limits=limits,
            progress=progress,
        )

    def encode_batch(
        self,
        images: Iterable[Image.Image | npt.NDArray[np.uint8]],
        quality: float = options.DEFAULT_QUALITY,
        *,
        bpp: float | None = None,
        max_bytes: int | None = None,
        importance: Importance | None = None,
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> list[bytes]:
        """Return the .dlf files of several images of any sizes, in their order.

        On a GPU, images of the same size in whole windows go through TorchScript networks together. On a
        processor each goes alone and several at a time, as far as there are threads, and the files are
        those of `encode`. Integer networks take one image after another everywhere. Options hold for each image; metadata are as `encode` takes them by itself.
        With `bpp` or `max_bytes` images go one by one. The memory used beside images and files is
        bounded.

        Raises:
            As `encode`; the message names the image by its index, from 0, and nothing is returned.
        """
        quality = options.check_quality(quality)
        limits = self._allowed(limits)
        check_importance(importance)
        images = list(images)
        if bpp is not None or max_bytes is not None:
            files = []
            for index, image in enumerate(images):
                with naming("picture", index, len(images)):
                    files.append(
                        self.encode(
                            image,
                            bpp=bpp,
                            max_bytes=max_bytes,
                            importance=importance,
                            limits=limits,
                        )
                    )
                progress(index + 1, len(images))
            return files
        pictures, masks = [], []
        for index, image in enumerate(images):
            with naming("picture", index, len(images)):
                picture = prepare(image)
                pictures.append(picture)
                masks.append(mask_of(importance, picture.width, picture.height))
        model = self.model
        return self._native(model).encode_batch(
            [picture.pixels for picture in pictures],
            options.rate_for_quality(quality, model.rate_points),
            orientations=[picture.orientation for picture in pictures],
            colours=[picture.color_space for picture in pictures],
            chunks=[_chunks(picture) for picture in pictures],
            importance=masks,
            limits=limits,
            progress=progress,
        )

    def decode_batch(
        self,
        files: Iterable[Buffer],
        *,
        layers: Layers = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        noise: options.Noise = "vivid",
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> list[npt.NDArray[np.uint8]]:
        """Return the pixels of several .dlf files of any sizes, in their order.

        What `encode_batch` says holds here too: files of one size in whole windows and one rate point
        go through TorchScript networks together on a GPU, and on a processor the pixels are those of
        `decode`.

        Raises:
            As `decode`; the message names the file by its index, from 0, and nothing is returned.
        """
        options.check_layers(layers)
        downscale = options.check_downscale(downscale)
        options.check_noise(noise)
        limits = self._allowed(limits)
        contents = [as_bytes(data) for data in files]
        needed: dict[str, models.Model] = {}
        for index, data in enumerate(contents):
            with naming("file", index, len(contents)):
                model = self._model_of(data, allow_truncated, limits)
                needed[model.sha256] = model
        if len(needed) == 1:
            return self._native(*needed.values()).decode_batch(
                contents,
                layers=layers,
                allow_truncated=allow_truncated,
                downscale=downscale,
                noise=noise,
                limits=limits,
                progress=progress,
            )
        pixels = []
        for index, data in enumerate(contents):  # of several models: nothing to do together
            with naming("file", index, len(contents)):
                pixels.append(
                    self.decode(
                        data,
                        layers=layers,
                        allow_truncated=allow_truncated,
                        downscale=downscale,
                        noise=noise,
                        limits=limits,
                    )
                )
            progress(index + 1, len(contents))
        return pixels

    def _allowed(self, limits: Limits | None) -> Limits:
        return self._limits if limits is None else check_limits(limits)

    def _model_of(self, data: bytes, allow_truncated: bool, limits: Limits) -> models.Model:
        return models.find_for(
            data, only=self._only, allow_truncated=allow_truncated, limits=limits
        )

    def _native(self, model: models.Model) -> native.Codec:
        with self._lock:
            if self._process != os.getpid():
                # A worker process has another number of threads, and no device of its parent.
                self._threads = options.check_threads(self._threads)
                self._loaded = {}
                self._process = os.getpid()
            loaded = self._loaded.get(model.sha256)
            if loaded is None:
                loaded = native.Codec(
                    os.fsencode(model.path),
                    self._device,
                    self._threads,
                    self._precision,
                    backend=self._backend,
                )
                if loaded.sha256 != model.sha256:
                    path = os.fspath(model.path)
                    raise ModelError(f"{path!r} was replaced by another package")
                self._loaded[model.sha256] = loaded
            return loaded


def encode(
    image: Image.Image | npt.NDArray[np.uint8],
    quality: float = options.DEFAULT_QUALITY,
    *,
    bpp: float | None = None,
    max_bytes: int | None = None,
    model: str | os.PathLike[str] | None = None,
    exif: bytes | metadata.Exif | None = None,
    icc_profile: bytes | metadata.Exif | None = None,
    xmp: str | bytes | None = None,
    importance: Importance | None = None,
    reduce: bool = False,
    limits: Limits | None = None,
    backend: Backend = "auto",
) -> bytes:
    """Return `image` as the bytes of a .dlf file.

    Args:
        image: a Pillow image, or a uint8 array H x W (gray), H x W x 2 (gray and alpha), H x W x 3
            (sRGB) or H x W x 4 (sRGB and straight alpha).
        quality: 0 (smallest) to 100 (best); picks the nearest of the model's rate points.
        bpp: instead of quality: bits of the whole file per pixel, at most.
        max_bytes: instead of quality: bytes of the whole file, at most. Rate points are a few percent
            apart; the next one above the target loses symbols, those that cost most for what they
            give, until it fits.
        model: name or path of a model package; the default is the one shipped with DLF.
        exif, icc_profile, xmp: metadata to embed. By default EXIF and XMP are dropped but for the
            orientation, and pixels with a profile that is neither sRGB nor Display P3 are converted
            to sRGB. `b""` means none. A profile is embedded only when it is of the colour space of
            the pixels, and EXIF without tags that describe the file that it comes from.
        importance: where people look; see `dlf.importance`. A mask (array or Pillow image of any
            size), boxes `(x, y, width, height)` or `(x, y, width, height, gain)` in pixels as they
            are stored, or "auto". Quality is then that of what is neither more nor less important;
            `bpp` and `max_bytes` hold all the same. Only for models with importance maps.
        reduce: with `bpp` or `max_bytes`: where not even the smallest file of this picture fits, take
            the picture at 1/2, 1/4 or 1/8 of its size, the first of them that does. The file is that
            of the smaller picture; it does not record the size that there was.
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
        limits=limits,
    )


def decode(
    data: Buffer,
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
    model: str | os.PathLike[str] | None = None,
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


def _chunks(picture: Picture) -> list[tuple[int, bytes]]:
    contents = {
        ChunkType.ICC: picture.icc_profile,
        ChunkType.EXIF: picture.exif,
        ChunkType.XMP: picture.xmp,
    }
    return [(int(kind), content) for kind, content in contents.items() if content is not None]
