"""Short of memory once: named errors meanwhile, and afterwards everything works as before."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")

PROGRAM = """
import resource, sys
import numpy as np
import dlf
codec = dlf.Codec(sys.argv[1], threads=int(sys.argv[2]))
rng = np.random.default_rng(0)
pixels = rng.integers(0, 255, (512, 512, 3), np.uint8)
data = codec.encode(pixels, 0)
other = codec.encode(np.zeros((512, 384, 3), np.uint8), 0)
large = np.zeros((1100, 1100, 3), np.uint8)
large_data = codec.encode(large, 0)
small = codec.encode(np.full((64, 64, 3), 90, np.uint8), 0)
codec.decode(small)  # has loaded what is loaded once; not yet the code for other sizes
failed = 0
def limit(megabytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    most = used + int(megabytes * 2**20) if megabytes is not None else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
def shorten(done, total):
    limit(megabytes)
early = (0, 1, 2, 4, 7, 10, 14, 20, 30, 45)
late = np.arange(23, 31, .5)  # what the next thread takes, and a little for the networks
for work, start, amounts in (
    (lambda: codec.encode(large, 50, progress=shorten), None, late),
    (lambda: codec.decode(large_data, progress=shorten), None, late),
    (lambda: codec.decode(data), shorten, early),
    (lambda: codec.encode(pixels, 50), shorten, early),
    (lambda: dlf.Codec(sys.argv[1]).decode(small), shorten, early),
):
    for megabytes in amounts:
        try:
            if start: start(0, 0)
            work()
        except (MemoryError, dlf.LimitExceeded) as error:
            failed += 1
            text = str(error)
        else:
            text = ""
        finally:
            limit(None)
        assert len(text) < 300 and "\\n" not in text, text
assert codec.decode(data).shape == (512, 512, 3)
assert codec.decode(data, downscale=2).shape == (256, 256, 3)
assert dlf.Codec(sys.argv[1]).encode(pixels, 0) == data
assert codec.decode(other).shape == (512, 384, 3)
print(failed > 5)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_calls_work_again_when_memory_is_back(threads: int, either_package: Path) -> None:
    assert run_python(PROGRAM, either_package, threads) == "True"
