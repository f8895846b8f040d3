"""The pixel side of the core; loads libtorch, but not the Python package torch."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

BUILT_FOR_TORCH: str
"""The version of libtorch that this module was compiled with and must run with."""

def check_device(device: str) -> None:
    """Raise ValueError, which says why, unless the networks can run on `device`."""

class Codec:
    """One model package with its networks loaded; usable from many threads at once.

    Errors are those of `dlf.errors`; wrong arguments are ValueError. The GIL is released while
    coding. Results do not depend on `threads`, nor on torch's settings in this process.

    In all methods, `progress(done, total)` is called on the calling thread, between tiles; when it
    returns False the call ends with `dlf.errors.DlfError`, when it raises, with that exception.
    Limits are None for the default of core/src/budget.h, or a number.
    """

    def __init__(
        self,
        path: str,
        device: str = "cpu",
        threads: int = 1,
        precision: Literal["fp32", "bf16"] = "fp32",
        pixels_per_call: int | None = None,
    ) -> None:
        """`pixels_per_call`: how many pixels of pictures of one size go through the networks at once.

        None is what suits the device, 0 one picture.
        """
    @property
    def model_id(self) -> int: ...
    @property
    def rate_points(self) -> int: ...
    def encode(
        self,
        pixels: npt.NDArray[np.uint8],
        rate: int,
        *,
        orientation: int = 1,
        colour: Literal["srgb", "display-p3"] = "srgb",
        chunks: Sequence[tuple[int, bytes]] = (),
        trailer: bool = False,
        max_pixels: int | None = None,
        max_side: int | None = None,
        max_memory: int | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> bytes:
        """Return a .dlf file.

        Args:
            pixels: uint8, H x W or H x W x 1 (gray), x 2 (gray, alpha), x 3 (RGB) or x 4 (RGBA).
            rate: the model's rate point.
            orientation: EXIF orientation 1..8, recorded.
            colour: the space of the samples.
            chunks: type (2 ICC, 3 EXIF, 4 XMP, 16 and more private) and content.
            trailer: add a CRC-32C even if there are no chunks.
        """

    def encode_batch(
        self,
        pictures: Sequence[npt.NDArray[np.uint8]],
        rate: int,
        *,
        orientations: Sequence[int],
        colours: Sequence[Literal["srgb", "display-p3"]],
        chunks: Sequence[Sequence[tuple[int, bytes]]],
        max_pixels: int | None = None,
        max_side: int | None = None,
        max_memory: int | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> list[bytes]:
        """Return the .dlf files of several pictures; orientation, colour and chunks are one for each.

        An error names the picture by its index, and nothing is returned.
        """

    def decode_batch(
        self,
        files: Sequence[bytes],
        *,
        layers: Literal["all", "semantic"] = "all",
        allow_truncated: bool = False,
        downscale: int = 1,
        max_pixels: int | None = None,
        max_side: int | None = None,
        max_memory: int | None = None,
        max_chunk_bytes: int | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> list[npt.NDArray[np.uint8]]:
        """Return the pixels of several files, as `decode` does of one.

        An error names the file by its index, and nothing is returned.
        """

    def encode_to_size(
        self,
        pixels: npt.NDArray[np.uint8],
        max_bytes: int,
        *,
        orientation: int = 1,
        colour: Literal["srgb", "display-p3"] = "srgb",
        chunks: Sequence[tuple[int, bytes]] = (),
        trailer: bool = False,
        max_pixels: int | None = None,
        max_side: int | None = None,
        max_memory: int | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> bytes:
        """Return the best .dlf file of at most `max_bytes`.

        What the largest rate point that fits leaves over is filled by the next one, less its least
        useful symbols. The analysis runs once. ValueError when even the smallest file is larger; it says how large.
        """

    def decode(
        self,
        data: bytes,
        *,
        layers: Literal["all", "semantic"] = "all",
        allow_truncated: bool = False,
        region: tuple[int, int, int, int] | None = None,
        downscale: int = 1,
        max_pixels: int | None = None,
        max_side: int | None = None,
        max_memory: int | None = None,
        max_chunk_bytes: int | None = None,
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Return the pixels, H x W for a gray picture, else H x W x channels.

        Args:
            layers: "semantic" takes every detail symbol as its prediction.
            allow_truncated: return the best picture so far of a file that ends too early.
            region: x, y, width, height of the part to decode; the same pixels as in the whole.
            downscale: 2, 4, 8: the picture at that part of its size, ceil(side / downscale), from
                less work. `region` keeps counting pixels of the whole size and is widened to whole
                pixels of the smaller picture.
        """
