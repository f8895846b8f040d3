"""Random crops cut on the accelerator: images stay there as uint8, a batch is gathered at once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .data import CropPlan, Cut

OFFSETS = (-0.25, 0.25)
"""Where each output pixel is sampled, in output pixels: four taps are a box filter, enough for 1.6
times smaller.
"""


class DeviceSampler(CropPlan):
    """Draws the same crops as `data.CropSampler` from the same seed, resampled with bilinear taps.

    The images must fit into the device's memory, three bytes a pixel. No Python runs per sample but
    the drawing.
    """

    def __init__(
        self,
        images: list[NDArray[np.uint8]],
        seed: int,
        rescale: float = 0.5,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__([(i.shape[0], i.shape[1]) for i in images], seed, rescale)
        self.device = torch.device(device)
        areas = [i.shape[0] * i.shape[1] for i in images]
        starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        self.starts = torch.from_numpy(starts.astype(np.int64)).to(self.device)
        self.widths = torch.tensor([i.shape[1] for i in images], device=self.device)
        self.pixels = torch.empty(sum(areas), 3, dtype=torch.uint8, device=self.device)
        for start, image in zip(starts, images, strict=True):
            flat = torch.from_numpy(image).reshape(-1, 3)
            self.pixels[int(start) : int(start) + len(flat)] = flat.to(self.device)

    def batch(self, size: int, crop: int) -> Tensor:
        """`[size, 3, crop, crop]` float32 in [0, 1] on the device, channels last in memory."""
        return self.cut([self.draw(crop) for _ in range(size)], crop)

    def cut(self, cuts: list[Cut], crop: int) -> Tensor:
        """The given crops, resampled to `crop` pixels."""
        plan = torch.tensor(
            [[c.image, c.top, c.left, c.side, c.mirrored] for c in cuts], device=self.device
        )
        image, top, left, side, mirrored = plan.unbind(1)
        start, width = self.starts[image], self.widths[image]
        scale = (side.float() / crop)[:, None]
        centre = torch.arange(crop, device=self.device) + 0.5
        column_centre = torch.where(mirrored[:, None] > 0, crop - centre, centre)
        # Whole pixels need one tap; elsewhere four, a quarter of an output pixel off the centre.
        offsets = (0.0,) if bool((side == crop).all()) else OFFSETS
        total = torch.zeros(len(cuts), crop, crop, 3, device=self.device)
        for dy in offsets:
            row = self._positions(centre[None] + dy, scale, side)
            for dx in offsets:
                column = self._positions(column_centre + dx, scale, side)
                total += self._bilinear(start, width, top, left, side, row, column)
        result = (total / (255 * len(offsets) ** 2)).permute(0, 3, 1, 2)
        return result.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def _positions(at: Tensor, scale: Tensor, side: Tensor) -> Tensor:
        """Output coordinates -> coordinates among the pixel centres of the crop, `[B, crop]`."""
        exact = torch.where(scale == 1, at.floor() + 0.5, at)
        return (exact * scale - 0.5).clamp(min=0).minimum(side[:, None].float() - 1)

    def _bilinear(
        self,
        start: Tensor,
        width: Tensor,
        top: Tensor,
        left: Tensor,
        side: Tensor,
        row: Tensor,
        column: Tensor,
    ) -> Tensor:
        """Samples `[B, crop, crop, 3]` at the given rows and columns of the crops, in [0, 255]."""
        y, x = row.floor().long(), column.floor().long()
        fy = (row - y)[:, :, None, None]
        fx = (column - x)[:, None, :, None]
        last = side[:, None] - 1
        rows = [
            (start + top * width)[:, None] + r * width[:, None] for r in (y, (y + 1).minimum(last))
        ]
        columns = [left[:, None] + c for c in (x, (x + 1).minimum(last))]
        upper, lower = (
            torch.lerp(
                self.pixels[r[:, :, None] + columns[0][:, None, :]].float(),
                self.pixels[r[:, :, None] + columns[1][:, None, :]].float(),
                fx,
            )
            for r in rows
        )
        return torch.lerp(upper, lower, fy)
