"""Edges of pictures with the shipped model: no frame around them, no gray in small ones."""

from __future__ import annotations

from pathlib import Path

import dlf
import numpy as np
import numpy.typing as npt
import pytest

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "white": (255, 255, 255), "sky": (40, 60, 200)}
TINY = (1, 4, 16)
"""Sides in pixels: most or all of such a picture is border."""


@pytest.fixture(scope="module")
def codec(shipped_default: Path) -> dlf.Codec:
    return dlf.Codec(shipped_default)


def errors(codec: dlf.Codec, colour: str, side: int) -> npt.NDArray[np.float64]:
    """[side, side]: how many levels the samples of a flat picture are off, at the best quality."""
    flat = np.full((side, side, 3), COLOURS[colour], np.uint8)
    decoded = codec.decode(codec.encode(flat, 100)).astype(int)
    return np.asarray(np.abs(decoded - flat).mean(axis=2))


@pytest.mark.parametrize("colour", COLOURS)
def test_the_border_of_a_flat_picture_is_as_good_as_its_inside(
    codec: dlf.Codec, colour: str
) -> None:
    """Where edges are padded with zeros, the ring is off by 20 levels and the corners by 51."""
    off = errors(codec, colour, 256)
    inside = off[64:-64, 64:-64].mean()
    ring = np.concatenate([off[0], off[-1], off[:, 0], off[:, -1]]).mean()
    corners = off[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert ring <= inside + 4
    assert corners <= inside + 8


@pytest.mark.parametrize("side", TINY)
@pytest.mark.parametrize("colour", COLOURS)
def test_pictures_that_are_all_border_keep_their_colour(
    codec: dlf.Codec, colour: str, side: int
) -> None:
    """A white pixel came back as 229, 225, 227."""
    assert errors(codec, colour, side).max() <= 12
