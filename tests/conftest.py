"""What all tests share: a model package, small pictures, files made of them.

Tests that code pictures use the fixture `model_environment`: the default model is then the small
test model, an integer package. It codes nothing well, but everything truly, in milliseconds and
without torch. What is special about TorchScript packages is tested with `torch_package`.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from desktop import Desktop, desktop
from native_tools import Tool, tool_of
from PIL import Image

if TYPE_CHECKING:
    import dlf
    from web_site import WebPage

pytest.register_assert_rewrite("c_fixtures")  # modules import it before it becomes a plugin

ROOT = Path(__file__).resolve().parents[1]
PHOTO_SIZE = (168, 120)
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]


@pytest.fixture(scope="session")
def shipped_test_package() -> Path:
    """The test model, id 5, as it is shipped: an integer package."""
    return ROOT / "models" / "pretrained" / "test.dlfm"


@pytest.fixture(scope="session")
def torch_package() -> Path:
    """A trained TorchScript package, id 0, without a method for reduced sizes."""
    return ROOT / "conformance" / "packages" / "test-torch.dlfm"


@pytest.fixture(scope="session")
def shipped_default() -> Path:
    """The model package that DLF ships as its default."""
    path = ROOT / "models" / "pretrained" / "dlf-s.dlfm"
    if not path.is_file():
        pytest.skip("no models/pretrained/dlf-s.dlfm")
    return path


@pytest.fixture(scope="session")
def kodak() -> list[Path]:
    """The 24 Kodak photographs, which no model was trained on."""
    paths = sorted((ROOT.parent / "shared" / "kodak").glob("kodim*.png"))
    if len(paths) != 24:
        pytest.skip("no ../shared/kodak")
    return paths


@pytest.fixture(scope="session")
def installed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libdlf and libdlf_torch, built by CMake and installed: a folder with `lib` and `include`."""
    scripts = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=f"{scripts}{os.pathsep}{os.environ['PATH']}")
    if cmake is None:
        pytest.skip("cmake is not installed")
    build, prefix = ROOT / "build" / "cmake", tmp_path_factory.mktemp("libdlf")
    torch = Path(str(importlib.util.find_spec("torch").origin)).parent  # type: ignore[union-attr]
    options = {"CMAKE_PREFIX_PATH": torch, "CMAKE_INSTALL_LIBDIR": "lib"}
    settings = [f"-D{name}={value}" for name, value in options.items()]
    build.mkdir(parents=True, exist_ok=True)
    with (build / "pytest.lock").open("w") as lock:  # another worker may want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            ["-S", ROOT / "core", "-B", build, *settings],
            ["--build", build, "--parallel", "2"],
            ["--install", build, "--prefix", prefix],
        ):
            done = subprocess.run([cmake, *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    return prefix


@pytest.fixture(scope="session")
def compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler is installed")
    return found


@pytest.fixture(scope="session")
def examples(
    compiler: str, installed_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The four programs, built with what pkg-config says and no other path."""
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(installed_library / "lib" / "pkgconfig")}
    folder = tmp_path_factory.mktemp("examples")
    for name, package in {
        "probe": "dlf",
        "symbols": "dlf",
        "decode_ppm": "dlf_torch",
        "encode_ppm": "dlf_torch",
    }.items():
        words = ["pkg-config", "--cflags", "--libs", package]
        flags = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        source = ROOT / "core" / "examples" / f"{name}.c"
        rpath = f"-Wl,-rpath,{installed_library / 'lib'}"
        run(
            *(compiler, "-std=c99", *STRICT, source, "-o", folder / name),
            *(*flags.stdout.split(), rpath),
        )
    return folder


@pytest.fixture(scope="session")
def test_package(shipped_test_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test model under the name of the default model."""
    path = tmp_path_factory.mktemp("models") / "dlf-s.dlfm"
    path.write_bytes(shipped_test_package.read_bytes())
    return path


@pytest.fixture(scope="module", params=["integer", "torch"])
def either_package(
    request: pytest.FixtureRequest, shipped_test_package: Path, torch_package: Path
) -> Path:
    """Both kinds of packages in turn, for what must hold with either backend."""
    return shipped_test_package if request.param == "integer" else torch_package


@pytest.fixture(scope="session")
def random_package(torch_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TorchScript package made here and now: random weights, and a method for reduced sizes."""
    from torch_models import random_torch_package

    path = tmp_path_factory.mktemp("package") / "random.dlfm"
    path.write_bytes(random_torch_package(torch_package.read_bytes()))
    return path


@pytest.fixture(scope="module", params=["trained", "random"])
def package(request: pytest.FixtureRequest, torch_package: Path, random_package: Path) -> Path:
    """Each of the two TorchScript packages in turn, for modules that name none of their own."""
    return torch_package if request.param == "trained" else random_package


@pytest.fixture(scope="session")
def encoding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random integer package that encodes, under the name of the default model."""
    from integer_models import encoding_package

    path = tmp_path_factory.mktemp("models") / "dlf-s.dlfm"
    path.write_bytes(encoding_package())
    return path


@pytest.fixture(scope="session")
def encoding_codec(encoding_model: Path) -> dlf.Codec:
    import dlf

    return dlf.Codec(encoding_model, threads=1)


@pytest.fixture(scope="session")
def model_environment(test_package: Path) -> Iterator[None]:
    """Make the test model the default, in this process and in those that it starts."""
    before = os.environ.get("DLF_MODEL_PATH")
    os.environ["DLF_MODEL_PATH"] = str(test_package.parent)
    yield
    if before is None:
        del os.environ["DLF_MODEL_PATH"]
    else:
        os.environ["DLF_MODEL_PATH"] = before


def as_default(package: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `package` the default model for one test; returns its copy in `folder`."""
    path = folder / "dlf-s.dlfm"
    path.write_bytes(package.read_bytes())
    monkeypatch.setenv("DLF_MODEL_PATH", str(folder))
    return path


@pytest.fixture
def torch_default(
    torch_package: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The TorchScript package as the default model."""
    return as_default(torch_package, tmp_path_factory.mktemp("models"), monkeypatch)


@pytest.fixture
def either_default(
    either_package: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Packages of both kinds in turn as the default model."""
    return as_default(either_package, tmp_path_factory.mktemp("models"), monkeypatch)


@pytest.fixture(scope="session")
def pictures() -> dict[str, Image.Image]:
    """One small picture in each of the modes L, LA, RGB and RGBA."""
    rgb = Image.fromarray(scene(61, 83, seed=1))
    alpha = Image.radial_gradient("L").resize(rgb.size)
    gray = rgb.convert("L")
    return {
        "L": gray,
        "LA": Image.merge("LA", (gray, alpha)),
        "RGB": rgb,
        "RGBA": Image.merge("RGBA", (*rgb.split(), alpha)),
    }


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A picture of several windows, with smooth parts, edges and texture."""
    return Image.fromarray(scene(PHOTO_SIZE[1], PHOTO_SIZE[0], seed=2))


@pytest.fixture(scope="session")
def photo_dlf(photo: Image.Image, model_environment: None) -> bytes:
    """`photo` as a plain .dlf file without chunks, at the best quality."""
    import dlf

    return dlf.encode(photo, 100)


@pytest.fixture(scope="session")
def chunky_dlf(pictures: dict[str, Image.Image], model_environment: None) -> bytes:
    """A .dlf file with every kind of chunk, and so with a trailer."""
    import dlf
    from dlf import icc

    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "description", 6
    return dlf.encode(
        pictures["RGBA"], 100, exif=exif, xmp="<x/>", icc_profile=icc.display_p3_profile()
    )


@pytest.fixture
def working_folder(
    pictures: dict[str, Image.Image],
    photo_dlf: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The working folder of a test of commands: a picture, `a.png`, and a file, `a.dlf`."""
    pictures["RGB"].save(tmp_path / "a.png")
    (tmp_path / "a.dlf").write_bytes(photo_dlf)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def tools(installed_library: Path, model_environment: None) -> Path:
    folder = installed_library / "bin"
    if not (folder / "dlfenc").is_file():
        pytest.skip("the tools were not built")
    return folder


@pytest.fixture(scope="session")
def dlfenc(tools: Path) -> Tool:
    return tool_of(tools / "dlfenc")


@pytest.fixture(scope="session")
def dlfdec(tools: Path) -> Tool:
    return tool_of(tools / "dlfdec")


@pytest.fixture(scope="module")
def machine(installed_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Desktop:
    """A desktop with the tools and a small integer model installed."""
    return desktop(installed_library, tmp_path_factory.mktemp("desktop"))


@pytest.fixture(scope="session")
def png(dlfenc: Tool) -> None:
    if "PNG" not in dlfenc("--help").out.decode():
        pytest.skip("the tools were built without libpng")


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def web_page(request: pytest.FixtureRequest) -> Iterator[WebPage]:
    """A page of each browser in turn; what it reports is what the test that has it does."""
    from web_site import browser_page

    with browser_page(request.param) as page:
        yield page


@pytest.fixture
def quiet_page(web_page: WebPage) -> Iterator[WebPage]:
    """The same, which has reported nothing before and must not complain."""
    web_page.events.clear()
    yield web_page
    assert web_page.complaints() == []


def run(*command: str | Path, status: int = 0) -> str:
    """Run a program; return what it printed."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of gradients, discs and noise: uint8, height x width x 3, the same in every run."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    for _ in range(8):
        centre, radius = rng.uniform(0, (height, width)), rng.uniform(5, 40)
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        picture[inside] = rng.uniform(0, 255, 3)
    picture += rng.normal(0, 12, picture.shape) * (x > width / 2)[..., None]
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture
def png_file(pictures: dict[str, Image.Image], tmp_path: Path) -> Path:
    """A picture as a PNG file."""
    path = tmp_path / "in.png"
    pictures["RGB"].save(path)
    return path


@pytest.fixture
def dlf_file(photo_dlf: bytes, tmp_path: Path) -> Path:
    """A photograph as a .dlf file."""
    path = tmp_path / "photo.dlf"
    path.write_bytes(photo_dlf)
    return path


@pytest.fixture(scope="session")
def photo_file(photo_dlf: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph as a .dlf file that tests leave as it is."""
    path = tmp_path_factory.mktemp("photo") / "photo.dlf"
    path.write_bytes(photo_dlf)
    return path
