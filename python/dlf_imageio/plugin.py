"""How imageio reads and writes .dlf files (a `PluginV3`, which serves its v2 interface too)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from dlf import forks, options, signature
from dlf.errors import LimitExceeded
from dlf.header import Info, info
from dlf.importance import Importance
from dlf.limits import Limits, check_limits
from dlf.types import Refine, StrPath, Tobytes
from imageio.core.request import URI_BYTES, URI_FILENAME, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3

__all__ = ["DlfPlugin", "FrameIndexError"]

_READ_BLOCK = 1 << 20

Index = int | EllipsisType | None


class FrameIndexError(ValueError, IndexError):
    """The file has one image; imageio's documents ask for ValueError, its habits for IndexError."""


class DlfPlugin(PluginV3):
    """Reads and writes one .dlf file."""

    def __init__(self, request: Request) -> None:
        """Take the request if it is for us.

        Raises:
            InitializationError: it is not, and imageio asks the next plugin.
        """
        super().__init__(request)
        self._file: IO[bytes] | None = None
        self._data = b""
        self._written = False
        if request.mode.io_mode == IOMode.write:
            if request.extension not in (None, "", signature.EXTENSION):
                raise InitializationError(f"DLF does not write {request.extension} files")
            return
        file = request.get_file()
        file.seek(0)  # a buffer that was just written stands at its end
        start = file.read(len(signature.SIGNATURE))
        if start != signature.SIGNATURE:
            file.seek(0)
            raise InitializationError("the file is not a .dlf file")
        self._file, self._data = file, start

    def read(
        self,
        *,
        index: Index = None,
        model: StrPath | None = None,
        device: str = "cpu",
        threads: int | None = None,
        layers: options.Layers = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        limits: Limits | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Return the pixels: H x W, H x W x 2 (gray, alpha), H x W x 3 or H x W x 4, writable.

        Args:
            index: 0 or None for the image, `...` for a batch of one (a leading axis of length 1).
            model, device, threads: as for `dlf.Codec`.
            layers, allow_truncated, downscale, limits: as for `dlf.decode`.

        Raises:
            OSError: what is wrong with the file (a `dlf.DlfError`).
            FrameIndexError: an index that the file does not have.
        """
        with forks.undivided():
            from dlf.coding import shared_codec

        _check_index(index)
        codec = shared_codec(model, device, threads)
        pixels = codec.decode(
            self._content(limits),
            layers=layers,
            allow_truncated=allow_truncated,
            downscale=downscale,
            limits=limits,
        )
        return pixels[np.newaxis] if index is Ellipsis else pixels

    def write(
        self,
        ndimage: npt.ArrayLike | Sequence[npt.ArrayLike],
        *,
        is_batch: bool | None = None,
        quality: float | None = None,
        bpp: float | None = None,
        max_bytes: int | None = None,
        model: StrPath | None = None,
        device: str = "cpu",
        threads: int | None = None,
        exif: bytes | Tobytes | None = None,
        icc_profile: bytes | Tobytes | None = None,
        xmp: str | bytes | None = None,
        importance: Importance | None = None,
        refine: Refine | None = None,
        limits: Limits | None = None,
    ) -> bytes | None:
        """Encode one image; the target is written only after that has worked, whole or not at all.

        Args:
            ndimage: a uint8 array, or a batch of exactly one.
            is_batch: whether `ndimage` is a batch; None finds out (lists and 4 axes are batches).
            quality, bpp, max_bytes, exif, icc_profile, xmp, importance, refine, limits: as for
                `dlf.encode`.
            model, device, threads: as for `dlf.Codec`.

        Returns:
            The file's bytes when the target is `"<bytes>"`, else None.

        Raises:
            OSError: an array that .dlf cannot hold, a missing model, an unwritable target.
            ValueError: an option out of range, a batch of more than one, or a second image.
        """
        with forks.undivided():
            from dlf.coding import shared_codec
        from dlf.files import write_atomically

        if self._written:
            raise ValueError("a .dlf file holds one image, and this one has been written")
        image = _single(ndimage, is_batch)
        codec = shared_codec(model, device, threads)
        data = codec.encode(
            image,
            options.target_quality(quality, bpp, max_bytes),
            bpp=bpp,
            max_bytes=max_bytes,
            exif=exif,
            icc_profile=icc_profile,
            xmp=xmp,
            importance=importance,
            refine=refine,
            limits=limits,
        )
        if self.request._uri_type == URI_FILENAME:
            # Made absolute, because `-` is here the name of a file and not standard output.
            write_atomically(os.path.abspath(self.request.get_local_filename()), data)
        else:
            self.request.get_file().write(data)
        self._written = True
        return data if self.request._uri_type == URI_BYTES else None

    def iter(self, **options_of_read: Any) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield the one image; the options are those of `read`."""
        yield self.read(**options_of_read)

    def properties(self, index: Index = None, *, limits: Limits | None = None) -> ImageProperties:
        """Return shape and type from the header alone."""
        _check_index(index)
        header = self._header(limits)
        channels = len(header.mode)
        shape = (header.height, header.width) + ((channels,) if channels > 1 else ())
        is_batch = index is Ellipsis
        return ImageProperties(
            shape=(1, *shape) if is_batch else shape,
            dtype=np.dtype(np.uint8),
            n_images=1,
            is_batch=is_batch,
        )

    def metadata(
        self, index: Index = None, exclude_applied: bool = True, *, limits: Limits | None = None
    ) -> dict[str, Any]:
        """Return what the header says, and the embedded EXIF, ICC profile and XMP as bytes.

        Nothing is applied to the pixels, so `exclude_applied` changes nothing.
        """
        _check_index(index)
        header = self._header(limits)
        described = {
            "mode": header.mode,
            "shape": (header.height, header.width),
            "display_shape": header.display_size[::-1],
            "orientation": header.orientation,
            "color_space": header.color_space,
            "model_id": header.model_id,
            "rate": header.rate,
            "bpp": header.bpp,
        }
        embedded = {
            "exif": header.exif,
            "icc_profile": header.icc_profile,
            "xmp": header.xmp,
        }
        described.update({name: value for name, value in embedded.items() if value is not None})
        return described

    def close(self) -> None:
        """Release the request; may be called at any time and more than once."""
        if hasattr(self, "_request"):  # it is not when __init__ was called with unknown options
            super().close()

    def _content(self, limits: Limits | None) -> bytes:
        """Return the whole file, of which no more is read than `limits` allow."""
        if self._file is None:
            raise OSError("this file was opened for writing")
        most = check_limits(limits).max_file_bytes
        blocks = [self._data]
        missing = most + 1 - len(self._data)
        while missing > 0 and (block := self._file.read(min(missing, _READ_BLOCK))):
            blocks.append(block)
            missing -= len(block)
        self._data = b"".join(blocks)
        if len(self._data) > most:
            raise LimitExceeded(f"the file exceeds the limit of {most} bytes")
        return self._data

    def _header(self, limits: Limits | None) -> Info:
        return info(self._content(limits), limits=limits)


def _check_index(index: Index) -> None:
    if index is not None and index is not Ellipsis and index not in (0, -1):
        raise FrameIndexError(f"index {index} is out of range: a .dlf file holds one image")


def _single(ndimage: Any, is_batch: bool | None) -> npt.NDArray[Any]:
    """Return the one image of what imageio was given."""
    if is_batch is None:
        is_batch = isinstance(ndimage, list | tuple) or np.ndim(ndimage) == 4
    if not is_batch:
        return np.asarray(ndimage)
    if len(ndimage) != 1:
        raise ValueError(f"a .dlf file holds one image, not {len(ndimage)}")
    return np.asarray(ndimage[0])
