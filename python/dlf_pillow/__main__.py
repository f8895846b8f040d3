"""`python -m dlf_pillow` checks that Pillow, the plugin, a model and the codec work together."""

from __future__ import annotations

import io
import sys

import dlf
import PIL
from dlf import signature
from dlf.errors import DlfError
from PIL import Image

import dlf_pillow

SIZE = (48, 32)


def main() -> int:
    """Print what was found and return 0 when an image makes the round trip."""
    dlf_pillow.register()
    extensions = Image.registered_extensions()
    print(f"dlf {dlf.__version__}, Pillow {PIL.__version__}, Python {sys.version.split()[0]}")
    print(f"{signature.EXTENSION} opens and saves as: {extensions.get(signature.EXTENSION)}")
    print(f"MIME type: {Image.MIME.get(signature.FORMAT)}")
    try:
        return _round_trip()
    except (DlfError, OSError, ImportError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return error.exit_status if isinstance(error, DlfError) else 1


def _round_trip() -> int:
    from dlf import models

    model = models.find()
    print(f"default model: {model.name} (id {model.id}), {model.path}")
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    file = io.BytesIO()
    image.save(file, signature.FORMAT)
    with Image.open(file) as reopened:
        reopened.load()
        same = reopened.size == image.size and reopened.mode == image.mode
        print(f"round trip: {reopened.width}x{reopened.height} {reopened.mode}")
    print(f"{len(file.getvalue())} bytes: {'ok' if same else 'not the image that was saved'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
