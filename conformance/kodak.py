"""Do the core and the reference decoder agree on photographs?

    python -m conformance.kodak IMAGE...

Every image is encoded at three rate points of each installed model. The core and the reference
decoder must give the same tensors, and of an integer package the same pixels. Nothing is written; a
line per image says how many bytes were compared.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from conformance.decoders import environment
from conformance.fingerprints import TENSORS
from conformance.layout import INSTALLED
from conformance.reference.package import load
from conformance.reference.report import picture as pixels_of
from conformance.reference.report import tensors

MODELS = ("test", "dlf-s")
NUMBERS = ("final_state", "token_bytes")


def packages() -> list[Path]:
    """The installed packages."""
    found = [INSTALLED / f"{name}.dlfm" for name in MODELS]
    return [path for path in found if path.exists()]


def rate_points(package: Path) -> list[int]:
    """The lowest, the middle and the highest rate point."""
    points = load(package).rate_points
    return [0, points // 2, points - 1]


def differences(
    picture: NDArray[np.uint8], package: Path, rate: int, with_pixels: bool = False
) -> tuple[list[str], int]:
    """The tensors in which core and reference differ for a picture, and the bytes of its file.

    With pixels, of an integer package, "pixels" is one of them.
    """
    from dlf import _core

    data = bytes(_codec(package).encode(picture, rate))
    ours: dict[str, Any] = {**_core.decode_symbols(data, _core.Package(str(package)))}
    with environment(str(package.parent)):
        theirs = tensors(data)
        names = [name for name in (*TENSORS, *NUMBERS) if name in theirs]
        if with_pixels and load(package).synthesis is not None:
            names.append("pixels")
            ours["pixels"] = _codec(package).decode(data)
            theirs["pixels"] = pixels_of(data)
    return [name for name in names if not np.array_equal(ours[name], theirs[name])], len(data)


@functools.cache
def _codec(package: Path) -> Any:
    """Our encoder, loaded once."""
    from dlf import native

    return native.Codec(str(package), "cpu", 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, print, and return 1 when anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    images = parser.parse_args(argv).images
    start, compared, differing = time.perf_counter(), 0, 0
    for package in packages():
        rates = rate_points(package)
        for path in images:
            picture = np.asarray(Image.open(path).convert("RGB"))
            for rate in rates:
                names, size = differences(picture, package, rate, with_pixels=True)
                compared += 1
                differing += bool(names)
                verdict = f"DIFFER in {', '.join(names)}" if names else "agree"
                print(
                    f"{package.stem} {path.name} rate {rate}: {size} bytes, {verdict}", flush=True
                )
    seconds = time.perf_counter() - start
    print(f"{compared} files compared, {differing} differ, {seconds:.0f} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
