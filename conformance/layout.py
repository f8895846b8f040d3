"""Where vectors and packages lie, and what the files of a vector are called."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VECTORS = ROOT / "conformance" / "vectors"
INSTALLED = ROOT / "models" / "pretrained"

INPUT = "input.dlf"
TEST = "test.json"
PACKAGE = "model.dlfm"
