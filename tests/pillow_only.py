"""What a worker process runs that knows Pillow and has never heard of DLF."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image


def pixels_digest(path: Path) -> str:
    with Image.open(path) as image:
        return hashlib.sha256(image.tobytes()).hexdigest()


def file_digest(path: Path) -> str:
    with Image.open(path) as image:
        file = io.BytesIO()
        image.save(file, "DLF", quality=50)
        return hashlib.sha256(file.getvalue()).hexdigest()


class PixelDigests:
    """A dataset, as torch.utils.data.DataLoader takes it."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> str:
        return pixels_digest(self.paths[index])
