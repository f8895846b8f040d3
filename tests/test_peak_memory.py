"""Decoding takes little memory beside the samples, which the operating system is asked about."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

PROGRAM = """
import pathlib, re, sys
import numpy as np
import dlf
def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
codec = dlf.Codec(sys.argv[1], threads=2)
codec.decode(pathlib.Path(sys.argv[2]).read_bytes())
before = kilobytes("VmRSS")
pixels = codec.decode(pathlib.Path(sys.argv[3]).read_bytes())
print(pixels.nbytes, (kilobytes("VmHWM") - before) * 1024)
"""


def test_latents_give_way_to_the_samples_of_a_large_picture(
    shipped_default: Path, tmp_path: Path
) -> None:
    import dlf
    import numpy as np

    paths = []
    # The second is drawn in bands. Of half that size, malloc keeps a tensor of its latents or not,
    # which depends on the size of the package that was read before.
    for height, width in ((64, 64), (5400, 8400)):
        paths.append(tmp_path / f"{width}.dlf")
        paths[-1].write_bytes(
            dlf.encode(np.zeros((height, width, 3), np.uint8), model=shipped_default)
        )
    samples, taken = map(int, run_python(PROGRAM, shipped_default, *paths).split())
    assert samples == 5400 * 8400 * 3
    assert taken < 1.25 * samples
