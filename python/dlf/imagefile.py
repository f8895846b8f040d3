"""Images in the formats that Pillow knows: from bytes to an image, and from pixels to bytes.

What the command line calls an error of the file is a `DlfError` here, whatever Pillow raises.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from dlf.errors import DlfError, InvalidFile, LimitExceeded, Unsupported
from dlf.provenance import with_source_type

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from dlf.header import Info

__all__ = [
    "METADATA_KINDS",
    "check_form",
    "check_mark",
    "choose_frame",
    "format_for",
    "image_bytes",
    "kept_metadata",
    "read_image",
]

METADATA_KINDS = {"exif": "exif", "icc": "icc_profile", "xmp": "xmp"}
"""What may be kept of an image's metadata, and the argument of `dlf.encode` that embeds it."""


# What these hold beside the picture are other renderings of it: previews, gain maps, layers.
_ONE_PICTURE = frozenset({"MPO", "PSD"})


# These hold XMP, and Pillow writes it.
_WITH_XMP = frozenset({"PNG", "JPEG", "WEBP", "AVIF"})


def _size_does_not_matter(width: int, height: int) -> None:
    """Let every image be loaded."""


def read_image(
    content: bytes,
    name: str,
    before_load: Callable[[int, int], None] = _size_does_not_matter,
    frame: int | None = None,
) -> Image.Image:
    """Return the image that `content` holds, loaded.

    Args:
        content: a whole file in any format that Pillow reads, .dlf too.
        name: of the file, for messages.
        before_load: called with width and height once they are known and before any pixel is
            decoded; what it raises ends the call.
        frame: which picture of an animation or of several pages, from 0.

    Raises:
        InvalidFile: not an image, or a damaged one.
        Unsupported: several pictures, and no `frame` is given.
        ValueError: there is no such frame.
        LimitExceeded: more pixels than Pillow takes for an honest image.
    """
    import dlf_pillow
    from PIL import Image

    dlf_pillow.register()
    with _pillow_errors(name):
        image = Image.open(io.BytesIO(content))
    choose_frame(image, name, frame)
    before_load(*image.size)
    with _pillow_errors(name):
        image.load()
    return image


def choose_frame(image: Image.Image, name: str, frame: int | None) -> None:
    """Let `image` show the one picture that it holds, or its picture `frame`, from 0.

    Raises:
        InvalidFile: damaged before that picture.
        Unsupported: several pictures, and no `frame` is given.
        ValueError: there is no such frame.
    """
    with _pillow_errors(name):
        frames = 1 if image.format in _ONE_PICTURE else getattr(image, "n_frames", 1)
        followed = image.format == "PPM" and _is_followed(image)
    if frame is None and (frames > 1 or followed):
        held = f"{frames} pictures" if frames > 1 else "several pictures"
        picks = (
            f"--frame 0 to --frame {frames - 1} picks one"
            if frames > 1
            else "--frame 0 takes the first"
        )
        raise Unsupported(f"{name}: holds {held}, and a .dlf file holds one; {picks}")
    if frame is not None and frame >= frames:
        held = "frame 0 only" if frames == 1 else f"frames 0 to {frames - 1}"
        raise ValueError(f"{name}: there is no frame {frame}; the file has {held}")
    if frame:
        with _pillow_errors(name):
            image.seek(frame)


def _is_followed(image: Image.Image) -> bool:
    """Whether another Netpbm picture follows the first, as in streams; Pillow reads one only."""
    codec, _, offset, arguments = image.tile[0]  # type: ignore[attr-defined]
    file = image.fp  # type: ignore[attr-defined]
    samples = image.width * image.height * len(image.getbands())
    if codec == "raw":
        deep = (arguments if isinstance(arguments, str) else arguments[0]).startswith("I;16")
        size = -(-image.width // 8) * image.height if image.mode == "1" else samples * (1 + deep)
    elif codec == "ppm":
        size = samples * (1 if arguments[1] < 256 else 2)
    else:  # in digits, or floats
        return False
    start = file.tell()
    file.seek(offset + size)
    following = file.read(1)
    file.seek(start)
    return bool(following == b"P")


@contextlib.contextmanager
def _pillow_errors(name: str) -> Iterator[None]:
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except UnidentifiedImageError:
        raise InvalidFile(f"{name}: not an image in a format that Pillow can read") from None
    except Image.DecompressionBombError as error:
        raise LimitExceeded(f"{name}: {error}") from None
    except DlfError:
        raise
    except (OSError, SyntaxError, EOFError, ValueError) as error:  # Pillow raises all of these
        raise InvalidFile(f"{name}: damaged image: {error}") from error


def kept_metadata(image: Image.Image, kinds: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of `dlf.encode` that embed the image's own metadata of these kinds."""
    found: dict[str, Any] = {
        METADATA_KINDS[kind]: image.info.get(METADATA_KINDS[kind]) for kind in kinds
    }
    if "exif" in kinds and not found["exif"]:
        found["exif"] = image.getexif().tobytes() if image.getexif() else None
    return found


def format_for(name: str) -> str:
    """Return Pillow's name of the format that the extension of `name` stands for.

    Raises:
        ValueError: Pillow writes no such format.
    """
    from PIL import Image

    extension = PurePath(name).suffix.lower()
    form = Image.registered_extensions().get(extension)
    if form is None or form not in Image.SAVE or form == "DLF":
        raise ValueError(f"{name}: Pillow writes no format with the extension {extension!r}")
    return form


def check_form(mode: str, form: str) -> None:
    """Raise `ValueError` when the format `form` is known to hold no image of this mode."""
    if form == "JPEG" and mode in ("LA", "RGBA"):
        raise ValueError("JPEG has no alpha channel; decode to PNG or WebP instead")


def check_mark(form: str) -> None:
    """Raise `ValueError` when a file of the format `form` cannot say that a model has drawn it."""
    if form not in _WITH_XMP:
        raise ValueError(f"{form} holds no XMP to mark it with; decode to PNG or JPEG instead")


def image_bytes(
    pixels: npt.NDArray[np.uint8], form: str, header: Info, *, marked: bool = False
) -> bytes:
    """Return decoded pixels as a file of the format `form`, with the metadata of `header`.

    With `marked` its XMP says that a model has drawn it (`dlf.provenance`).

    Raises:
        ValueError: the format cannot hold this image, or not the mark.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    check_form(image.mode, form)
    found = {"exif": header.exif, "icc_profile": header.icc_profile, "xmp": header.xmp}
    if marked:
        check_mark(form)
        found["xmp"] = with_source_type(found["xmp"])
    metadata: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    if form == "PNG" and "xmp" in metadata:  # Pillow has no argument for it there
        metadata["pnginfo"] = _png_texts(metadata.pop("xmp"))
    buffer = io.BytesIO()
    try:
        image.save(buffer, form, **metadata)
    except (OSError, KeyError) as error:
        raise ValueError(f"cannot write this image as {form}: {error}") from error
    return buffer.getvalue()


def _png_texts(xmp: bytes) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", xmp.decode(errors="replace"))
    return texts
