"""A host with threads, daemon threads, greenlets and interpreters of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import run_python

NUMBERS = """
import sys, threading, time
import dlf, numpy as np, torch
torch.set_num_threads(4)
codec = dlf.Codec(sys.argv[1], threads=2)
file = codec.encode((np.random.default_rng(0).random((96, 96, 3)) * 255).astype(np.uint8), 50)
stop, seen = False, set()
def spin():
    while not stop:
        codec.decode(file)
def host():
    seen.add(torch.get_num_threads())
    time.sleep(.002)
    seen.add(torch.get_num_threads())
busy = [threading.Thread(target=spin) for _ in range(3)]
[thread.start() for thread in busy]
end = time.monotonic() + 2
while time.monotonic() < end:
    threads = [threading.Thread(target=host) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
stop = True
[thread.join() for thread in busy]
host()
print(seen)
"""


def test_threads_of_the_host_keep_the_number_of_the_host(torch_package: Path) -> None:
    assert run_python(NUMBERS, torch_package) == "{4}"


ENDING = """
import io, sys, threading, time
import numpy as np
from PIL import Image
import dlf, dlf_pillow
from dlf import symbols
pixels = np.zeros((700, 700, 3), np.uint8)
data = dlf.encode(pixels, 0)
dlf.decode(data)
works = {
    "decode": lambda: dlf.decode(data),
    "encode": lambda: dlf.encode(pixels, 0),
    "load": lambda: Image.open(io.BytesIO(data)).load(),
    "progress": lambda: dlf.Codec().decode(data, progress=lambda *_: time.sleep(.001)),
    "symbols": lambda: symbols.verify(data),
}
def work():
    while True:
        works[sys.argv[1]]()
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(.15)
print("ends")
"""


@pytest.mark.parametrize("what", ["decode", "encode", "load", "progress", "symbols"])
def test_the_interpreter_may_end_while_a_daemon_thread_codes(
    what: str, either_default: Path
) -> None:
    assert run_python(ENDING, what) == "ends"


# Exit functions run in reverse order: sleep(1) after those of everything that is loaded later, and
# so when the static objects of libtorch are gone. The call's own thread is still at work then.
LINGERING = """
import ctypes, sys, threading, time
libc = ctypes.CDLL(None)
libc.__cxa_atexit(ctypes.cast(libc.sleep, ctypes.c_void_p), ctypes.c_void_p(1), None)
import dlf, numpy as np
codec = dlf.Codec(sys.argv[1], threads=2)
file = codec.encode(np.random.default_rng(0).integers(0, 255, (1500, 1500, 3), np.uint8), 0)
codec.decode(file, downscale=8)
threading.Thread(target=codec.decode, args=(file,), daemon=True).start()
time.sleep(.1)
print("ends")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="__cxa_atexit is glibc's")
def test_a_process_that_lingers_in_its_end_computes_no_more(either_package: Path) -> None:
    assert run_python(LINGERING, either_package) == "ends"


def test_calls_work_in_exit_functions(either_package: Path) -> None:
    program = """
import atexit, sys
atexit.register(lambda: print(codec.decode(file).shape))
import dlf, numpy as np
codec = dlf.Codec(sys.argv[1])
file = codec.encode(np.zeros((64, 80, 3), np.uint8), 0)
"""
    assert run_python(program, either_package) == "(64, 80, 3)"


GREENLETS = """
import sys
import dlf, greenlet, numpy as np
codec = dlf.Codec(sys.argv[1], threads=3)
pixels = np.random.default_rng(0).integers(0, 255, (1300, 2500, 3), np.uint8)
file = codec.encode(pixels, 50)
want = codec.decode(file)
hub = greenlet.getcurrent()
def through(depth, act):
    return act() if depth == 0 else through(depth - 1, act)  # stacks of different depth
def progress(done, total):
    hub.switch()
def decode(depth):
    return through(depth, lambda: np.array_equal(codec.decode(file, progress=progress), want))
def encode(depth):
    return through(depth, lambda: codec.encode(pixels, 50, progress=progress) == file)
def stopped(depth):
    try:
        codec.decode(file, progress=progress)
    except greenlet.GreenletExit:
        return True
jobs = [greenlet.greenlet(job) for job in (decode, encode, decode, stopped, encode)]
results = {}
for depth, job in enumerate(jobs):
    job.switch(20 * depth)
jobs[3].throw(greenlet.GreenletExit)
pending = list(enumerate(jobs))
while pending:
    for index, job in list(pending):
        if not job.dead:
            results[index] = job.switch()
        if job.dead:
            pending.remove((index, job))
print([results.get(index) for index in (0, 1, 2, 4)])
"""


def test_greenlets_may_switch_inside_a_progress_function(either_package: Path) -> None:
    pytest.importorskip("greenlet")
    assert run_python(GREENLETS, either_package) == "[True, True, True, True]"


@pytest.mark.parametrize("first", ["", "import dlf_pillow, dlf.codec\n"])
@pytest.mark.parametrize("module", ["dlf", "dlf.header", "dlf.codec", "dlf_pillow"])
def test_another_interpreter_may_import(module: str, first: str) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip("its module of interpreters has another name")
    program = f"""
{first}import _xxsubinterpreters as interpreters
try:
    interpreters.run_string(interpreters.create(), "import {module}")
except interpreters.RunFailedError as error:
    print(error)
"""
    said = run_python(program)
    assert said == "" or "ImportError" in said
    if module == "dlf.header":
        assert "dlf can be imported in the main interpreter only" in said
