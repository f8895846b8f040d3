"""Installing as the README says: from the source distribution to a picture, in another folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import ROOT, scene
from dlf.torchscript import TORCH
from PIL import Image

# Builds two wheels and installs them with everything that they need.
pytestmark = pytest.mark.slow


def run(*words: str | Path, status: int = 0, **environment: str) -> str:
    """Run a program; return what it printed."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment,
    )
    assert done.returncode == status, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def clone(tree: Path) -> None:
    """Copy the files that git knows."""
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked; made from a clone."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("sdist")
    clone(tree)
    # Without isolation the tools are those of this environment; its torch must not matter here.
    build = (sys.executable, "-m", "build", "--sdist", "--no-isolation")
    run(*build, "--outdir", out, tree, DLF_TORCH="0")
    (archive,) = out.glob("dlf-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="data")
    (unpacked,) = (path for path in out.iterdir() if path.is_dir())
    return unpacked


def wheel(source: Path, out: Path, *options: str, torch: str) -> Path:
    """Build a wheel from the source distribution."""
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", *options)
    run(*pip, "--wheel-dir", out, source, DLF_TORCH=torch)
    (made,) = out.glob("dlf-*.whl")
    return made


@pytest.fixture(scope="module")
def light_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `pip install .` builds it where there is no torch, with the tools that it asks for."""
    return wheel(source, tmp_path_factory.mktemp("light"), torch="")


@pytest.fixture(scope="module")
def torch_wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the torch backend, built with the torch of this environment."""
    folder = tmp_path_factory.mktemp("torch")
    return wheel(source, folder, "--no-build-isolation", torch="1")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, light_wheel: Path) -> Path:
    """A new environment in another folder, with the light wheel and only what it asks for."""
    folder = tmp_path_factory.mktemp("empty") / "environment"
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", light_wheel)
    return folder


def modules(archive: Path) -> dict[str, bytes]:
    """The extension modules of a wheel by their names."""
    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".so")]
        return {Path(name).name.split(".")[0]: file.read(name) for name in names}


def test_wheels_hold_what_was_asked_for(light_wheel: Path, torch_wheel: Path) -> None:
    assert set(modules(light_wheel)) == {"_core"}
    assert set(modules(torch_wheel)) == {"_core", "_torch"}


def paths_of_the_builder(archive: Path, work: Path, folders: Iterable[Path]) -> list[str]:
    """What the extension modules of a wheel tell of the machine that has built it."""
    found = []
    for name, content in modules(archive).items():
        found += [f"{name}: {path}" for path in folders if os.fsencode(path) in content]
        (work / name).write_bytes(content)
        read = run("readelf", "-d", work / name)
        paths = re.findall(r"R(?:UN)?PATH.*\[(.*)\]", read)
        if paths != (["$ORIGIN/../torch/lib"] if name == "_torch" else []):
            found.append(f"{name} is to look for libraries in {paths}")
    return found


def test_wheels_carry_no_path_of_their_builder(
    source: Path, light_wheel: Path, torch_wheel: Path, tmp_path: Path
) -> None:
    for archive in (light_wheel, torch_wheel):
        folders = (source, ROOT, Path(sys.prefix))
        assert paths_of_the_builder(archive, tmp_path, folders) == []


@pytest.mark.parametrize("option", ["--enable-new-dtags", "--disable-new-dtags"])
def test_a_path_of_the_builder_would_be_seen(compiler: str, tmp_path: Path, option: str) -> None:
    """In a module that is linked to look for libraries where they were built and names a source."""
    source, module, archive = (tmp_path / name for name in ("x.c", "_core.so", "dlf-1.whl"))
    source.write_text("const char* where(void) { return __FILE__; }")
    run(compiler, "-shared", "-fPIC", source, "-o", module, f"-Wl,{option},-rpath,/opt/built/lib")
    with zipfile.ZipFile(archive, "w") as file:
        file.write(module, "dlf/_core.so")
    assert paths_of_the_builder(archive, tmp_path, [tmp_path, Path("/elsewhere")]) == [
        f"_core: {tmp_path}",
        "_core is to look for libraries in ['/opt/built/lib']",
    ]


