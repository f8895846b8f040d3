"""§5: from a file to its symbols and its alpha plane, in the order of the specification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chunks import ALPHA, alpha_plane
from .entropy import EntropyDecoder, OutOfBytes
from .file import File
from .grids import Grids, grids_of
from .importance import decode_map
from .latents import Latents, SymbolSource, decode_latents
from .model import Model
from .status import Refused, Status, require
from .tokens import decode_tokens

MAXIMUM_PIXELS = 2**26  # §10: more may be refused


@dataclass(frozen=True)
class Decoded:
    """Everything that §5 to §7 give; `final_state` is None when the payload is truncated (§5.5)."""

    grids: Grids
    rates: NDArray[np.int64]  # [h][w]
    banks: NDArray[np.int64]  # [windows]
    digits: NDArray[np.int64]  # [windows][T][D]
    latents: Latents
    token_bytes: int  # payload bytes taken when the last token was decoded
    final_state: int | None


def decode(file: File, model: Model, semantic: bool = False) -> Decoded:
    """Decode the symbols of a file whose model id is that of `model`.

    `semantic` asks for the semantic layer alone (§5.5).

    Raises:
        Refused: the payload breaks a rule of §5 to §7.
    """
    header = file.header
    require(header.rate < model.rate_points, Status.INVALID_FILE, "§5.1.3", "rate point")
    without_map = model.map_unit == 0 and header.has_map
    require(not without_map, Status.INVALID_FILE, "§5.6", "a map, which the model does not have")
    pixels = header.width * header.height
    require(pixels <= MAXIMUM_PIXELS, Status.LIMIT_EXCEEDED, "§10", f"{pixels} pixels")
    try:
        return decode_with(EntropyDecoder(file.payload), file, model, semantic)
    except OutOfBytes as error:  # §5.2.5, §5.5
        status = Status.TRUNCATED_FILE if file.payload_is_truncated else Status.INVALID_FILE
        raise Refused(status, "§5.2.5", "no payload byte left") from error


def decode_with(
    decoder: EntropyDecoder, file: File, model: Model, semantic: bool = False
) -> Decoded:
    """§5: importance map, tokens, detail symbols, end."""
    header, grids = file.header, grids_of(file.header, model)
    # §1.4, §5.1.1, §5.1.2, §8.1.2: the grids of windows and latents.
    windows, latent = grids.shape(model.window), grids.shape(model.latent_stride)
    rates = np.full(latent, header.rate)
    if header.has_map:
        rates = decode_map(decoder, latent, header.rate, model.rate_points, model.map_unit)
    banks, digits = decode_tokens(decoder, model, *windows)
    token_bytes = decoder.position
    source = SymbolSource(decoder, model, file.payload_is_truncated)
    if semantic:
        source.decoder = None  # §5.5
    latents = decode_latents(source, rates, digits, grids)
    ends = not (semantic or file.payload_is_truncated)
    return Decoded(
        grids=grids,
        rates=rates,
        banks=banks,
        digits=digits,
        latents=latents,
        token_bytes=token_bytes,
        final_state=decoder.finish() if ends else None,
    )


def read_alpha(file: File) -> NDArray[np.uint8] | None:
    """§3.5.1, §3.5.2: the alpha plane; whoever asks for pixels checks it last (§4.4)."""
    for chunk, content in zip(file.chunks, file.contents, strict=True):
        if chunk.type == ALPHA:
            return alpha_plane(content, file.header)
    return None
