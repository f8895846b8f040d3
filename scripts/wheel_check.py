"""Run by scripts/wheels.py with the interpreter that a wheel is for: does it code pictures exactly?

usage: wheel_check.py REPOSITORY

Decodes every conformance vector with exact pixels, most of them by the wheel's own packages. Every
sample is compared with the reference pictures. Then it encodes and decodes one picture, and prints
the SHA-256 of all samples. It needs no torch.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(sys.argv[1])
sys.path += [str(ROOT), str(ROOT / "tests")]  # for the package that encodes; dlf is the wheel's
os.environ["DLF_MODEL_PATH"] = str(ROOT / "conformance" / "packages")

import dlf
import dlf_imageio  # noqa: F401
import dlf_pillow  # noqa: F401
import numpy as np
from dlf import _core
from exact_vectors import exact_vectors
from integer_models import encoding_package
from PIL import Image

digest = hashlib.sha256()
vectors = exact_vectors()
for vector in vectors:
    pixels = dlf.decode(vector.file.read_bytes())
    with Image.open(vector.reference) as image:
        expected = np.asarray(image)
    if not np.array_equal(pixels.reshape(expected.shape), expected):
        raise SystemExit(f"{vector.name}: other samples than the reference picture")
    digest.update(pixels.tobytes())

y, x = np.mgrid[0:48, 0:80]
picture = np.stack([x * 3, y * 5, (x + y) * 2], axis=-1).astype(np.uint8)
with tempfile.TemporaryDirectory() as folder:
    package = Path(folder) / "encodes.dlfm"
    package.write_bytes(encoding_package())
    codec = dlf.Codec(package)
    data = codec.encode(picture)
    again = codec.decode(data)
if again.shape != picture.shape:
    raise SystemExit(f"{picture.shape} became {again.shape}")
digest.update(data + again.tobytes())
flags = Path("/proc/cpuinfo")
if platform.machine() == "x86_64" and flags.exists():
    has = set(flags.read_text(encoding="ascii", errors="replace").split())
    best = "vnni" if "avx512_vnni" in has else "avx2" if "avx2" in has else "plain"
    if _core.kernels()[-1] != best:
        raise SystemExit(f"the kernels are {_core.kernels()}, but this CPU has {best}")
if "torch" in sys.modules:
    raise SystemExit("torch was imported")
print(len(vectors), digest.hexdigest(), _core.kernels()[-1])
