"""The entropy-coded part of a .dlf file as integers: what conformance compares. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlf import _core, models, options
from dlf.header import File, opened
from dlf.package_files import content
from dlf.types import Buffer, StrPath

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dlf._core import CodeLengths, Symbols
    from dlf.limits import Limits

__all__ = [
    "code_lengths",
    "decode_symbols",
    "importance_map",
    "layer_bytes",
    "replace_latents",
    "verify",
]


def decode_symbols(
    data: Buffer | File,
    model: StrPath | None = None,
    *,
    allow_truncated: bool = False,
    limits: Limits | None = None,
) -> Symbols:
    """Return every integer tensor that the payload decodes to, and the coder's final state.

    The names, shapes and meanings are those of core/BITSTREAM.md.

    Raises:
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
        ModelError: the model is not installed, or `model` is not the one that the file needs.
    """
    file = opened(data)
    package = _package(file, model, allow_truncated, limits)
    return _core.decode_symbols(file.core, package, allow_truncated=allow_truncated, limits=limits)


def code_lengths(
    data: Buffer | File,
    model: StrPath | None = None,
    *,
    allow_truncated: bool = False,
    limits: Limits | None = None,
) -> CodeLengths:
    """Return where the bits of the payload are: what each symbol ideally costs, in bits.

    - `windows`, float64 [nH, nW]: the tokens of each window of the picture, row by row.
    - `positions`, float64 [h, w]: the detail symbols of all channels at each latent position.
    - `map`: the importance map.

    All follow from the frequency tables alone. Together they are the payload's bits, but for at
    most five bytes that the coder itself needs.

    Raises:
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
        ModelError: the model is not installed, or `model` is not the one that the file needs.
    """
    file = opened(data)
    package = _package(file, model, allow_truncated, limits)
    return _core.code_lengths(file.core, package, allow_truncated=allow_truncated, limits=limits)


def replace_latents(
    data: Buffer | File,
    latents: npt.NDArray[np.float32],
    model: StrPath | None = None,
    *,
    bit_price: float = 0.0,
    max_bytes: int | None = None,
    limits: Limits | None = None,
) -> bytes:
    """Return the file with its detail layer coded anew from other latents; the rest stays.

    So an encoder that chooses latents by itself begins with an ordinary file.

    Args:
        data: the file.
        latents: y, float32 [C, h, w] on the latent grid, in units where a symbol is
            round(y / step - mean); what is not finite counts as 0.
        model: name or path of the package; by default the one that the file asks for.
        bit_price: what a bit is worth, in squared quantisation steps. Above 0, symbols are those
            of rate-distortion optimised quantisation.
        max_bytes: of the file; the price is raised from 0 until it fits. Not with `bit_price`.
        limits: as for `decode_symbols`.

    Raises:
        ValueError: latents of another number, a price below 0, or both a price and a size.
        TooFewBytes: a size that no price reaches; it is a ValueError.
        TypeError: latents that are not float32.
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
        ModelError: the model is not installed, or `model` is not the one that the file needs.
    """
    if max_bytes is not None:
        max_bytes = min(options.check_max_bytes(max_bytes), options.LARGEST_LIMIT)
        if bit_price != 0:
            raise ValueError("a file has a price of a bit or a size, not both")
    file = opened(data)
    package = _package(file, model, False, limits)
    return _core.replace_latents(
        file.core,
        latents,
        package,
        bit_price=bit_price,
        max_bytes=max_bytes,
        limits=limits,
    )


def verify(
    data: Buffer | File,
    model: StrPath | None = None,
    *,
    limits: Limits | None = None,
) -> None:
    """Check all that can be checked without pixels: checksums, chunks, and the coder's final state.

    Raises:
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
        ModelError: the model is not installed, or `model` is not the one that the file needs.
    """
    file = opened(data)
    _core.verify(file.core, _package(file, model, False, limits), limits=limits)


def layer_bytes(
    data: Buffer | File, model: models.Model, *, limits: Limits | None = None
) -> tuple[int, int]:
    """Return how many payload bytes the semantic and the detail layer take.

    An importance map counts with the first.
    """
    file = opened(data)
    semantic = int(decode_symbols(file, model.path, limits=limits)["token_bytes"])
    return semantic, file.header["payload_bytes"] - semantic


def importance_map(
    data: Buffer | File, model: models.Model, *, limits: Limits | None = None
) -> tuple[npt.NDArray[np.uint8], float]:
    """Return the rate point of each latent position, uint8 [h, w], and the bits that say so.

    Raises:
        ValueError: the file has no importance map.
        InvalidFile, TruncatedFile, Unsupported, LimitExceeded: what is wrong with the file.
    """
    file = opened(data)
    rates = decode_symbols(file, model.path, limits=limits).get("rate_index")
    if rates is None:
        raise ValueError("the file has no importance map")
    return rates, code_lengths(file, model.path, limits=limits)["map"]


def _package(
    file: File,
    model: StrPath | None,
    allow_truncated: bool,
    limits: Limits | None,
) -> _core.Package:
    if model is None:
        found = models.find_for(file, allow_truncated=allow_truncated, limits=limits)
    else:
        found = models.find(model)
    return content(found)
