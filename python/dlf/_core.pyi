"""Everything but the torch backend; free of torch. Errors are those of `dlf.errors`."""

from collections.abc import Callable, Sequence
from typing import Generic, Literal, NotRequired, TypedDict, TypeVar, type_check_only

import numpy as np
import numpy.typing as npt

from dlf.limits import Limits

_Result = TypeVar("_Result")

MAX_HEADER_BYTES: int
"""No header is longer than this many bytes."""

@type_check_only
class Header(TypedDict):
    """A header; sizes in bytes, sides in pixels."""

    version: int
    model_id: int
    width: int
    height: int
    display_width: int
    display_height: int
    rate: int
    grayscale: bool
    alpha: bool
    orientation: int
    color_space: Literal["srgb", "display-p3"]
    has_chunks: bool
    has_trailer: bool
    has_map: bool
    header_bytes: int
    payload_bytes: int

@type_check_only
class ChunkRecord(TypedDict):
    """A chunk whose content is still in `body`: as it is, or deflated (`inflate`).

    `stored_bytes` is what it takes in the file, `content_bytes` what it states to hold.
    """

    type: int
    critical: bool
    stored_bytes: int
    content_bytes: int
    deflated: bool
    body: bytes

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
    rate_index: NotRequired[npt.NDArray[np.uint8]]  # [h, w], of files with an importance map
    rate: int
    final_state: int
    complete: bool
    token_bytes: int

@type_check_only
class CodeLengths(TypedDict):
    """Ideal code lengths of a payload's symbols, in bits."""

    windows: npt.NDArray[np.float64]  # [nH, nW], tokens and bank of each window
    positions: npt.NDArray[np.float64]  # [h, w], detail symbols of all channels
    map: float  # the importance map; 0 when there is none

@type_check_only
class Estimate(TypedDict):
    """What decoding will cost, told before any of it is done."""

    output_bytes: int
    memory_bytes: int
    macs: int
    parts: int

class File:
    """A .dlf file in memory, or its beginning, whose header has been read; no function reads it again."""

    def __init__(self, data: bytes | bytearray) -> None: ...
    @property
    def header(self) -> Header: ...
    def keep(self, index: int, content: bytes) -> None:
        """Keep the content of the deflated chunk of this number, so that nobody inflates it again."""

    def kept(self, index: int) -> bytes | None:
        """Return the kept content of the deflated chunk of this number, None for nothing.

        Whatever has read the contents has kept them: a decoding, or a check of the file.
        """

class Package:
    """A model package whose members have been checked; never changes, usable from many threads."""

    def __init__(self, path: str | bytes) -> None: ...
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
    @property
    def has_maps(self) -> bool:
        """Whether files of this model may have importance maps."""

def probe(data: bytes) -> Header:
    """Read and check the header alone; `data` may be the first `MAX_HEADER_BYTES` of a file."""

def chunks(
    data: File | bytes, *, allow_truncated: bool = False, limits: Limits | None = None
) -> list[ChunkRecord]:
    """Check the container and return its chunks, whose contents are neither inflated nor judged.

    Of the limits, those on chunks and on the file count.
    """

def inflate(body: bytes, content_bytes: int) -> bytes:
    """Return the content of a deflated chunk; InvalidFile unless it has exactly so many bytes."""

