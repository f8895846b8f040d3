"""From what people have (Pillow images, NumPy arrays) to what the codec takes, and the modes.

| given                                   | stored and reopened as |
|-----------------------------------------|------------------------|
| `1`, `L`, `I;16...` (the upper 8 bits); array H x W | `L`        |
| `LA`, `La`, `L` or `I;16` with a transparent gray | `LA`         |
| `RGB`, `RGBX`, `CMYK`, `YCbCr`, `LAB`, `HSV`, `P` without transparency; array H x W x 3 | `RGB` |
| `RGBA`, `RGBa`, `PA`, `RGB` or `P` with transparency; array H x W x 4 | `RGBA`   |
| `I`, `F`; arrays of other types         | refused, with advice   |

Samples of `I;16` are the 16 bits of a PNG or TIFF file, so 65535 is white. What is white in `I`,
`F` and in arrays only the caller knows.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from dlf import icc, metadata
from dlf.errors import Unsupported
from dlf.types import Tobytes

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Picture", "prepare"]

_DEEP_ADVICE = (
    "scale it to 8 bits first, for example "
    "Image.fromarray((numpy.asarray(image) >> 8).astype('uint8')) for 16-bit samples"
)
_DEEP_GRAY_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
_GRAY_MODES = ("1", "L")
_GRAY_ALPHA_MODES = ("LA", "La")
_ALPHA_MODES = ("RGBA", "RGBa", "PA")
_COLOUR_MODES = ("RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P")


@dataclass(frozen=True)
class Picture:
    """An image and its description, ready to be coded.

    Attributes:
        pixels: uint8, height x width x channels with 1 (L), 2 (LA), 3 (RGB) or 4 (RGBA) channels.
        orientation: EXIF orientation 1..8; the pixels are not turned.
        display_size: width and height before it was reduced, None where it was not.
        color_space: the space of the pixels.
        icc_profile, exif, xmp: metadata to embed, None for none.
    """

    pixels: npt.NDArray[np.uint8]
    orientation: int = 1
    display_size: tuple[int, int] | None = None
    color_space: icc.ColorSpace = "srgb"
    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.pixels.shape[0])


def prepare(
    image: Image.Image | npt.NDArray[np.uint8],
    *,
    exif: bytes | Tobytes | None = None,
    icc_profile: bytes | Tobytes | None = None,
    xmp: str | bytes | None = None,
) -> Picture:
    """Return `image` as a `Picture`; nothing that is passed in is changed.

    Without `exif` the image's own EXIF is dropped but for its orientation; with it, the EXIF is
    embedded and its orientation is the only one that counts (`b""`: none). Without `icc_profile`
    the image's own profile is dropped when it is sRGB or Display P3, which the header says.
    Otherwise the pixels are converted to sRGB. With it, the profile is embedded and the pixels stay
    as they are (`b""`: take them for sRGB). A profile of another colour space than that of the
    stored pixels, such as CMYK, is never embedded: it does what the image's own would have done.
    `xmp` is embedded when it is given.

    Raises:
        Unsupported: a mode, a number type, a shape or an empty image that .dlf cannot hold.
        TypeError: `image` is not an image.
    """
    profile = None if icc_profile is None else metadata.profile_bytes(icc_profile)
    own_exif = None if exif is None else metadata.exif_bytes(exif)
    orientation = 1 if own_exif is None else metadata.exif_orientation(own_exif)
    color_space: icc.ColorSpace = "srgb"
    if isinstance(image, np.ndarray):
        pixels = _array_pixels(image)
    elif _is_pillow_image(image):
        if own_exif is None:
            orientation = metadata.image_orientation(image)
        normal = _normal_mode(image)
        found = image.info.get("icc_profile") if profile is None else profile
        embeds = profile is not None and icc.describes(profile, gray="RGB" not in normal.mode)
        if isinstance(found, bytes) and found and not embeds:
            normal, color_space = _known_space(normal, image, found)
        pixels = np.asarray(normal)
    else:
        kind = type(image).__name__
        raise TypeError(f"cannot encode {kind}: pass a Pillow image or a uint8 NumPy array")
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    if profile and not icc.describes(profile, gray=pixels.shape[2] in (1, 2)):
        profile = None
    return Picture(
        pixels=np.ascontiguousarray(pixels),
        orientation=orientation,
        color_space=color_space,
        icc_profile=profile or None,
        exif=own_exif or None,
        xmp=None if xmp is None else metadata.xmp_bytes(xmp) or None,
    )


def _is_pillow_image(image: object) -> bool:
    # Whoever has a Pillow image has imported Pillow; nobody else needs to.
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def _array_pixels(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.dtype != np.uint8:
        advice = "scale it to 0..255 and convert it with .astype('uint8')"
        raise Unsupported(f"an array of {array.dtype} cannot be encoded: {advice}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise Unsupported(
            f"an array of shape {array.shape} cannot be encoded: "
            "it must be H x W, or H x W x C with 1 (L), 2 (LA), 3 (RGB) or 4 (RGBA) channels"
        )
    _check_not_empty(array.shape[1], array.shape[0])
    return cast("npt.NDArray[np.uint8]", array)


def _normal_mode(image: Image.Image) -> Image.Image:
    """Convert `image` to the mode L, LA, RGB or RGBA that shows the same picture."""
    _check_not_empty(*image.size)
    mode = image.mode
    if mode == "La":
        return image.convert("LA")  # Pillow has no other way out of premultiplied gray
    if mode in _GRAY_MODES or mode == "LA":
        gray = image if mode == "LA" else image.convert("L")
        return gray.convert("LA") if gray.has_transparency_data else gray
    if mode in _DEEP_GRAY_MODES:
        return _upper_bits(image)
    if mode in _ALPHA_MODES:
        return image.convert("RGBA")
    if mode in _COLOUR_MODES:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    raise Unsupported(f"images of mode {mode} cannot be encoded: {_DEEP_ADVICE}")


def _upper_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit gray as L, or as LA where one of its grays is transparent.

    Pillow's own conversion clips: everything above 255 would be white.
    """
    from PIL import Image

    samples = np.asarray(image)
    gray = Image.fromarray((samples >> 8).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        gray.putalpha(Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8)))
    return gray


def _check_not_empty(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise Unsupported(f"an image of {width}x{height} pixels cannot be encoded")


def _known_space(
    normal: Image.Image, original: Image.Image, profile: bytes
) -> tuple[Image.Image, icc.ColorSpace]:
    """Return the picture in a colour space that the header can name, and that space."""
    space = icc.classify(profile)
    if space == "srgb" or (space is not None and "RGB" in normal.mode):
        return normal, space
    return _to_srgb(normal, original, profile), "srgb"


def _to_srgb(normal: Image.Image, original: Image.Image, profile: bytes) -> Image.Image:
    """Convert from `profile` to sRGB; a profile that does not work is taken for sRGB."""
    try:
        from PIL import ImageCms
    except ImportError:  # a Pillow built without LittleCMS
        return normal
    # A CMYK profile speaks about the four inks and not about Pillow's naive RGB of them.
    source = original if original.mode in ("CMYK", "LAB") else normal
    gray = source.mode in ("L", "LA")
    alpha = source.getchannel("A") if source.mode in ("LA", "RGBA") else None
    if gray:
        source = source.getchannel("L")
    elif source.mode == "RGBA":
        source = source.convert("RGB")
    try:
        converted = ImageCms.profileToProfile(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return normal
    if converted is None:
        return normal
    if gray:
        converted = converted.convert("L")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted
