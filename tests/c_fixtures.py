"""What tests of the C interface begin with: a codec of either kind of package, and files of it.

A module of tests takes it by `pytest_plugins = ["c_fixtures"]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import byref, c_void_p
from pathlib import Path

import pytest
from c_library import Library, PackageInfo, Status
from conftest import scene

WIDTH, HEIGHT = 150, 100


@pytest.fixture(scope="module")
def library(installed_library: Path) -> Library:
    return Library(installed_library / "lib")


@pytest.fixture(scope="module")
def codec(library: Library, either_package: Path) -> Iterator[c_void_p]:
    handle = library.open_codec(either_package)
    yield handle
    library.codec_free(handle)


@pytest.fixture(scope="module")
def by_torch(either_package: Path, torch_package: Path) -> bool:
    return either_package == torch_package


@pytest.fixture(scope="module")
def rate_points(library: Library, codec: c_void_p) -> int:
    info, package = PackageInfo(), c_void_p(library.codec_package(codec))
    assert library.package_get_info(package, byref(info), None) == Status.OK
    return int(info.rate_points)


@pytest.fixture(scope="module")
def pixels() -> bytes:
    return scene(HEIGHT, WIDTH, seed=5).tobytes()


@pytest.fixture(scope="module")
def plain(library: Library, codec: c_void_p, pixels: bytes) -> bytes:
    """A file without chunks."""
    status, data, error = library.encode(codec, pixels, WIDTH, HEIGHT, 3, rate=4)
    assert status == Status.OK, error.message
    return data


@pytest.fixture(scope="module")
def chunky(library: Library, codec: c_void_p) -> bytes:
    return library.chunky_file(codec)
