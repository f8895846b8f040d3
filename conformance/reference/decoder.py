"""§5: from a file to its symbols and its alpha plane, in the order of the specification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chunks import ALPHA, alpha_plane
from .entropy import EntropyDecoder, OutOfBytes
from .file import File
from .latents import Latents, SymbolSource, decode_latents
from .normative import Model
from .status import Refused, Status, require
from .tokens import decode_tokens

MAXIMUM_PIXELS = 2**26  # §10: more may be refused


@dataclass(frozen=True)
class Decoded:
    """Everything that §5 to §7 give; `final_state` is None when the payload is cut (§5.5)."""

    window_grid: tuple[int, int]
    latent_grid: tuple[int, int]
    banks: NDArray[np.int64]  # [windows]
    digits: NDArray[np.int64]  # [windows][T][D]
    latents: Latents
    token_bytes: int  # payload bytes taken when the last token was decoded
    final_state: int | None


def up(a: int, b: int) -> int:
    """ceil(a / b)."""
    return -(-a // b)


def window_grid(file: File, model: Model) -> tuple[int, int]:
    """§5.1.1: (nH, nW)."""
    return up(file.header.height, model.window), up(file.header.width, model.window)


def latent_grid(file: File, model: Model) -> tuple[int, int]:
    """§5.1.2: (h, w)."""
    strides = model.latent_align // model.latent_stride
    header = file.header
    return (
        up(header.height, model.latent_align) * strides,
        up(header.width, model.latent_align) * strides,
    )


def decode(file: File, model: Model) -> Decoded:
    """Decode all symbols of a file whose model id is that of `model`."""
    header = file.header
    require(header.rate < model.rate_points, Status.INVALID_FILE, "§5.1.3", "rate point")
    pixels = header.width * header.height
    require(pixels <= MAXIMUM_PIXELS, Status.LIMIT_EXCEEDED, "§10", f"{pixels} pixels")
    try:
        return decode_with(EntropyDecoder(file.payload), file, model)
    except OutOfBytes as error:  # §5.2.5, §5.5
        status = Status.TRUNCATED_FILE if file.payload_is_cut else Status.INVALID_FILE
        raise Refused(status, "§5.2.5", "no payload byte left") from error


def decode_with(decoder: EntropyDecoder, file: File, model: Model) -> Decoded:
    """§5: tokens, detail symbols, end."""
    # §1.4, §5.1: the grids of windows and latents.
    windows, latent = window_grid(file, model), latent_grid(file, model)
    banks, digits = decode_tokens(decoder, model, *windows)
    token_bytes = decoder.position
    source = SymbolSource(decoder, model, file.payload_is_cut)
    latents = decode_latents(source, file.header.rate, digits, windows, latent)
    return Decoded(
        window_grid=windows,
        latent_grid=latent,
        banks=banks,
        digits=digits,
        latents=latents,
        token_bytes=token_bytes,
        final_state=None if file.payload_is_cut else decoder.finish(),
    )


def read_alpha(file: File) -> NDArray[np.uint8] | None:
    """§3.5.1, §3.5.2: the alpha plane; whoever asks for pixels checks it last (§4.4)."""
    for chunk, content in zip(file.chunks, file.contents, strict=True):
        if chunk.type == ALPHA:
            return alpha_plane(content, file.header)
    return None
