"""What sub-commands tell of a file, under the names of the command-line contract (README.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .chunks import ALPHA, EXIF, ICC, XMP
from .decoder import Decoded, decode, read_alpha
from .file import File, read_file
from .header import Header, read_header
from .package import find
from .pixels import Region, Wanted, draw
from .status import Refused

EVERYTHING = Wanted()
COLOR_SPACES = ("srgb", "display-p3")  # §2.6
CHUNK_NAMES = {ALPHA: "alpha", ICC: "icc", EXIF: "exif", XMP: "xmp"}  # §3.3


def facts(data: bytes, with_layers: bool = True) -> dict[str, Any]:
    """What `info --json` prints, also of a truncated payload; None for what cannot be told.

    The bytes of the layers need the model; without them no model is looked for.
    """
    file = read_for_info(data)
    header = file.header
    semantic = semantic_bytes(file) if with_layers else None
    return {
        "width": header.width,
        "height": header.height,
        "display_width": header.display_width,
        "display_height": header.display_height,
        "mode": ("L" if header.grayscale else "RGB") + ("A" if header.alpha else ""),
        "orientation": header.orientation,
        "color_space": COLOR_SPACES[header.color_space],
        "version": header.version,
        "model_id": header.model_id,
        "rate": header.rate,
        "importance_map": header.has_map,
        "file_bytes": len(data),
        "bpp": round(8 * len(data) / (header.width * header.height), 5),
        "header_bytes": header.size,
        "payload_bytes": header.payload_length,
        "missing_bytes": header.payload_length - len(file.payload),
        "semantic_bytes": semantic,
        "detail_bytes": None if semantic is None else header.payload_length - semantic,
        "chunks": [
            {
                "type": CHUNK_NAMES.get(chunk.type, str(chunk.type)),
                "critical": chunk.critical,
                "content_bytes": len(content),
                "stored_bytes": len(chunk.stored),
            }
            for chunk, content in zip(file.chunks, file.contents, strict=True)
        ],
    }


def read_for_info(data: bytes) -> File:
    """A file that is whole, or truncated in its payload; a later end is refused."""
    header = read_header(data)
    cut_in_payload = len(data) < header.size + header.payload_length
    return read_file(data, allow_cut=cut_in_payload)


def semantic_bytes(file: File) -> int | None:
    """The payload bytes that tokens take; None without the model or for a damaged payload."""
    if file.payload_is_truncated:
        return None
    try:
        return decode(file, find(file.header.model_id)).token_bytes
    except Refused:
        return None


def tensors(data: bytes, allow_cut: bool = False) -> dict[str, NDArray[Any]]:
    """What `symbols` writes: every integer tensor, and the final state of the entropy decoder."""
    file = read_file(data, allow_cut)
    decoded = decode(file, find(file.header.model_id))
    return arrays(file, decoded)


def picture(
    data: bytes, wanted: Wanted = EVERYTHING, semantic: bool = False, allow_cut: bool = False
) -> NDArray[np.uint8]:
    """What `decode` writes; ValueError for a region that is not inside the picture."""
    file = read_file(data, allow_cut)
    check_region(wanted.region, file.header)
    model = find(file.header.model_id)
    decoded = decode(file, model, semantic)
    alpha = read_alpha(file)
    if alpha is None and file.header.alpha:
        alpha = np.full((file.header.height, file.header.width), 255, np.uint8)  # §4.5
    return draw(decoded, file.header, model, alpha, wanted)


def check_region(region: Region | None, header: Header) -> None:
    """§9.12: a region is not empty and inside the picture.

    Raises:
        ValueError: it is empty or leaves the picture.
    """
    if region is None:
        return
    across = 0 <= region.x < region.x + region.width <= header.width
    down = 0 <= region.y < region.y + region.height <= header.height
    if not (across and down):
        raise ValueError(f"{region} is not inside a picture of {header.width} x {header.height}")


def arrays(file: File, decoded: Decoded) -> dict[str, NDArray[Any]]:
    """The tensors of a decoded file by name."""
    latents = decoded.latents
    found: dict[str, NDArray[Any]] = {
        "tokens": decoded.digits.reshape(len(decoded.banks), -1).astype(np.int16),
        "bank": decoded.banks.astype(np.uint8),
        "symbols": latents.symbols.astype(np.int16),
        "scale_index": latents.scale_index.astype(np.int16),
        "mean": latents.mean.astype(np.int16),
        "step": latents.step.astype(np.int16),
        "y_hat": latents.y_hat.astype(np.int16),
        "latent": latents.latent.astype(np.int32),
        "rate": np.array(file.header.rate),
        "final_state": np.array(decoded.final_state or 0),  # §5.4: a truncated payload has none
        "complete": np.array(not file.payload_is_truncated),
        "token_bytes": np.array(decoded.token_bytes),
    }
    if file.header.has_map:
        found["rate_index"] = decoded.rates.astype(np.uint8)
    return found
