"""Makes all vectors anew: `python -m conformance.generate`.

Needs `dlf`, as the encoder and as the reference for pixels. Expected symbols come from the
reference decoder, and our core must agree with every one. Vectors for a model are made when its
package is in models/pretrained or in packages; those for models that are absent are left out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from conformance.layout import SHARED, VECTORS, package_path
from conformance.making import (
    broken,
    broken_integer,
    damaged,
    drawn,
    halves,
    models,
    order,
    streams,
    truncated,
    valid,
)
from conformance.making.vector import Vector
from conformance.reference.model import Model
from conformance.reference.package import load

TEST_MODEL, TORCH_MODEL = "test", "test-torch"
MODELS = (TEST_MODEL, TORCH_MODEL, "dlf-s")


def all_vectors() -> Iterator[Vector]:
    """Every vector for which there is a package."""
    from dlf import native

    for name in MODELS:
        path = package_path(name)
        if path is None:
            print(f"no {name}.dlfm: left out", file=sys.stderr)
            continue
        codec = native.Codec(str(path), "cpu", 1)

        def encode(picture: NDArray[np.uint8], rate: int, codec: native.Codec = codec) -> bytes:
            return bytes(codec.encode(picture, rate))

        yield from of_model(name, load(path), encode)
        if name == TEST_MODEL:
            yield from of_format(load(path), encode)
        if name == TORCH_MODEL:
            yield from valid.tiles(name, load(path), encode)
            yield from valid.descriptions(name, load(path), encode)
            yield damaged.unexpected_map(name, load(path))
    yield from models.random_models()
    yield from models.broken_models()
    yield from of_integer_models()


def of_model(name: str, model: Model, encode: valid.Encode) -> Iterator[Vector]:
    """What is made for every model."""
    yield from valid.sizes(name, model, encode)
    yield from valid.rates(name, model, encode)
    yield from valid.unusual_symbols(name, model)


def of_format(model: Model, encode: valid.Encode) -> Iterator[Vector]:
    """What does not depend on the model, and is made with the small one."""
    yield from valid.descriptions(TEST_MODEL, model, encode)
    yield from valid.reductions(TEST_MODEL, model, encode)
    yield from valid.chunks(encode)
    yield from truncated.vectors(encode)
    yield from broken.headers(encode)
    yield from broken.reductions(encode)
    yield from broken.bodies(encode)
    yield from streams.streams(encode)
    yield from damaged.damaged(model)
    yield from order.orders(model)


def of_integer_models() -> Iterator[Vector]:
    """What needs neither an installed package nor `dlf`: the reference decoder draws."""
    yield from drawn.vectors()
    yield from halves.halves()
    yield from broken_integer.packages()
    yield from broken_integer.files()


def write_shared(folder: Path) -> None:
    """Write the random packages that vectors share, and no others; test-torch.dlfm was trained."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("integer-*.dlfm"):
        old.unlink()
    for shared in drawn.PACKAGES:
        (folder / f"{shared.name}.dlfm").write_bytes(shared.write())


def main(argv: Sequence[str] | None = None) -> int:
    """Make vectors; those that are replaced go only when all new ones are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default="*", metavar="GLOB", help="only vectors of these ids")
    parser.add_argument("--output", type=Path, default=VECTORS, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    from dlf import decode

    write_shared(SHARED)
    with tempfile.TemporaryDirectory() as folder:
        made = [vector for vector in all_vectors() if fnmatch(vector.id, arguments.only)]
        for vector in made:
            vector.write(Path(folder), decode)
        for old in sorted(arguments.output.glob("*/")):
            if fnmatch(old.name, arguments.only):
                shutil.rmtree(old)
        for vector in made:
            shutil.copytree(Path(folder) / vector.id, arguments.output / vector.id)
    print(f"{len(made)} vectors in {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
