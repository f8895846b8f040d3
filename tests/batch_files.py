"""What the tests of `dlf batch` share: folders of small pictures, and running the command."""

from __future__ import annotations

import functools
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlf
import numpy as np
from dlf.cli import main
from PIL import Image

QUALITY = 50


def picture(number: int) -> Image.Image:
    """A small picture that no other number gives."""
    y, x = np.mgrid[0:40, 0:56]
    channels = [x * 4 + number, y * 5 + 3 * number, (x + y) * 2 + 7 * number]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


@functools.cache
def png(number: int) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    picture(number).save(buffer, "PNG")
    return buffer.getvalue()


@functools.cache
def encoded(number: int, quality: float = QUALITY) -> bytes:
    """The picture as the .dlf file that `dlf.encode` makes."""
    return dlf.encode(picture(number), quality)


def make_folder(folder: Path, count: int) -> Path:
    """Write pictures 0..count-1 to `folder`, every third one in a folder below."""
    for number in range(count):
        path = folder / name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return folder


def name(number: int, suffix: str = ".png") -> str:
    """The name of a picture in its folder."""
    below = "" if number % 3 else "below/deep/"
    return f"{below}p{number:03}{suffix}"


def check_outputs(folder: Path, count: int, quality: float = QUALITY) -> None:
    """The folder holds the outputs, each whole and as `dlf.encode` makes it, and nothing else."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {name(number, ".dlf") for number in range(count)} | {"dlf-batch.jsonl"}
    for number in range(count):
        assert (folder / name(number, ".dlf")).read_bytes() == encoded(number, quality)
    assert not [path.name for path in folder.rglob("*") if path.name.startswith(".")]


def batch(*words: Any, status: int = 0) -> None:
    """Run `dlf batch` in this process."""
    assert main(["batch", *(str(word) for word in words)]) == status


def command(*words: Any) -> list[str]:
    """The command line of `dlf batch` in a process of its own."""
    return [sys.executable, "-m", "dlf", "batch", *(str(word) for word in words)]


def start(*words: Any) -> subprocess.Popen[str]:
    """Start `dlf batch` in a process group of its own."""
    return subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """The environment in which a new process finds the modules that this one finds."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path}


def rows(manifest: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSONL manifest."""
    if not manifest.exists():
        return []
    text = manifest.read_text()
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
