"""The Pillow plugin in worker processes, however they are started, and among threads."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import dlf
import dlf_pillow
import pytest
from dlf import options
from PIL import Image
from pillow_only import PixelDigests, file_digest, pixels_digest

pytestmark = pytest.mark.usefixtures("model_environment")

START_METHODS = ("spawn", "fork", "forkserver")
WORKERS = 2
TIMEOUT = 120


def default_threads() -> tuple[int, int]:
    return options.default_threads(), options.check_threads(options.MAX_THREADS)


@pytest.mark.parametrize("method", START_METHODS)
def test_workers_decode_and_encode_the_same(method: str, photo_file: Path) -> None:
    expected = pixels_digest(photo_file), file_digest(photo_file)  # also: used before the fork
    context = multiprocessing.get_context(method)
    # Nothing but the initializer tells these workers about DLF.
    with ProcessPoolExecutor(WORKERS, context, initializer=dlf_pillow.register) as pool:
        decoded = list(pool.map(pixels_digest, [photo_file] * 4, timeout=TIMEOUT))
        encoded = list(pool.map(file_digest, [photo_file] * 2, timeout=TIMEOUT))
        threads, most = pool.submit(default_threads).result(TIMEOUT)
    assert decoded == [expected[0]] * 4
    assert encoded == [expected[1]] * 2
    assert threads == 1
    # OpenMP's threads, which torch brings, do not survive a fork.
    has_lost_threads = method == "fork" and "torch" in sys.modules
    assert most == (1 if has_lost_threads else options.available_threads())


@pytest.mark.parametrize("method", START_METHODS)
def test_the_workers_of_a_data_loader(method: str, photo_file: Path) -> None:
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader(
        PixelDigests([photo_file] * 4),
        batch_size=None,
        num_workers=WORKERS,
        multiprocessing_context=method,
        worker_init_fn=dlf_pillow.register,
        timeout=TIMEOUT,
    )
    assert list(loader) == [pixels_digest(photo_file)] * 4


def test_a_lazy_image_can_be_sent_to_a_worker(photo_file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:  # unpickling it is what registers the plugin
        received = pool.submit(Image.Image.tobytes, Image.open(photo_file)).result(TIMEOUT)
    assert received == Image.open(photo_file).tobytes()


def test_an_unpickled_image_brings_the_plugin_along(photo_file: Path, tmp_path: Path) -> None:
    image = Image.open(photo_file)
    pickled = tmp_path / "image.pickle"
    pickled.write_bytes(pickle.dumps(image))
    program = (
        "import pickle, sys\n"
        "from PIL import Image\n"
        "image = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(Image.open(sys.argv[2]).format, image.size)"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, pickled, photo_file],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.split(maxsplit=1) == ["DLF", f"{image.size}\n"]


def test_a_codec_made_before_a_fork_works_after_it(photo_dlf: bytes) -> None:
    codec = dlf.Codec(threads=2)
    expected = hashlib.sha256(codec.decode(photo_dlf).tobytes()).hexdigest()
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        sender.send(hashlib.sha256(codec.decode(photo_dlf).tobytes()).hexdigest())

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    try:
        assert receiver.poll(TIMEOUT)
        assert receiver.recv() == expected
        process.join(TIMEOUT)
    finally:
        process.kill()


def test_registering_from_many_threads_registers_once() -> None:
    barrier = threading.Barrier(8)

    def register() -> None:
        barrier.wait()
        for _ in range(20):
            dlf_pillow.register()

    workers = [threading.Thread(target=register) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Image.ID.count("DLF") == 1
    assert Image.registered_extensions()[".dlf"] == "DLF"
    assert Image.MIME["DLF"] == "image/x-dlf"


def test_register_sets_the_defaults_of_images_opened_after_it(photo_dlf: bytes) -> None:
    dlf_pillow.register(layers="semantic")
    try:
        semantic = Image.open(io.BytesIO(photo_dlf))
    finally:
        dlf_pillow.register()
    assert semantic.tobytes() == dlf.decode(photo_dlf, layers="semantic").tobytes()
    assert Image.open(io.BytesIO(photo_dlf)).tobytes() == dlf.decode(photo_dlf).tobytes()
    with pytest.raises(ValueError, match="device must be"):
        dlf_pillow.register(device="gpu")


def test_the_gil_is_released_while_coding(pictures: dict[str, Image.Image]) -> None:
    image = pictures["RGB"].resize((1500, 1500))  # one tile: nothing returns to Python meanwhile
    codec = dlf.Codec(threads=1)
    data = codec.encode(image)
    for code in (lambda: codec.encode(image), lambda: codec.decode(data)):
        duration, longest_pause = coding_and_pause(code)
        assert longest_pause < duration / 2  # a held GIL pauses this thread all the time


def coding_and_pause(code: Callable[[], object]) -> tuple[float, float]:
    """Run `code` in a thread; return its seconds, and the longest that this thread stood still."""
    times: list[float] = []

    def work() -> None:
        times.append(time.perf_counter())
        code()
        times.append(time.perf_counter())

    worker = threading.Thread(target=work)
    last = time.perf_counter()
    longest = 0.0
    worker.start()
    while len(times) < 2:
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    worker.join()
    return times[1] - times[0], max(longest, times[1] - last)


def test_the_self_check() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "dlf_pillow"], check=True, capture_output=True, text=True
    )
    assert ".dlf opens and saves as: DLF" in result.stdout
    assert result.stdout.rstrip().endswith("ok")


def test_the_self_check_says_what_is_missing(tmp_path: Path, model_environment: None) -> None:
    program = (
        "import sys, dlf.models, dlf_pillow.__main__ as check\n"
        "dlf.models._installed_directories = list\n"
        "sys.exit(check.main())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={"DLF_MODEL_PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
    )
    assert result.returncode == dlf.ModelError.exit_status
    assert "failed: the default model 'dlf-s' is missing; installed: none" in result.stderr
