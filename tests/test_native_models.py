"""How dlfdec and dlfenc find packages, and in which order dlfdec judges a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def tools(
    installed_library: Path,
    model_environment: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder of the tools; packages are looked for in `one` and `two` first."""
    folder = installed_library / "bin"
    if not (folder / "dlfdec").is_file():
        pytest.skip("the tools were not built")
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    monkeypatch.setenv("DLF_MODEL_PATH", os.pathsep.join(map(str, places)))
    return folder


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(word) for word in words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_damaged_packages_and_pipes_hide_nothing(
    tools: Path, test_package: Path, photo_dlf: bytes, tmp_path: Path
) -> None:
    data = bytearray(test_package.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "one" / "mine.dlfm").write_bytes(data)
    os.mkfifo(tmp_path / "one" / "a-pipe.dlfm")
    coded = tmp_path / "photo.dlf"
    coded.write_bytes(photo_dlf)
    decode = [tools / "dlfdec", "--model", "mine", coded, tmp_path / "photo.ppm"]
    done = run(*decode)
    assert done.returncode == 14
    assert "one/mine.dlfm" in done.stderr
    shutil.copy(test_package, tmp_path / "two" / "mine.dlfm")
    assert run(*decode).returncode == 0
    assert run(tools / "dlfdec", coded, tmp_path / "again.ppm").returncode == 0


def test_the_container_is_judged_before_the_model(
    tools: Path, test_package: Path, tmp_path: Path
) -> None:
    """§4.4."""
    other = tmp_path / "other.dlfm"
    vectors = Path(__file__).resolve().parents[1] / "conformance" / "vectors"
    shutil.copy(vectors / "package-8" / "model.dlfm", other)
    data = (vectors / "package-8" / "input.dlf").read_bytes()
    coded, out = tmp_path / "photo.dlf", tmp_path / "photo.ppm"
    for file, status in {data: 14, data[:-1]: 11, data + b"\x00": 10}.items():
        coded.write_bytes(file)
        assert run(tools / "dlfdec", coded, out).returncode == status
        assert run(tools / "dlfdec", "--model", test_package, coded, out).returncode == status
        assert not out.exists()
