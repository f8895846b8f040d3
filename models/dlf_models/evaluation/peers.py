"""The classical codecs: JPEG, WebP, AVIF through Pillow, JPEG XL through pillow-jxl-plugin.

Each also at half and quarter size, enlarged again on decoding: that is what people do at rates
where full size falls apart. Pictures are made smaller by Pillow's Lanczos filter and larger by its
bicubic one; files are counted whole.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from .codecs import CodecUnavailable, Setting
from .pictures import Picture


@dataclass(frozen=True)
class PeerInfo:
    """A classical codec as Pillow has it.

    Attributes:
        format: Pillow's name.
        options: the effort at which the codec is at its best in reasonable time.
        grid: qualities measured by default at each scale.
    """

    label: str
    format: str
    options: Mapping[str, int | bool]
    grid: Mapping[int, tuple[int, ...]]


PEERS: dict[str, PeerInfo] = {
    "jpeg": PeerInfo(
        "JPEG",
        "JPEG",
        {"optimize": True},
        {1: (10, 20), 2: (20,), 4: (10, 40)},
    ),
    "webp": PeerInfo(
        "WebP",
        "WEBP",
        {"method": 6},
        {1: (0, 15, 40, 75), 2: (0, 20, 60), 4: (0, 30)},
    ),
    "avif": PeerInfo(
        "AVIF",
        "AVIF",
        # libavif's files differ between one thread and more; from two on they are all the same.
        {"speed": 4, "max_threads": 2},
        {1: (0, 10, 20, 35, 50), 2: (0, 10, 25), 4: (0, 20, 50)},
    ),
    "jxl": PeerInfo(
        "JPEG XL",
        "JXL",
        {"effort": 7, "num_threads": 1},
        {1: (1, 10, 25), 2: (1, 15), 4: (1,)},
    ),
}


def default_settings(name: str) -> list[Setting]:
    """Every setting of a peer's grid."""
    grid = PEERS[name].grid
    return [Setting(name, scale, quality) for scale in grid for quality in grid[scale]]


def parse_against(item: str) -> list[Setting]:
    """`avif` = its grid; `avif:0,10` = these qualities; `avif:10/2` = coded at half size.

    Raises ValueError with what is wrong.
    """
    name, _, rest = item.partition(":")
    if name not in PEERS:
        raise ValueError(f"no codec {name!r} to compare with; there are {', '.join(PEERS)}")
    if not rest:
        return default_settings(name)
    settings = []
    for part in rest.split(","):
        quality, _, scale = part.partition("/")
        try:
            setting = Setting(name, int(scale or 1), int(quality))
        except ValueError:
            raise ValueError(f"{item!r}: {part!r} is not QUALITY or QUALITY/SCALE") from None
        if not 0 <= setting.quality <= 100 or setting.scale not in (1, 2, 4):
            raise ValueError(f"{item!r}: quality is 0 to 100, scale is 1, 2 or 4")
        settings.append(setting)
    return settings


class Peer:
    """One classical codec.

    Raises:
        CodecUnavailable: this installation lacks it.
    """

    def __init__(self, name: str) -> None:
        self._info = PEERS[name]
        self._version = _version(name)

    @property
    def identity(self) -> str:
        """What results depend on besides the picture: codec, version and options."""
        options = " ".join(f"{key}={value}" for key, value in self._info.options.items())
        return (
            f"{self._info.label} {self._version} {options} lanczos-bicubic pillow-{pillow_version}"
        )

    def encode(self, picture: Picture, setting: Setting) -> bytes:
        """Return a picture, `[H, W, 3]` uint8, as a file; reduced first if the setting says so."""
        image = Image.fromarray(picture)
        if setting.scale > 1:
            size = [max(1, round(side / setting.scale)) for side in image.size]
            image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, self._info.format, quality=setting.quality, **self._info.options)
        return file.getvalue()

    def decode(self, data: bytes, setting: Setting, height: int, width: int) -> Picture:
        """Return the pixels of a file, enlarged to `height` x `width` where they were reduced."""
        with Image.open(io.BytesIO(data)) as file:
            image = file.convert("RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(image)

    def layers(self, data: bytes) -> dict[str, int]:
        """Return nothing: classical files have no layers."""
        return {}


def _version(name: str) -> str:
    if name == "jxl":
        try:
            import pillow_jxl  # noqa: F401  (registers the format with Pillow)
        except ImportError as error:
            raise CodecUnavailable(
                f"JPEG XL needs the package pillow-jxl-plugin: {error}"
            ) from None
        from importlib.metadata import version

        return f"pillow-jxl-plugin-{version('pillow-jxl-plugin')}"
    feature = {"jpeg": "libjpeg_turbo", "webp": "webp", "avif": "avif"}[name]
    found = features.version(feature)
    if name == "jpeg":
        return f"libjpeg-turbo-{found}" if found else f"libjpeg-{features.version('jpg')}"
    if not found:
        raise CodecUnavailable(
            f"this build of Pillow ({pillow_version}) has no {PEERS[name].label}"
        )
    return f"{'libwebp' if name == 'webp' else 'libavif'}-{found}"
