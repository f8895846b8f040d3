"""The torch-free core: headers, chunks, model packages, symbols. Errors are those of `dlf.errors`."""

from typing import Literal, TypedDict, type_check_only

import numpy as np
import numpy.typing as npt

MAX_HEADER_BYTES: int
"""No header is longer than this many bytes."""

@type_check_only
class Header(TypedDict):
    """A header; sizes in bytes, sides in pixels."""

    version: int
    model_id: int
    width: int
    height: int
    rate: int
    grayscale: bool
    alpha: bool
    orientation: int
    colour: Literal["srgb", "display-p3"]
    has_chunks: bool
    has_trailer: bool
    header_bytes: int
    payload_bytes: int

@type_check_only
class ChunkRecord(TypedDict):
    """A chunk with its content inflated; `stored_bytes` is what it takes in the file."""

    type: int
    critical: bool
    content: bytes
    stored_bytes: int

@type_check_only
class Symbols(TypedDict):
    """What a payload decodes to (core/BITSTREAM.md §5 to §7): C channels, h x w the latent grid."""

    tokens: npt.NDArray[np.int16]  # [nH*nW, T*D] digits
    bank: npt.NDArray[np.uint8]  # [nH*nW]
    symbols: npt.NDArray[np.int16]  # [C, h, w]
    scale_index: npt.NDArray[np.int16]  # [C, h, w], -1 where nothing is coded
    mean: npt.NDArray[np.int16]  # [C, h, w]
    step: npt.NDArray[np.int16]  # [C, h, w]
    y_hat: npt.NDArray[np.int16]  # [C, h, w]
    latent: npt.NDArray[np.int32]  # [C, h, w]
    rate: int
    final_state: int
    complete: bool
    token_bytes: int

@type_check_only
class CodeLengths(TypedDict):
    """Ideal code lengths of a payload's symbols, in bits."""

    windows: npt.NDArray[np.float64]  # [nH, nW], tokens and bank of each window
    positions: npt.NDArray[np.float64]  # [h, w], detail symbols of all channels

@type_check_only
class Estimate(TypedDict):
    """What decoding will cost, told before any of it is done."""

    output_bytes: int
    memory_bytes: int
    macs: int
    tiles: int

class Package:
    """A model package whose members have been checked; never changes, usable from many threads."""

    def __init__(self, path: str) -> None: ...
    @property
    def path(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def sha256(self) -> str:
        """Of the normative part, lower-case hexadecimal."""

    @property
    def registered_name(self) -> str:
        """The name that BITSTREAM.md registers for this SHA-256, or "" for none."""

    @property
    def model_json(self) -> str: ...
    @property
    def rate_points(self) -> int: ...
    @property
    def window(self) -> int: ...
    @property
    def tokens_per_window(self) -> int: ...
    @property
    def levels(self) -> tuple[int, ...]:
        """Values of each digit of a token."""

    @property
    def latent_channels(self) -> int: ...
    @property
    def latent_stride(self) -> int: ...

def probe(data: bytes) -> Header:
    """Read and check the header alone; `data` may be the first `MAX_HEADER_BYTES` of a file."""

def chunks(
    data: bytes, *, allow_truncated: bool = False, max_bytes: int = 67108864
) -> list[ChunkRecord]:
    """Check the container and return its chunks; `max_bytes` bounds their inflated contents."""

def decode_symbols(
    data: bytes, package: Package, *, allow_truncated: bool = False, threads: int = 1
) -> Symbols:
    """Decode the payload to integers. The GIL is released meanwhile."""

def code_lengths(
    data: bytes, package: Package, *, allow_truncated: bool = False, threads: int = 1
) -> CodeLengths:
    """Decode the payload and return what its symbols cost. The GIL is released meanwhile."""

def estimate(data: bytes, package: Package, *, threads: int = 1, downscale: int = 1) -> Estimate:
    """Tell what decoding the file behind this header costs."""

def verify(data: bytes, package: Package, *, threads: int = 1) -> None:
    """Check container, checksums, chunks, alpha, and the payload to its last coder state."""

def encode_symbols(
    tokens: npt.NDArray[np.int16],
    latents: npt.NDArray[np.float32],
    package: Package,
    *,
    width: int,
    height: int,
    rate: int,
    threads: int = 1,
) -> bytes:
    """Return a whole file from digits [nH*nW, T*D] and latents y [C, h, w]; no pixels are needed."""

def registered_models() -> list[tuple[int, str, str]]:
    """Return the registry of BITSTREAM.md: id, name and SHA-256 of each model."""
