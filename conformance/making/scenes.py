"""Pictures to code: made of arithmetic alone, so that they are the same everywhere and always."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scene(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Gradients, discs, stripes and a textured half: u8 [height][width][3]."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // width, y * 255 // height, (x + 2 * y) % 256], axis=-1)
    for _ in range(6):
        centre_y, centre_x = rng.integers(height), rng.integers(width)
        radius = rng.integers(3, 12 + max(width, height) // 4)
        inside = (y - centre_y) ** 2 + (x - centre_x) ** 2 < radius**2
        picture[inside] = rng.integers(0, 256, 3)
    stripes = (x // 3 + y // 5) % 2 == 0
    picture[stripes & (x > width // 2)] //= 2
    grain = rng.integers(-24, 25, picture.shape) * (y > height // 2)[..., None]
    result: NDArray[np.uint8] = (picture + grain).clip(0, 255).astype(np.uint8)
    return result


def alpha(width: int, height: int) -> NDArray[np.uint8]:
    """A plane that is opaque, transparent and in between: u8 [height][width]."""
    y, x = np.mgrid[0:height, 0:width]
    plane: NDArray[np.uint8] = ((3 * x + 2 * y).clip(0, 255) * ((x + y) % 7 != 0)).astype(np.uint8)
    return plane
