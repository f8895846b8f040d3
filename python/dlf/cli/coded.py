"""What `dlf encode --verbose` says of a file that it wrote: where its bytes are, and for whom.

All is read back from the file itself, so that it is true of what a decoder will find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dlf import models
    from dlf.header import File, Info
    from dlf.importance import Importance
    from dlf.limits import Limits

__all__ = ["Coded", "coded", "regions"]


@dataclass(frozen=True)
class Coded:
    """Where the bytes of a file are, and what its importance map says.

    Attributes:
        header_bytes, token_bytes, detail_bytes, chunk_bytes: of the file. The map is none of the
            tokens.
        map_bytes: ideal length of the importance map, 0.0 without one.
        more, less: connected regions of the latent grid with a higher and a lower rate than the
            header's, each the number of its positions.
        positions: of the whole latent grid.
    """

    file_bytes: int
    header_bytes: int
    token_bytes: int
    detail_bytes: int
    chunk_bytes: int
    map_bytes: float
    more: tuple[int, ...]
    less: tuple[int, ...]
    positions: int

    def lines(self, importance: Importance | None) -> list[str]:
        """Return the lines that a person reads; `importance` is what was asked for."""
        found = [] if importance is None else [f"  importance, {_kind(importance)}: {self._map()}"]
        chunks = f", chunks {self.chunk_bytes}" if self.chunk_bytes else ""
        parts = (
            f"  bytes: header {self.header_bytes}, tokens {self.token_bytes}, "
            f"details {self.detail_bytes}{chunks}"
        )
        return [*found, parts]

    def _map(self) -> str:
        sides = [
            f"{len(regions)} {'region' if len(regions) == 1 else 'regions'} with {what} "
            f"({100 * sum(regions) / self.positions:.0f} % of the picture)"
            for regions, what in ((self.more, "more"), (self.less, "less"))
            if regions
        ]
        if not sides:
            return "nothing differs, so there is no map"
        share = 100 * self.map_bytes / self.file_bytes
        return f"{', '.join(sides)}; the map takes {self.map_bytes:.1f} bytes, {share:.1f} %"


def coded(file: File, header: Info, model: models.Model, *, limits: Limits | None = None) -> Coded:
    """Return where the bytes of a whole file that `model` made are."""
    from dlf.symbols import importance_map, layer_bytes

    tokens, details = layer_bytes(file, model, limits=limits)
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    map_bytes, positions = 0.0, 0
    if header.importance_map:
        rates, bits = importance_map(file, model, limits=limits)
        map_bytes, positions = bits / 8, rates.size
        more, less = regions(rates > header.rate), regions(rates < header.rate)
    return Coded(
        file_bytes=len(file),
        header_bytes=header.header_bytes,
        token_bytes=tokens - round(map_bytes),
        detail_bytes=details,
        chunk_bytes=len(file) - header.header_bytes - header.payload_bytes,
        map_bytes=map_bytes,
        more=more,
        less=less,
        positions=positions,
    )


def regions(chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the sizes of the connected regions of a grid, the largest first; corners connect."""
    rest = {(y, x) for y, x in zip(*(axis.tolist() for axis in chosen.nonzero()), strict=True)}
    sizes = []
    while rest:
        inside, size = [rest.pop()], 0
        while inside:
            y, x = inside.pop()
            size += 1
            near = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & rest
            rest -= near
            inside += near
        sizes.append(size)
    return tuple(sorted(sizes, reverse=True))


def _kind(importance: Importance) -> str:
    if isinstance(importance, str):
        return importance
    if isinstance(importance, Sequence):
        return f"{len(importance)} {'box' if len(importance) == 1 else 'boxes'}"
    width, height = importance.size
    return f"mask of {width}x{height}"
