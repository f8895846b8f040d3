"""What DLF says where the torch backend is missing, and what works all the same."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import dlf
import pytest
from dlf import torchscript
from dlf.cli import main
from PIL import Image

pytestmark = pytest.mark.usefixtures("model_environment")


@pytest.fixture(params=["torch", "dlf._torch"])
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """torch is not installed; or DLF was built without it. Returns what is to be done."""
    monkeypatch.delitem(sys.modules, "dlf._torch", raising=False)
    monkeypatch.setitem(sys.modules, request.param, None)  # type: ignore[arg-type]
    if request.param == "torch":
        monkeypatch.setattr(torchscript, "_module", lambda: (_ for _ in ()).throw(ImportError))
        return f"pip install '{torchscript.TORCH}'"
    return f"pip install '{torchscript.TORCH}', then build DLF again"


@pytest.fixture(scope="module")
def torch_dlf(photo: Image.Image, torch_package: Path) -> bytes:
    """A file of a TorchScript package."""
    return dlf.Codec(torch_package).encode(photo, 100)


def test_an_integer_package_needs_no_backend(missing: str, photo: Image.Image) -> None:
    data = dlf.encode(photo, 100, importance="auto")
    assert dlf.decode(data).shape == (photo.height, photo.width, 3)
    assert dlf.decode(data, downscale=2, noise="faithful").shape[0] == photo.height // 2


def test_the_default_model_needs_no_backend(
    missing: str, photo: Image.Image, shipped_default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLF_MODEL_PATH", str(shipped_default.parent))
    data = dlf.encode(photo, max_bytes=300)
    assert dlf.Codec().model.path == shipped_default
    assert dlf.decode(data).shape == (photo.height, photo.width, 3)


def test_a_package_names_the_backend_that_it_needs(
    missing: str, torch_default: Path, torch_dlf: bytes
) -> None:
    with pytest.raises(dlf.ModelError) as caught:
        dlf.Codec(torch_default).decode(torch_dlf)
    text = str(caught.value)
    assert text.startswith(f"model package {str(torch_default)!r} needs the torch backend")
    assert text.endswith(missing)


def test_a_device_names_the_backend_that_it_needs(missing: str) -> None:
    with pytest.raises(ValueError, match=r'device "cuda:1" is not available: it needs') as caught:
        dlf.Codec(device="cuda:1")
    assert str(caught.value).endswith(missing)


@pytest.mark.parametrize("absent", ["torch", "dlf._torch"])
def test_the_command_line_ends_with_the_status_of_a_model(
    absent: str, torch_default: Path, torch_dlf: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.dlf").write_bytes(torch_dlf)
    program = (
        f"import sys; sys.modules[{absent!r}] = None\n"
        "from dlf.cli import main; sys.exit(main(['decode', 'a.dlf', 'a.png']))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 14
    assert "needs the torch backend" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_headers_and_symbols_need_no_backend(
    missing: str,
    torch_default: Path,
    torch_dlf: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = tmp_path / "a.dlf"
    source.write_bytes(torch_dlf)
    assert dlf.info(torch_dlf).size == (168, 120)
    for words in (["info"], ["verify"]):
        assert main([*words, str(source)]) == 0
    assert main(["symbols", str(source), str(tmp_path / "a.npz")]) == 0
    assert (tmp_path / "a.npz").exists()
    capsys.readouterr()


def test_errors_of_the_backend_keep_their_class(torch_package: Path) -> None:
    """They are thrown in one shared object and caught in another."""
    with pytest.raises(ValueError, match='unknown device "abacus"'):
        dlf.codec.native.Codec(str(torch_package), "abacus")


def test_torch_is_found_wherever_it_lies() -> None:
    """No path of the machine that built the module is needed, nor is one there."""
    module = importlib.util.find_spec("dlf._torch")
    assert module is not None
    assert module.origin is not None
    read = subprocess.run(
        ["readelf", "-d", module.origin], capture_output=True, text=True, check=True
    ).stdout
    paths = [line.split("[")[1].split("]")[0] for line in read.splitlines() if "PATH" in line]
    assert paths == ["$ORIGIN/../torch/lib"]


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "a.png"],
        ["compare", "a.png"],
        ["train", "a.yaml", "--data", "d", "--lpips", "l"],
        ["export", "a", "b", "--data", "d"],
    ],
)
def test_commands_that_need_torch_say_so(words: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        f"from dlf.cli import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"dlf: this command needs PyTorch: pip install '{torchscript.TORCH}'\n"
