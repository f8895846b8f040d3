"""scripts/other_systems.py: libdlf for Windows, built here and run under Wine; for macOS, linked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPT = ROOT / "scripts" / "other_systems.py"
sys.path.insert(0, str(SCRIPT.parent))
import other_systems


@pytest.mark.slow
def test_windows_draws_the_same_pixels(tmp_path: Path) -> None:
    if shutil.which("wine") is None:
        pytest.skip("Wine is missing (Debian: wine, wine64)")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", tmp_path, "windows"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kernels in other_systems.KERNELS:
        assert f"Windows under Wine, {kernels}: " in done.stdout
