"""`python -m dlf_pillow` checks that Pillow, the plugin, a model and the codec work together.

`--enable` makes every program of this environment open and save .dlf files through Pillow without
importing the plugin, `--disable` takes that back.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

import dlf
import PIL
from dlf import signature
from dlf.errors import DlfError
from PIL import Image

import dlf_pillow
from dlf_pillow import enabling

SIZE = (48, 32)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dlf_pillow",
        description="Check that Pillow, the plugin, a model and the codec work together.",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--enable",
        action="store_true",
        help="let every program of this environment open .dlf files without an import",
    )
    choice.add_argument("--disable", action="store_true", help="take that back")
    arguments = parser.parse_args(argv)
    if not (arguments.enable or arguments.disable):
        return _check()
    try:
        _switch(arguments.enable)
    except OSError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def _switch(on: bool) -> None:
    if on:
        print(f"enabled by {enabling.enable()}")
        return
    removed = enabling.disable()
    print("was not enabled" if removed is None else f"disabled: {removed} is gone")


def _check() -> int:
    """Print what was found and return 0 when an image makes the round trip."""
    dlf_pillow.register()
    extensions = Image.registered_extensions()
    print(f"dlf {dlf.__version__}, Pillow {PIL.__version__}, Python {sys.version.split()[0]}")
    print(f"{signature.EXTENSION} opens and saves as: {extensions.get(signature.EXTENSION)}")
    is_enabled = enabling.pth_file().exists()
    print(f"enabled for every program: {'yes' if is_enabled else 'no (--enable does so)'}")
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
