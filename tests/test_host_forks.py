"""Children forked while other threads code, load or import: none hangs, all code as before."""

from __future__ import annotations

from pathlib import Path

import dlf
import pytest
from PIL import Image
from programs import run_python

# Forks, runs `act` in the child and returns how it ended; a child that hangs is killed.
FORK = """
import os, time
def fork(act, leave=os._exit):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if act() else 3
        finally:
            leave(status)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(code)
        time.sleep(.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"
"""

# In the child torch has what the host has set, not what is pinned for a call: the fork has waited.
# Children that end as programs do, also one whose parent is idle, join threads and close the gate.
BUSY = """
import random, sys, threading
import dlf, numpy as np, torch
torch.set_num_threads(4)
torch.backends.mkldnn.set_flags(False)
codec = dlf.Codec(model=sys.argv[1], threads=2)
pixels = (np.random.default_rng(0).random((96, 160, 3)) * 255).astype(np.uint8)
file = codec.encode(pixels, 50)
want = codec.decode(file)
stop = False
def spin(work):
    while not stop:
        work()
works = [lambda: codec.decode(file), lambda: codec.encode(pixels, 50), lambda: dlf.Codec(sys.argv[1]).decode(file)]
threads = [threading.Thread(target=spin, args=(work,)) for work in works]
[thread.start() for thread in threads]
def act():
    host = not torch._C._get_mkldnn_enabled() and torch.get_num_threads() == 4
    return host and np.array_equal(codec.decode(file), want) and codec.encode(pixels, 50) == file
ends = set()
for number in range(4):
    time.sleep(random.random() * .03)
    ends.add(fork(act, sys.exit if number == 0 else os._exit))
    if ends != {0}:
        break
stop = True
[thread.join() for thread in threads]
ends.add(fork(act, sys.exit))
print(ends)
"""


def test_children_of_a_process_whose_threads_code(either_package: Path) -> None:
    assert run_python(FORK + BUSY, either_package) == "{0}"


FIRST = """
import io, sys, threading
from PIL import Image
import dlf_pillow
Image.init()  # Pillow's own imports can be cut
data = open(sys.argv[1], "rb").read()
def load():
    return Image.open(io.BytesIO(data)).tobytes()
threads = [threading.Thread(target=load) for _ in range(2)]
[thread.start() for thread in threads]
ends = set()
wait = .01
while threads[0].is_alive() or wait < .1:
    time.sleep(wait)
    wait *= 2
    ends.add(fork(lambda: len(load()) > 0))
[thread.join() for thread in threads]
print(ends)
"""


def test_fork_while_the_first_image_loads(
    photo: Image.Image, tmp_path: Path, either_default: Path
) -> None:
    """Another thread is importing NumPy just then, and torch where the package needs it."""
    (tmp_path / "photo.dlf").write_bytes(dlf.Codec(either_default).encode(photo, 100))
    assert run_python(FORK + FIRST, tmp_path / "photo.dlf") == "{0}"


ENCODING = """
import sys, threading
import numpy as np
import dlf
pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
want = dlf.Codec(sys.argv[1]).encode(pixels, 50)
same, ends = [], set()
for round in range(5):
    codec = dlf.Codec(sys.argv[1], threads=2)
    codec.decode(want)  # has loaded the package, whose encoder is still unpacked
    encode = lambda: same.append(codec.encode(pixels, 50) == want)
    threads = [threading.Thread(target=encode) for _ in range(3)]
    [thread.start() for thread in threads]
    ends.add(fork(lambda: codec.encode(pixels, 50) == want))
    [thread.join() for thread in threads]
print(ends, len(same), all(same))
"""


def test_fork_while_threads_encode_first(test_package: Path) -> None:
    assert run_python(FORK + ENCODING, test_package) == "{0} 15 True"


LAZY = """
import io, threading
import numpy as np
from PIL import Image
import dlf, dlf_pillow
data = dlf.encode(np.zeros((2500, 2500, 3), np.uint8), 0)
want = Image.open(io.BytesIO(data)).tobytes()
image = Image.open(io.BytesIO(data))
thread = threading.Thread(target=image.load)
thread.start()
time.sleep(.03)
print(image.tile != [], fork(lambda: image.tobytes() == want))
thread.join()
print(image.tobytes() == want)
"""


def test_a_lazy_image_that_another_thread_is_loading(either_default: Path) -> None:
    assert run_python(FORK + LAZY).split() == ["True", "0", "True"]


OWN = """
import io, sys
import numpy as np
from PIL import Image
import dlf, dlf_pillow
codec = dlf.Codec(sys.argv[1], threads=2)
file = codec.encode(np.zeros((1500, 2500, 3), np.uint8), 0)
want = codec.decode(file)
ends = []
def progress(done, total):
    if not ends:
        ends.append("asked")
        ends[0] = fork(lambda: np.array_equal(codec.decode(file), want))
        ends.append(os.fork())
try:
    same = np.array_equal(codec.decode(file, progress=progress), want)
except dlf.DlfError as error:
    os._exit(7 if ends[1] == 0 and "forked" in str(error) else 8)
print(ends[0], same, os.waitstatus_to_exitcode(os.waitpid(ends[1], 0)[1]))
image = Image.open(io.BytesIO(file))
with image._load_lock:
    print(fork(lambda: image.tobytes() == want.tobytes()))
"""


def test_a_progress_function_may_fork(either_default: Path) -> None:
    """Its child can code; the call that was under way is the parent's, and says so in the child."""
    assert run_python(FORK + OWN, either_default).split() == ["0", "True", "7", "0"]


@pytest.mark.parametrize("waits", [True, False])
def test_a_fork_waits_for_steps_that_must_not_be_cut(waits: bool) -> None:
    program = """
import sys, threading
from dlf import forks
inside, out = threading.Event(), []
def step():
    with forks.undivided():
        inside.set()
        time.sleep(.3)
        out.append("done")
if sys.argv[1] == "True":
    thread = threading.Thread(target=step)
    thread.start()
    inside.wait()
else:
    out.append("done")
def again():
    with forks.undivided():
        return out == ["done"]
print(fork(again), fork(again))
"""
    assert run_python(FORK + program, waits) == "0 0"
