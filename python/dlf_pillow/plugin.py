"""How Pillow opens, loads and saves .dlf files."""

from __future__ import annotations

import contextlib
import io
from typing import IO, TYPE_CHECKING, Any

from dlf import forks, options, signature
from dlf.errors import DlfError
from dlf.types import StrPath
from PIL import Image, ImageFile

from dlf_pillow import settings
from dlf_pillow.decoder import DRAFT_MODES

if TYPE_CHECKING:
    from dlf.header import Info
    from dlf.limits import Limits
    from PIL._imaging import PixelAccess

__all__ = ["DlfImageFile"]

_READ_BLOCK = 1 << 20

_DRAFT_SCALES = (8, 4, 2)


class DlfImageFile(ImageFile.ImageFile):
    """A .dlf file: its header is read at once, its pixels when they are first wanted.

    The whole file, a few kilobytes, is kept in memory; no file stays open. Images may be loaded
    from several threads, pickled and copied. Pixels are never turned: the orientation is in the
    EXIF, and `ImageOps.exif_transpose` applies it. EXIF, ICC profile and XMP are inflated when
    `info` is first asked for, and no EXIF is parsed before `getexif()`.
    """

    format = signature.FORMAT
    format_description = "DLF learned image"
    custom_mimetype: str | None = None  # read by get_format_mimetype() after unpickling
    n_frames = 1
    is_animated = False
    _described: Info | None = None  # what `info` has still to tell

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._load_lock = forks.Lock()
        super().__init__(*args, **kwargs)

    def __setstate__(self, state: list[Any]) -> None:
        self._load_lock = forks.Lock()
        super().__setstate__(state)

    def _open(self) -> None:
        header_module = settings.header_module()
        from dlf.errors import LimitExceeded
        from dlf.limits import check_limits, check_size

        assert self.fp is not None
        limits = check_limits(settings.defaults().limits)
        start = self.fp.read(header_module.MAX_HEADER_BYTES)
        try:
            header = header_module.probe(start)
        except DlfError as error:
            raise SyntaxError(str(error)) from error  # Pillow's word for "not mine"
        _check_bomb(header.size)
        check_size(header.width, header.height, limits)
        # One byte more than there should be, so that load() sees what does not belong there.
        wanted = 1 + (
            limits.max_file_bytes
            if header.has_chunks or header.has_trailer
            else header.header_bytes + header.payload_bytes
        )
        data = start + _read_up_to(self.fp, min(wanted, limits.max_file_bytes + 1) - len(start))
        if len(data) > limits.max_file_bytes:
            raise LimitExceeded(f"the file exceeds the limit of {limits.max_file_bytes} bytes")
        try:
            header = header_module.info(data, limits=limits)
        except LimitExceeded:
            raise
        except DlfError:
            pass  # after the header something is wrong: load() and verify() say what
        self._size = header.size
        self._mode = header.mode
        self._described = header
        self.tile = [ImageFile._Tile("dlf", (0, 0, *header.size), 0, (settings.defaults(),))]
        file, self.fp = self.fp, io.BytesIO(data)
        if self.filename and isinstance(file, io.BufferedReader):
            file.close()  # opened by Pillow for us; the caller's own files stay open

    @property
    def info(self) -> dict[str | tuple[int, int], Any]:
        """What is known besides pixels: `exif`, `icc_profile`, `xmp`, as other formats have them.

        A picture that was reduced before it was encoded has `display_size`, the width and height
        that it is to be shown at. A content that is damaged is left out; `load()` says what is
        wrong.
        """
        with self._load_lock:
            described, self._described = self._described, None
            if described is not None and described.display_size != described.size:
                self._info["display_size"] = described.display_size
            for name in ("exif", "icc_profile", "xmp") if described is not None else ():
                with contextlib.suppress(DlfError):
                    value = getattr(described, name)
                    if value is not None:
                        self._info[name] = value
            return self._info

    @info.setter
    def info(self, value: dict[str | tuple[int, int], Any]) -> None:
        with self._load_lock:
            self._described = None
            self._info = value

    def decode_options(
        self,
        *,
        model: StrPath | None = None,
        device: str = "cpu",
        threads: int | None = None,
        layers: options.Layers = "all",
        limits: Limits | None = None,
    ) -> None:
        """Choose how this image is decoded; to be called before its pixels are first used.

        Args:
            model: name or path of a model package, instead of the installed one that fits.
            device: "cpu", "cuda" or "cuda:N".
            threads: how many; None is all, or one in a worker process.
            layers: "all", or "semantic" to leave the detail layer out.
            limits: what loading may cost; None is the defaults of `dlf.Limits`.

        Raises:
            ValueError: an option out of range.
            RuntimeError: the image has been loaded already.
        """
        chosen = settings.checked(model, device, threads, layers, limits)
        with self._load_lock, forks.undivided():
            if not self.tile:
                raise RuntimeError("decode_options must be called before the image is loaded")
            self.tile = [tile._replace(args=(chosen,)) for tile in self.tile]

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Have a smaller or simpler picture decoded, at less cost, as Pillow's JPEG files do.

        Args:
            mode: "L" or "YCbCr" to get it of an RGB picture; anything else changes nothing.
            size: width and height in pixels. The picture is decoded at 1, 1/2, 1/4 or 1/8 of its
                size: the smallest that is not below `size` on either side.

        Returns:
            The mode, and the box of the original picture in pixels of the smaller one, which does
            not always end at a whole pixel. None when the image has been loaded or drafted already.
        """
        with self._load_lock, forks.undivided():
            if len(self.tile) != 1 or self.decoderconfig:
                return None
            if self.mode == "RGB" and mode in DRAFT_MODES:
                self._mode = mode
            width, height = self.size
            scale = 1
            if size:
                ratio = min(width // max(1, size[0]), height // max(1, size[1]))
                scale = next((scale for scale in _DRAFT_SCALES if ratio >= scale), 1)
            self._size = (-(-width // scale), -(-height // scale))
            self.tile = [tile._replace(extents=(0, 0, *self._size)) for tile in self.tile]
            self.decoderconfig = (scale,)
            return self.mode, (0, 0, width / scale, height / scale)

    def load_seek(self, pos: int) -> None:
        """Seek in the file; having this method makes ImageFile.Parser wait for all of it."""
        assert self.fp is not None
        self.fp.seek(pos)

    def load(self) -> PixelAccess | None:
        """Decode the pixels, once, whichever thread comes first.

        Raises:
            ValueError: the image is closed.
            OSError: what is wrong with the file.
        """
        with self._load_lock:
            if self.tile and self.fp is None:
                raise ValueError("Operation on closed image")  # Pillow's words; here it asserts
            return super().load()

    def getexif(self) -> Image.Exif:
        """Return the EXIF, as for other formats; one that cannot be read is empty."""
        try:
            return super().getexif()
        except Exception:  # noqa: BLE001 - whatever Pillow's TIFF reader raises on damaged EXIF
            return super().getexif()  # what it has read before it failed

    def getxmp(self, **kwargs: bool) -> dict[str, Any]:
        """Return the XMP as a dictionary, as for other formats; one that is no XML is empty."""
        try:
            return super().getxmp(**kwargs)
        except (SyntaxError, ValueError):  # no XML; XML that defusedxml refuses
            return {}

    def verify(self) -> None:
        """Check the file completely: lengths, checksums, every symbol and the coder's final state.

        Where the model is not installed, symbols are not checked.

        Raises:
            OSError: what is wrong with the file.
            RuntimeError: the image has been loaded already.
        """
        if self.fp is None or not self.tile:
            raise RuntimeError("verify must be called directly after open")
        from dlf.errors import ModelError

        with forks.undivided():
            from dlf.symbols import verify

        self.fp.seek(0)
        data = self.fp.read()
        arguments = self.tile[0].args
        assert isinstance(arguments, tuple)
        limits = arguments[0].limits
        try:
            verify(data, limits=limits)
        except ModelError:
            header = settings.header_module().info(data, limits=limits)
            if header.missing_bytes:
                raise _truncated(header.missing_bytes) from None
        super().verify()


def _check_bomb(size: tuple[int, int]) -> None:
    """Refuse what Pillow refuses, before anything is read; Image.open warns of half as much.

    Raises:
        DecompressionBombError: more than twice `Image.MAX_IMAGE_PIXELS`.
    """
    limit, pixels = Image.MAX_IMAGE_PIXELS, size[0] * size[1]
    if limit is not None and pixels > 2 * limit:
        raise Image.DecompressionBombError(
            f"Image size ({pixels} pixels) exceeds limit of {2 * limit} pixels, "
            "could be decompression bomb DOS attack."
        )


def _read_up_to(file: IO[bytes], size: int) -> bytes:
    """Read at most `size` bytes, in blocks: a header's wrong promise must not allocate memory."""
    blocks = []
    while size > 0 and (block := file.read(min(size, _READ_BLOCK))):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def _truncated(missing: int) -> OSError:
    from dlf.errors import TruncatedFile

    return TruncatedFile(f"image file is truncated ({missing} bytes missing)")
