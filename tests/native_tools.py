"""Calling dlfenc and dlfdec as they are installed."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Done:
    status: int
    out: bytes
    error: str


Tool = Callable[..., Done]


def tool_of(path: Path) -> Tool:
    def call(*words: str | Path, stdin: bytes = b"") -> Done:
        command = [str(path), *(str(word) for word in words)]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)
        return Done(done.returncode, done.stdout, done.stderr.decode())

    return call


def pnm_bytes(image: Image.Image, kind: str) -> bytes:
    """The picture as PGM or PPM, or as PAM, which Pillow does not write with alpha."""
    pixels = np.asarray(image)
    if kind == "pam":
        depth = len(image.getbands())
        head = f"P7\nWIDTH {image.width}\n# a comment\nHEIGHT {image.height}\nDEPTH {depth}\n"
        return f"{head}MAXVAL 255\nENDHDR\n".encode() + pixels.tobytes()
    buffer = io.BytesIO()
    image.save(buffer, "PPM")
    return buffer.getvalue()
