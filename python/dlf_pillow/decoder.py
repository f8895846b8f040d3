"""How the pixels of a .dlf file come into a Pillow image."""

from __future__ import annotations

from dlf import forks
from PIL import Image, ImageFile

from dlf_pillow import settings

__all__ = ["DRAFT_MODES", "DlfDecoder"]

DRAFT_MODES = ("L", "YCbCr")
"""What `DlfImageFile.draft` can make of an RGB picture."""


class DlfDecoder(ImageFile.PyDecoder):
    """Decodes the whole image in one step, at the scale and in the mode that draft() has chosen."""

    _pulls_fd = True

    def decode(
        self, buffer: bytes | bytearray | memoryview | Image.SupportsArrayInterface
    ) -> tuple[int, int]:
        """Decode; return -1 and 0, with which Pillow ends the loading.

        Raises:
            As `dlf.decode`.
        """
        assert self.fd is not None
        chosen, downscale = self.args if len(self.args) > 1 else (*self.args, 1)
        try:
            with forks.undivided():
                from dlf.coding import shared_codec
        except ImportError as error:
            raise settings.incomplete(error) from error
        codec = shared_codec(chosen.model, chosen.device, chosen.threads)
        samples = codec.decode_samples(
            self.fd.read(),
            layers=chosen.layers,
            allow_truncated=ImageFile.LOAD_TRUNCATED_IMAGES,
            downscale=downscale,
            limits=chosen.limits,
        )
        if self.mode in DRAFT_MODES and samples.channels == 3:
            image = Image.frombuffer("RGB", (samples.width, samples.height), samples.data)
            self.set_as_raw(image.convert(self.mode).tobytes())
        else:
            self.set_as_raw(samples.data)
        # An error code instead of an exception would let a second load() succeed with no picture.
        return -1, 0
