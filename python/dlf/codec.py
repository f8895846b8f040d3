"""Encoding and decoding whole images: the Python face of the C++ codec.

Thread safety: a `Codec` may be used from many threads at once; results do not depend on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict, Unpack

from dlf import forks, models, native, options, torchscript
from dlf.errors import ModelError
from dlf.header import ChunkType, File, opened
from dlf.items import naming_item
from dlf.limits import Limits, check_limits
from dlf.options import Backend, Layers, Precision
from dlf.package_files import content
from dlf.types import Buffer, Progress, Refine, Samples, StrPath, Tobytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    from dlf.importance import Importance
    from dlf.picture import Picture

__all__ = ["Codec", "Decoding"]


class Decoding(TypedDict, total=False):
    """Options of `Codec.decode` and `Codec.decode_samples`."""

    layers: Layers
    allow_truncated: bool
    downscale: int
    noise: options.Noise
    region: options.Region | None
    limits: Limits | None


def _no_progress(done: int, total: int) -> None:
    """Do nothing; but coming back to Python between parts is what lets Ctrl-C in."""


class Codec:
    """Encodes and decodes many images; keeps the networks loaded between them.

    Args:
        model: name or path of the model package. Without it, encoding uses the default model and
            decoding whatever installed model a file asks for.
        device: "cpu", "cuda" or "cuda:N".
        threads: for the arithmetic; None is one for each CPU, or one in a worker process.
        precision: of the networks: "fp32", or "bf16" for bfloat16. That is faster where the
            hardware has it and slower elsewhere. Nearly all decoded samples differ by at most
            4/255. The symbols of a file do not depend on precision or device. Models of integer
            networks have "fp32" alone.
        limits: what one call may cost, unless the call names others.
        backend: what draws and analyses; symbols come from the integer machine in any case.
            "integer" is that machine, whose pixels are exact, and which needs no torch. "torch"
            runs the same networks with torch in float32: a sample may differ by 1/255. "auto" is
            "integer" where the model has integer networks and the device is "cpu", else "torch".

    Raises:
        ModelError: `model` is missing or altered.
        ValueError: a device that is not there, a precision, a backend or a number of threads that
            makes no sense. One that does not fit the model is refused when that is loaded.
    """

    def __init__(
        self,
        model: StrPath | None = None,
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
        exif: bytes | Tobytes | None = None,
        icc_profile: bytes | Tobytes | None = None,
        xmp: str | bytes | None = None,
        importance: Importance | None = None,
        reduce: bool = False,
        refine: Refine | None = None,
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> bytes:
        """Return `image` as the bytes of a .dlf file; see `dlf.encode`.

        `progress(done, total)` is called between parts, of which large images have many: tiles, or
        rows of latents. What it raises ends the call.
        """
        from dlf.importance import check_importance, mask_of
        from dlf.picture import prepare
        from dlf.reduction import at_the_largest_size

        quality = options.check_quality(quality)
        limits = self._allowed(limits)
        check_importance(importance)
        if refine is not None and not callable(refine):
            raise ValueError(f"refine must be a Refiner or another function, not {refine!r}")
        picture = prepare(image, exif=exif, icc_profile=icc_profile, xmp=xmp)
        limit = options.byte_limit(picture.width, picture.height, bpp, max_bytes)
        if reduce and limit is None:
            raise ValueError("reduce: say how small the file is to be, by bpp or max_bytes")
        mask = mask_of(importance, picture.width, picture.height)
        model = self.model
        native = self._native(model)

        code = native.encode if limit is None else native.encode_to_size
        target = options.rate_for_quality(quality, model.rate_points) if limit is None else limit

        def coded(picture: Picture) -> bytes:
            data = code(
                picture.pixels,
                target,
                orientation=picture.orientation,
                display_size=picture.display_size,
                color_space=picture.color_space,
                chunks=_chunks(picture),
                importance=mask,
                limits=limits,
                progress=progress,
            )
            return data if refine is None else refine(picture.pixels, data, limit or len(data))

        return at_the_largest_size(coded, picture) if reduce else coded(picture)

    def decode(
        self,
        data: Buffer | File,
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
        native, file, chosen = self._decoding(
            data,
            layers=layers,
            allow_truncated=allow_truncated,
            downscale=downscale,
            noise=noise,
            region=region,
            limits=limits,
        )
        return native.decode(file.core, **chosen, progress=progress)

    def decode_samples(
        self, data: Buffer | File, progress: Progress = _no_progress, **given: Unpack[Decoding]
    ) -> Samples:
        """Return the samples of a .dlf file without importing NumPy; otherwise as `decode`."""
        native, file, chosen = self._decoding(data, **given)
        return Samples(*native.decode_samples(file.core, **chosen, progress=progress))

    def _decoding(
        self, data: Buffer | File, **given: Unpack[Decoding]
    ) -> tuple[native.Codec, File, Decoding]:
        """Return who decodes, the file, and the options, checked and without defaults."""
        options.check_layers(given.get("layers", "all"))
        given["downscale"] = options.check_downscale(given.get("downscale", 1))
        options.check_noise(given.get("noise", "vivid"))
        region = given.get("region")
        if region is not None:
            given["region"] = options.check_region(region)
        given["limits"] = limits = self._allowed(given.get("limits"))
        file = opened(data)
        model = self._model_of(file, given.get("allow_truncated", False), limits)
        return self._native(model), file, given

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

        - On a GPU, images of one size, in whole windows, go through TorchScript networks together.
        - On a CPU, each thread works on one image, and the files are those of `encode`.
        - Integer networks take one image after another everywhere, and so do `bpp` and `max_bytes`.

        Options hold for each image. Metadata are what `encode` embeds without being asked. The
        memory used beside images and files is bounded.

        Raises:
            As `encode`; the message names the image by its index, from 0, and nothing is returned.
        """
        from dlf.importance import check_importance, mask_of
        from dlf.picture import prepare

        quality = options.check_quality(quality)
        limits = self._allowed(limits)
        check_importance(importance)
        images = list(images)
        if bpp is not None or max_bytes is not None:
            files = []
            for index, image in enumerate(images):
                with naming_item("picture", index, len(images)):
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
            with naming_item("picture", index, len(images)):
                picture = prepare(image)
                pictures.append(picture)
                masks.append(mask_of(importance, picture.width, picture.height))
        model = self.model
        return self._native(model).encode_batch(
            [picture.pixels for picture in pictures],
            options.rate_for_quality(quality, model.rate_points),
            orientations=[picture.orientation for picture in pictures],
            color_spaces=[picture.color_space for picture in pictures],
            chunks=[_chunks(picture) for picture in pictures],
            importance=masks,
            limits=limits,
            progress=progress,
        )

    def decode_batch(
        self,
        files: Iterable[Buffer | File],
        *,
        layers: Layers = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        noise: options.Noise = "vivid",
        limits: Limits | None = None,
        progress: Progress = _no_progress,
    ) -> list[npt.NDArray[np.uint8]]:
        """Return the pixels of several .dlf files of any sizes, in their order.

        On a GPU, files of one rate point and of one size, in whole windows, go through TorchScript
        networks together. On a CPU the pixels are those of `decode`.

        Raises:
            As `decode`; the message names the file by its index, from 0, and nothing is returned.
        """
        options.check_layers(layers)
        downscale = options.check_downscale(downscale)
        options.check_noise(noise)
        limits = self._allowed(limits)
        given = list(files)
        opened_files: list[File] = []
        needed: dict[str, models.Model] = {}
        for index, data in enumerate(given):
            with naming_item("file", index, len(given)):
                opened_files.append(opened(data))
                model = self._model_of(opened_files[-1], allow_truncated, limits)
                needed[model.sha256] = model
        if len(needed) == 1:
            return self._native(*needed.values()).decode_batch(
                [file.core for file in opened_files],
                layers=layers,
                allow_truncated=allow_truncated,
                downscale=downscale,
                noise=noise,
                limits=limits,
                progress=progress,
            )
        pixels = []
        for index, file in enumerate(opened_files):  # of several models: nothing to do together
            with naming_item("file", index, len(opened_files)):
                pixels.append(
                    self.decode(
                        file,
                        layers=layers,
                        allow_truncated=allow_truncated,
                        downscale=downscale,
                        noise=noise,
                        limits=limits,
                    )
                )
            progress(index + 1, len(opened_files))
        return pixels

    def _allowed(self, limits: Limits | None) -> Limits:
        return self._limits if limits is None else check_limits(limits)

    def _model_of(self, file: File, allow_truncated: bool, limits: Limits) -> models.Model:
        return models.find_for(
            file, only=self._only, allow_truncated=allow_truncated, limits=limits
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
                    package=content(model),
                )
                if loaded.sha256 != model.sha256:
                    path = os.fspath(model.path)
                    raise ModelError(f"{path!r} was replaced by another package")
                self._loaded[model.sha256] = loaded
            return loaded


def _chunks(picture: Picture) -> list[tuple[int, bytes]]:
    contents = {
        ChunkType.ICC: picture.icc_profile,
        ChunkType.EXIF: picture.exif,
        ChunkType.XMP: picture.xmp,
    }
    return [(int(kind), content) for kind, content in contents.items() if content is not None]
