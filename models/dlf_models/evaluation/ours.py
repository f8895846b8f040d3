"""DLF as one of the codecs measured, through its public Python interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .codecs import CodecUnavailable, Setting
from .pictures import Picture

NAME = "dlf"


def quality_of(rate: int, rate_points: int) -> int:
    """The whole quality 0..100 that stands for a rate point."""
    return round(100 * rate / (rate_points - 1)) if rate_points > 1 else 50


class Dlf:
    """model: name or file of a model package, None for the default.

    Raises:
        CodecUnavailable: dlf is not built, or the model cannot be loaded.
    """

    def __init__(self, model: str | None, device: str = "cpu") -> None:
        try:
            import dlf
            from dlf import symbols
        except ImportError as error:
            raise CodecUnavailable(f"dlf is not built: {error}") from error
        try:
            self._codec = dlf.Codec(model, device=device, threads=1)
            self.model = self._codec.model
        except dlf.DlfError as error:
            raise CodecUnavailable(str(error)) from error
        self._layer_bytes = symbols.layer_bytes
        self._version = dlf.__version__
        self._device = device
        # Load the networks now, so that the first picture's seconds are those of coding.
        self._codec.decode(self._codec.encode(np.zeros((8, 8, 3), np.uint8), quality=0))

    @property
    def identity(self) -> str:
        """What results depend on besides the picture: version, model and device."""
        return f"DLF {self._version} model {self.model.sha256} on {self._device}"

    @property
    def qualities(self) -> list[int]:
        """One quality per rate point of the model."""
        points = self.model.rate_points
        return [quality_of(rate, points) for rate in range(points)]

    def encode(self, picture: Picture, setting: Setting) -> bytes:
        """Return the picture, `[H, W, 3]` uint8, as a .dlf file of the setting's quality."""
        return self._codec.encode(picture, quality=setting.quality)

    def decode(self, data: bytes, setting: Setting, height: int, width: int) -> Picture:
        """Return the pixels of a file; the size is its own."""
        return self._codec.decode(data)

    def layers(self, data: bytes) -> dict[str, int]:
        """Bytes up to the last token, bytes of the detail symbols, and the container's."""
        semantic, detail = self._layer_bytes(data, self.model)
        return {
            "semantic": semantic,
            "detail": detail,
            "overhead": len(data) - semantic - detail,
        }


def model_path(model: str | None) -> str | None:
    """A model given as a file that is there becomes absolute; a name stays a name."""
    return str(Path(model).resolve()) if model and Path(model).is_file() else model
