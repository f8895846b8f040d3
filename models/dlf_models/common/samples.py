"""Sample sheets: pictures to look at while training runs."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor


def write_columns(path: Path, columns: list[Tensor]) -> None:
    """A picture with one row per image of the columns `[B, 3, H, W]`, in [0, 1]."""
    sheet = torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
    pixels = (sheet.float().clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