def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise LimitExceeded for a picture of more pixels or longer sides than `limits` allow."""

def default_limits() -> dict[str, int]:
    """Return the fields of `dlf.Limits` and their defaults (core/src/codec/budget.h)."""

def check_container(
    data: File | bytes, *, allow_truncated: bool = False, limits: Limits | None = None
) -> None:
    """Check what needs no model: header, size, container, contents of chunks (§4.4)."""

def decode_symbols(
    data: File | bytes,
    package: Package,
    *,
    allow_truncated: bool = False,
    threads: int = 1,
    limits: Limits | None = None,
) -> Symbols:
    """Decode the payload to integers. The GIL is released meanwhile."""

def code_lengths(
    data: File | bytes,
    package: Package,
    *,
    allow_truncated: bool = False,
    threads: int = 1,
    limits: Limits | None = None,
) -> CodeLengths:
    """Decode the payload and return what its symbols cost. The GIL is released meanwhile."""

def estimate(
    data: File | bytes, package: Package, *, threads: int = 1, downscale: int = 1
) -> Estimate:
    """Tell what decoding the file behind this header costs."""

def verify(
    data: File | bytes, package: Package, *, threads: int = 1, limits: Limits | None = None
) -> None:
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

def replace_latents(
    data: File,
    latents: npt.NDArray[np.float32],
    package: Package,
    *,
    bit_price: float = 0.0,
    max_bytes: int | None = None,
    threads: int = 1,
    limits: Limits | None = None,
) -> bytes:
    """Return the file with its detail layer coded anew from latents y [C, h, w].

    bit_price: in squared steps; above 0, symbols are those that are worth their bits.
    max_bytes: of the file; the price is found with which it fits.
    """

def registered_models() -> list[tuple[int, str, str]]:
    """Return the registry of BITSTREAM.md: id, name and SHA-256 of each model."""

def kernels() -> list[str]:
    """Return the kernels of the integer machine that this build and this CPU have, best last."""

class Call(Generic[_Result]):
    """Work under way on threads of the module; for the thread that has started it."""

    @property
    def progress(self) -> Callable[[int, int], bool | None] | None:
        """The function that the call was given; never called from here."""
    def wait(self) -> bool:
        """Go on until progress is to be reported (True) or all is done (False); raise what goes wrong."""
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    def result(self) -> _Result:
        """Return what the call was for, once, after `wait` has returned False."""
    def end(self) -> None:
        """Give the work up, unless all is done; waits until no thread works any more."""

class Codec:
    """One model package with its networks loaded; usable from many threads at once.

    Errors are those of `dlf.errors`; wrong arguments are ValueError. The GIL is released while
    coding. Results do not depend on `threads`, nor on torch's settings in this process.

    `dlf.native.Codec` sees the calls through: `progress(done, total)` runs on the calling thread,
    between parts; when it returns False the call ends with `dlf.errors.DlfError`, when it raises,
    with that exception. `limits` are what the call may cost; None is the default.
    """

    def __init__(
        self,
        path: str | bytes,
        device: str = "cpu",
        threads: int = 1,
        precision: Literal["fp32", "bf16"] = "fp32",
        pixels_per_call: int | None = None,
        backend: Literal["auto", "integer", "torch"] = "auto",
        package: Package | None = None,
    ) -> None:
        """`pixels_per_call`: how many pixels of pictures of one size go through the networks at once.

        None is what suits the device, 0 one picture; for TorchScript networks. `backend`: as for
        `dlf.Codec`. `package`: what `path` was found to hold; an integer package is not read again
        then.
        """
    @property
    def model_id(self) -> int: ...
    @property
    def sha256(self) -> str:
        """Of the package's normative part, lower-case hexadecimal."""

    @property
    def rate_points(self) -> int: ...
    def start_encode(
        self,
        pixels: npt.NDArray[np.uint8],
        rate: int,
        *,
        orientation: int = 1,
        color_space: Literal["srgb", "display-p3"] = "srgb",
        display_size: tuple[int, int] | None = None,
        chunks: Sequence[tuple[int, bytes]] = (),
        trailer: bool = False,
        importance: npt.NDArray[np.int8] | Literal["auto"] | None = None,
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[bytes]:
        """Return the call that makes a .dlf file.

        Args:
            pixels: uint8, H x W or H x W x 1 (gray), x 2 (gray, alpha), x 3 (RGB) or x 4 (RGBA).
            rate: the model's rate point.
            orientation: EXIF orientation 1..8, recorded.
            color_space: the space of the samples.
            display_size: width and height that the picture had before it was reduced by 2, 4 or 8
                to sides of ceil(side / factor); recorded. None where it was not reduced.
            chunks: type (2 ICC, 3 EXIF, 4 XMP, 16 and more private) and content.
            trailer: add a CRC-32C even if there are no chunks.
            importance: int8 of any size, -127 (least) to 127 (most), laid over the picture; "auto"
                is what the model's importance program finds. ValueError for a model that has no
                importance maps, or no such program.
        """

    def start_encode_batch(
        self,
        pictures: Sequence[npt.NDArray[np.uint8]],
        rate: int,
        *,
        orientations: Sequence[int],
        color_spaces: Sequence[Literal["srgb", "display-p3"]],
        chunks: Sequence[Sequence[tuple[int, bytes]]],
        importance: Sequence[npt.NDArray[np.int8] | Literal["auto"] | None],
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[list[bytes]]:
        """Return the call for the .dlf files of several pictures; all lists have one item for each.

        An error names the picture by its index, and nothing is returned.
        """

    def start_decode_batch(
        self,
        files: Sequence[File | bytes],
        *,
        layers: Literal["all", "semantic"] = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        noise: Literal["vivid", "faithful"] = "vivid",
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[list[npt.NDArray[np.uint8]]]:
        """Return the call for the pixels of several files, as `start_decode` does of one.

        An error names the file by its index, and nothing is returned.
        """

    def start_encode_to_size(
        self,
        pixels: npt.NDArray[np.uint8],
        max_bytes: int,
        *,
        orientation: int = 1,
        color_space: Literal["srgb", "display-p3"] = "srgb",
        display_size: tuple[int, int] | None = None,
        chunks: Sequence[tuple[int, bytes]] = (),
        trailer: bool = False,
        importance: npt.NDArray[np.int8] | Literal["auto"] | None = None,
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[bytes]:
        """Return the call for the best .dlf file of at most `max_bytes`.

        What the largest rate point that fits leaves over is filled by the next one, less its least
        useful symbols. The analysis runs once. TooFewBytes when even the smallest file is larger;
        it says how large.
        """

    def start_decode(
        self,
        data: File | bytes,
        *,
        layers: Literal["all", "semantic"] = "all",
        allow_truncated: bool = False,
        region: tuple[int, int, int, int] | None = None,
        downscale: int = 1,
        noise: Literal["vivid", "faithful"] = "vivid",
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[npt.NDArray[np.uint8]]:
        """Return the call for the pixels, H x W for a gray picture, else H x W x channels.

        Args:
            layers: "semantic" takes every detail symbol as its prediction.
            allow_truncated: return the best picture so far of a file that ends too early.
            region: x, y, width, height of the part to decode; the same pixels as in the whole.
            downscale: 2, 4, 8: the picture at that part of its size, ceil(side / downscale), from
                less work. `region` keeps counting pixels of the whole size and is widened to whole
                pixels of the smaller picture.
            noise: "faithful" draws no texture that no bits describe; of integer packages.
        """

    def start_decode_samples(
        self,
        data: File | bytes,
        *,
        layers: Literal["all", "semantic"] = "all",
        allow_truncated: bool = False,
        region: tuple[int, int, int, int] | None = None,
        downscale: int = 1,
        noise: Literal["vivid", "faithful"] = "vivid",
        limits: Limits | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Call[tuple[bytearray, int, int, int]]:
        """Return the call for samples, height, width and channels; NumPy is not imported.

        The arguments are those of `start_decode`.
        """
