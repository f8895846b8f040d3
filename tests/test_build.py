"""What the build promises: one version, no torch where none is needed, everything in the wheel."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def in_new_process(code: str, folder: Path = ROOT) -> str:
    """Run Python code in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_version_everywhere() -> None:
    header = (ROOT / "core" / "include" / "dlf" / "dlf.h").read_text()
    parts = [
        re.search(rf"#define DLF_VERSION_{part} (\d+)", header)
        for part in ("MAJOR", "MINOR", "PATCH")
    ]
    in_c = ".".join(part[1] for part in parts if part)
    assert PYPROJECT["project"]["version"] == in_c
    assert in_new_process("import dlf; print(dlf.__version__)") == in_c


def test_a_folder_called_dlf_is_not_the_package(tmp_path: Path) -> None:
    """A clone is called that, and people start Python in the folder above it."""
    (tmp_path / "dlf" / "models").mkdir(parents=True)
    code = "import dlf, dlf.models; print(callable(dlf.encode), callable(dlf.models.find))"
    assert in_new_process(code, tmp_path) == "True True"


def test_core_neither_links_nor_loads_torch() -> None:
    from dlf import _core

    linked = subprocess.run(
        ["ldd", _core.__file__], capture_output=True, text=True, check=False
    ).stdout
    names = re.findall(
        r"^\s*(\S+)", linked, re.MULTILINE
    )  # the addresses beside them hold any digits
    assert any("libstdc++" in name for name in names)
    assert not [name for name in names if re.search(r"torch|c10", name)]
    code = (
        "import sys, dlf_pillow, dlf.codec; dlf.codec.Codec();"
        "print([name for name in sys.modules if 'torch' in name and name != 'dlf.torchscript'],"
        "'torch' in open('/proc/self/maps').read())"
    )
    assert in_new_process(code) == "[] False"


def test_backend_does_without_the_python_package_torch() -> None:
    """Importing torch takes a second and more; libtorch alone a few tenths."""
    code = "import sys, dlf.torchscript as t; t.backend('x'); print('torch' in sys.modules)"
    assert in_new_process(code) == "False"


def test_torch_can_be_imported_after_the_backend_and_before() -> None:
    load = "import dlf.torchscript as t; t.backend('x')"
    for first, second in ((load, "import torch"), ("import torch", load)):
        assert in_new_process(f"{first}; {second}; print(torch.ones(2).sum().item())") == "2.0"


def test_backend_fits_the_installed_torch() -> None:
    import torch
    from dlf import torchscript

    torchscript.backend("any")
    from dlf import _torch

    assert torch.__version__.split("+")[0] == _torch.BUILT_FOR_TORCH
    assert torchscript.TORCH == f"torch=={_torch.BUILT_FOR_TORCH.rpartition('.')[0]}.*"
    assert PYPROJECT["project"]["optional-dependencies"]["torch"] == [torchscript.TORCH]


def test_miniz_is_a_release_without_known_faults() -> None:
    """2.1.0, which was here once, calls itself 10.1.0, and 3.1.1 calls itself 11.3.1."""
    folder = ROOT / "core" / "third_party"
    header = (folder / "miniz" / "miniz.h").read_text()
    found = re.search(r'#define MZ_VERSION "(\d+)\.(\d+)\.(\d+)"', header)
    assert found is not None
    assert tuple(int(number) for number in found.groups()) >= (11, 3, 1)
    told = (folder / "README.md").read_text()
    for name in ("miniz.c", "miniz.h"):  # as released, and as told
        digest = hashlib.sha256((folder / "miniz" / name).read_bytes()).hexdigest()
        assert f"`{name}` {digest}" in told


def test_nothing_is_inflated_with_miniz() -> None:
    """CVE-2018-12913 is in its decompressor."""
    config = (ROOT / "core" / "src" / "container" / "miniz_config.h").read_text()
    assert "#define MINIZ_NO_INFLATE_APIS" in config
    from dlf import _core

    assert b"tinfl" not in Path(_core.__file__).read_bytes()


def test_errors_of_the_modules_are_those_of_the_package() -> None:
    import pytest
    from dlf import _core, errors

    with pytest.raises(errors.InvalidFile):
        _core.probe(b"no .dlf file")
    with pytest.raises(errors.TruncatedFile):
        _core.probe(b"\xc4LF\n\x01")
    with pytest.raises(errors.ModelError):
        _core.Package("/does/not/exist.dlfm")


def test_packaged_files(tmp_path: Path) -> None:
    """The files that a wheel gets, without compiling anything."""
    target = tmp_path / "lib"
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(target)]
    egg_info = ["egg_info", "--egg-base", str(tmp_path)]
    done = subprocess.run(
        [*command, *egg_info], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    installed = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    for name in (
        "dlf/py.typed",
        "dlf/_core.pyi",
        "dlf/_torch.pyi",
        "dlf/cli/__init__.py",
        "dlf_pillow/__init__.py",
        "dlf_imageio/plugin.py",
        "dlf_models/small/model.py",
        "dlf_pretrained/__init__.py",
        "dlf_pretrained/test.dlfm",
    ):
        assert name in installed, name
    roots = {name.split("/")[0] for name in installed}
    assert roots == {
        "dlf",
        "dlf_pillow",
        "dlf_pillow_start",
        "dlf_imageio",
        "dlf_models",
        "dlf_pretrained",
    }
