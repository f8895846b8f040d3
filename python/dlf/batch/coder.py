"""Coding one picture, as `dlf encode` and `dlf decode` do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dlf import models
from dlf.batch.settings import Settings
from dlf.codec import Codec
from dlf.errors import ModelError
from dlf.header import info, opened
from dlf.images.reading import kept_metadata, read_image
from dlf.images.writing import check_form, image_bytes, image_of
from dlf.limits import Limits, check_limits, check_size

__all__ = ["Coded", "Coder", "Permit"]

Permit = Callable[[int], None]
"""Called with a picture's number of pixels before any is decoded; returns when it may be."""


@dataclass(frozen=True)
class Coded:
    """One coded picture: the output's bytes, and what the manifest says about it."""

    data: bytes
    pixels: int
    dlf_bytes: int
    seconds: float


class Coder:
    """Codes pictures one after another; keeps the networks loaded between them."""

    def __init__(self, settings: Settings) -> None:
        """Load the model, so that what is wrong with it or the device shows before any picture.

        Raises:
            ModelError: it is missing here, altered, or another one than the run started with.
            DlfError, ValueError: the device does not work.
        """
        self._settings = settings
        self._limits = check_limits(settings.limits)
        self._codec = Codec(
            settings.model,
            settings.device,
            settings.threads,
            settings.precision,
            self._limits,
            backend=settings.backend,
        )
        if settings.model_sha256:
            model = models.find(settings.model)
            if model.sha256 != settings.model_sha256:
                raise ModelError(
                    f"{model.path} is another model here than where the batch was started"
                )
        if not settings.decode or _has_model(settings.model):
            # Boxes may lie outside so small a picture; whether the model knows importance shows all
            # the same.
            tried = settings.importance
            if not (tried is None or isinstance(tried, str)):
                tried = np.ones((1, 1), bool)
            blank = np.zeros((1, 1, 3), np.uint8)
            self._codec.encode(blank, importance=tried, limits=Limits())

    def code(self, content: bytes, name: str, permit: Permit) -> Coded:
        """Return what becomes of the file `content`, which messages call `name`."""
        start = time.perf_counter()
        run = self._decode if self._settings.decode else self._encode
        data, pixels, dlf_bytes = run(content, name, permit)
        return Coded(data, pixels, dlf_bytes, time.perf_counter() - start)

    def _encode(self, content: bytes, name: str, permit: Permit) -> tuple[bytes, int, int]:
        settings = self._settings

        def judge(width: int, height: int) -> None:
            check_size(width, height, self._limits)
            permit(width * height)

        image = read_image(content, name, judge, settings.frame)
        data = self._codec.encode(
            image,
            settings.quality,
            bpp=settings.bpp,
            max_bytes=settings.max_bytes,
            importance=settings.importance,
            **kept_metadata(image, settings.keep),
        )
        return data, image.width * image.height, len(data)

    def _decode(self, content: bytes, name: str, permit: Permit) -> tuple[bytes, int, int]:
        file = opened(content)
        width, height = file.header["width"], file.header["height"]
        check_size(width, height, self._limits)
        header = info(file, limits=self._limits)
        form = self._settings.output_form
        check_form(header.mode, form)
        permit(width * height)
        decoded = image_of(self._codec.decode_samples(file))
        return image_bytes(decoded, form, header), width * height, len(content)


def _has_model(model: str | None) -> bool:
    """Whether there is a model to try; decoding can do without the default one."""
    try:
        models.find(model)
    except ModelError:
        return False
    return True
