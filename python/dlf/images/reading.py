"""Reading image files in the formats that Pillow knows.

What the command line calls an error of the file is a `DlfError` here, whatever Pillow raises.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dlf.errors import DlfError, InvalidFile, LimitExceeded, Unsupported

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["METADATA_KINDS", "choose_frame", "kept_metadata", "read_image"]

METADATA_KINDS = {"exif": "exif", "icc": "icc_profile", "xmp": "xmp"}
"""What may be kept of an image's metadata, and the argument of `dlf.encode` that embeds it."""


# What these hold beside the picture are other renderings of it: previews, gain maps, layers.
_ONE_PICTURE = frozenset({"MPO", "PSD"})


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
