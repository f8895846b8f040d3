"""Images that Pillow has opened and not yet loaded: frugal with files, thread-safe, copyable."""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import resource
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dlf
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")

THREADS = 4
LAZY_OPENS = 400
DESCRIPTORS = 256


def test_opening_decodes_nothing_and_keeps_no_file_open(
    photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("dlf.codec.Codec.decode", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = Image.open(photo_file)
        assert image.size
        opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        assert os.path.realpath(photo_file) not in opened
        del image
        gc.collect()  # would be a ResourceWarning now


def test_many_lazy_images_need_no_descriptors(photo_file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, soft), hard))
    try:
        images = [Image.open(photo_file) for _ in range(LAZY_OPENS)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert images[0].tobytes() == images[-1].tobytes()


def test_the_file_may_be_deleted_before_load(photo_dlf: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gone.dlf"
    path.write_bytes(photo_dlf)
    image = Image.open(path)
    path.unlink()
    assert np.array_equal(np.asarray(image), dlf.decode(photo_dlf))


def test_threads_may_load_one_lazy_image(photo_dlf: bytes) -> None:
    expected = dlf.decode(photo_dlf).tobytes()
    for _ in range(5):
        image = Image.open(io.BytesIO(photo_dlf))
        barrier = threading.Barrier(THREADS)
        results: list[object] = []

        def load(
            image: Image.Image = image,
            barrier: threading.Barrier = barrier,
            results: list[object] = results,
        ) -> None:
            barrier.wait()
            try:
                results.append(image.tobytes())
            except Exception as error:  # noqa: BLE001 - compared below
                results.append(error)

        workers = [threading.Thread(target=load) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert results == [expected] * THREADS


def test_threads_may_do_different_things_with_one_lazy_image(photo_dlf: bytes) -> None:
    def saved(image: Image.Image) -> bytes:
        file = io.BytesIO()
        image.save(file, "DLF", quality=50)
        return file.getvalue()

    actions: list[Callable[[Image.Image], object]] = [
        saved,
        Image.Image.tobytes,
        lambda image: image.resize((20, 20)).tobytes(),
        lambda image: copy.deepcopy(image).tobytes(),
        lambda image: np.asarray(image).tobytes(),
    ]
    expected = [action(Image.open(io.BytesIO(photo_dlf))) for action in actions]
    for _ in range(3):
        image = Image.open(io.BytesIO(photo_dlf))
        with ThreadPoolExecutor(len(actions)) as pool:
            running = [pool.submit(action, image) for action in actions]
            assert [result.result() for result in running] == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_lazy_images_can_be_pickled(protocol: int, photo_file: Path) -> None:
    image = Image.open(photo_file)
    again = pickle.loads(pickle.dumps(image, protocol))
    assert again.tobytes() == image.tobytes()
    assert again.get_format_mimetype() == "image/x-dlf"
    assert again.load() is not None  # the lock is there again


def test_lazy_images_can_be_copied(photo_file: Path) -> None:
    for duplicate in (copy.copy, copy.deepcopy, Image.Image.copy):
        image = Image.open(photo_file)
        again = duplicate(image)
        assert again.tobytes() == image.tobytes()
        again.putpixel((0, 0), (1, 2, 3))
        assert again.getpixel((0, 0)) == (1, 2, 3)