def test_wheels_ask_for_a_pillow_that_opens_bombs_at_no_cost(
    light_wheel: Path, torch_wheel: Path
) -> None:
    """Up to 12.2 it reads EXIF data at Image.open (test_limits.py)."""
    for archive in (light_wheel, torch_wheel):
        with zipfile.ZipFile(archive) as file:
            (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
            assert "Requires-Dist: pillow>=13" in file.read(name).decode().splitlines()


def test_a_new_environment_gets_little_and_can_read(environment: Path, tmp_path: Path) -> None:
    listed = run(environment / "bin" / "python", "-m", "pip", "list", "--format=freeze")
    installed = {line.split("=")[0].split(" ")[0].lower() for line in listed.splitlines()}
    assert installed - {"pip", "setuptools", "wheel"} == {
        "dlf",
        "imageio",
        "numpy",
        "pillow",
        "tqdm",
    }
    dlf = environment / "bin" / "dlf"
    vectors = ROOT / "conformance" / "vectors"
    vector = vectors / "test-torch-odd" / "input.dlf"
    path = {"DLF_MODEL_PATH": str(ROOT / "conformance" / "packages")}
    assert "dlf-s" in run(dlf, "models")
    assert run(dlf, "info", vector)
    run(dlf, "symbols", vector, tmp_path / "symbols.npz", **path)
    said = run(dlf, "decode", vector, tmp_path / "x.png", status=14, **path)
    assert (
        f"needs the torch backend, which this DLF was built without: pip install '{TORCH}'" in said
    )
    # With the default model it encodes and decodes, and the pixels are those of every DLF.
    for name in ("test-odd", "dlf-s-odd"):
        run(dlf, "decode", vectors / name / "input.dlf", tmp_path / "odd.png")
        with (
            Image.open(tmp_path / "odd.png") as ours,
            Image.open(vectors / name / "reference.png") as theirs,
        ):
            assert ours.tobytes() == theirs.tobytes()
    run(dlf, "encode", tmp_path / "odd.png", tmp_path / "again.dlf")
    run(dlf, "decode", tmp_path / "again.dlf", tmp_path / "again.png")


def test_a_new_environment_encodes_and_decodes(
    environment: Path, torch_wheel: Path, tmp_path: Path
) -> None:
    python, dlf = (environment / "bin" / name for name in ("python", "dlf"))
    extra = f"{torch_wheel}[torch]"
    run(python, "-m", "pip", "install", "--force-reinstall", "--no-deps", torch_wheel)
    run(python, "-m", "pip", "install", extra)
    Image.fromarray(scene(96, 128, seed=3)).save(tmp_path / "photo.png")
    run(dlf, "encode", tmp_path / "photo.png", tmp_path / "photo.dlf")
    run(dlf, "decode", tmp_path / "photo.dlf", tmp_path / "again.png")
    with Image.open(tmp_path / "again.png") as image:
        assert image.size == (128, 96)
    program = (
        "import sys, dlf_imageio, dlf_pillow, imageio.v3 as iio; from PIL import Image\n"
        "assert Image.open(sys.argv[1]).convert('RGB').size == (128, 96)\n"
        "assert iio.imread(sys.argv[1]).shape == (96, 128, 3)\n"
        "print(dlf_pillow.__file__)"
    )
    said = run(python, "-c", program, tmp_path / "photo.dlf")
    assert str(environment) in said
    assert "ok" in run(python, "-m", "dlf_pillow").lower()


@pytest.fixture(scope="module")
def readme() -> str:
    """The section "Install" of README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split("\n## Install\n")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def newcomer(readme: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new home in which somebody has done what the section's first block says, in a new clone."""
    home = tmp_path_factory.mktemp("home")
    clone(home / "clone")
    commands = re.findall(r"^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[0]
    assert "dlf-s" in at_home(home, commands)
    return home


def at_home(home: Path, commands: str, folder: str = "clone", **environment: str) -> str:
    """What a shell of the newcomer's prints; it knows nothing of the environment of the tests."""
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != f"{sys.prefix}/bin"]
    kept = {"HOME": str(home), "PATH": os.pathsep.join(path), **environment}
    return run("bash", "-e", "-c", f"cd {home / folder}\n{commands}", **kept)


ACTIVATE = ". ~/dlf-environment/bin/activate\n"


def test_the_readme_installs(newcomer: Path) -> None:
    away = newcomer / "away"
    (newcomer / "clone").rename(away)  # "the clone is no longer needed"
    try:
        Image.fromarray(scene(96, 128, seed=3)).save(newcomer / "photo.png")
        coded = "dlf encode photo.png photo.dlf && dlf decode photo.dlf again.png\n"
        modules = "python -c 'import dlf, dlf_pillow, dlf_imageio; print(dlf.__file__)'"
        said = at_home(newcomer, ACTIVATE + coded + modules, ".")
        opened = "python -c 'from PIL import Image; print(Image.open(\"photo.dlf\").size)'"
        enabled = f"python -m dlf_pillow --enable\n{opened}\npython -m dlf_pillow --disable"
        assert "(128, 96)" in at_home(newcomer, ACTIVATE + enabled, ".")
    finally:
        away.rename(newcomer / "clone")
    assert str(newcomer / "dlf-environment") in said
    with Image.open(newcomer / "again.png") as image:
        assert image.size == (128, 96)


def test_the_readme_adds_the_torch_backend(newcomer: Path, readme: str) -> None:
    """Its two other commands: one brings torch, the other builds with the torch that is there."""
    vector = ROOT / "conformance" / "vectors" / "test-torch-odd" / "input.dlf"
    decode = f"rm -f odd.png\ndlf decode {vector} odd.png"
    for words in ('DLF_TORCH=1 pip install ".[torch]"', "pip install --no-build-isolation ."):
        assert f"`{words}`" in readme
        needs = "pip install setuptools pybind11\n" if "isolation" in words else ""
        path = {"DLF_MODEL_PATH": str(ROOT / "conformance" / "packages")}
        at_home(newcomer, f"{ACTIVATE}pip uninstall -y dlf\n{needs}{words}\n{decode}", **path)
        assert (newcomer / "clone" / "odd.png").is_file()
