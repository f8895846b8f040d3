"""What the tests of desktop programs share: the installed tools, a small model, and a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dlf
import numpy as np
import pytest
from integer_models import encoding_package
from PIL import Image


@dataclass(frozen=True)
class Desktop:
    """A machine with DLF installed: programs on the path, one model, a folder for files."""

    folder: Path
    package: Path
    environment: dict[str, str]

    def file(self, name: str, content: bytes) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def encode(self, image: Image.Image, quality: float = 60) -> bytes:
        """A .dlf file of the picture, by the model of this machine."""
        return dlf.encode(image, quality, model=self.package)

    def decode(self, data: bytes, downscale: int = 1) -> np.ndarray:
        """What Python decodes it to."""
        return dlf.Codec(self.package, threads=1).decode(data, downscale=downscale)


def desktop(prefix: Path, folder: Path) -> Desktop:
    """A desktop whose installation of DLF is `prefix`; everything of its own lies in `folder`."""
    models = folder / "models"
    models.mkdir()
    package = models / "dlf-s.dlfm"
    package.write_bytes(encoding_package())
    for name in ("mime", "thumbnailers"):
        shutil.copytree(prefix / "share" / name, folder / "share" / name)
    # As installing a package of the system does; gdk-pixbuf looks for loaders by type.
    update = shutil.which("update-mime-database")
    if update is not None:
        subprocess.run([update, folder / "share" / "mime"], check=True)
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "DLF_MODEL_PATH": str(models),
        "XDG_DATA_HOME": str(folder / "share"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return Desktop(folder, package, environment)


def program(*names: str) -> str:
    """The first of the programs that is installed, or the test is skipped."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip(f"{' or '.join(names)} is not installed")


def python_with_gi() -> str:
    """A Python that has GObject introspection; that of the tests need not."""
    for path in ("/usr/bin/python3", "python3"):
        words = [path, "-c", "import gi.repository.GdkPixbuf"]
        try:
            if subprocess.run(words, capture_output=True, check=False).returncode == 0:
                return path
        except OSError:
            continue
    pytest.skip("no Python has gi")
