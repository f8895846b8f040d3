"""§8.1: grids, named by their cell, the side in pixels of the square that a position stands for."""

from __future__ import annotations

from typing import NamedTuple

from .header import Header
from .model import Model


def up(a: int, b: int) -> int:
    """ceil(a / b)."""
    return -(-a // b)


class Grids(NamedTuple):
    """The grids of a picture, by its padded sides in pixels."""

    height: int
    width: int

    def shape(self, cell: int) -> tuple[int, int]:
        """§8.1.1: rows and columns of the grid with this cell."""
        return up(self.height, cell), up(self.width, cell)


def grids_of(header: Header, model: Model) -> Grids:
    """§8.1.1: the sides of the picture, padded to multiples of latent_align."""
    align = model.latent_align
    return Grids(up(header.height, align) * align, up(header.width, align) * align)
