"""The script that trains on a machine at hand for minutes: from packing to a second, resumed call."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from dlf_models.common.checkpoint import load_checkpoint
from evaluation_samples import write_random_weights
from PIL import Image
from tiny_networks import TINY_NETWORK

pytestmark = pytest.mark.slow

TRAIN = {"batch": 2, "images": 100, "crop": 128, "validate_every": 4}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what travels, without a built core."""
    there = tmp_path / "there"
    unbuilt = shutil.ignore_patterns("*.so", "__pycache__", "pretrained")
    for folder in ("python", "models"):
        shutil.copytree(ROOT / folder, there / folder, ignore=unbuilt)
    (there / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "accelerator.sh", there / "scripts")
    network = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(TINY_NETWORK).items()}
    recipe = {"profile": "small", "network": network, "train": TRAIN}
    (there / "tiny.yaml").write_text(yaml.safe_dump(recipe))
    return there


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A shard of eight pictures, their tags, and weights of LPIPS beside them."""
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "train-000.tar", "w") as tar:
        for number in range(8):
            data = io.BytesIO()
            pixels = rng.integers(0, 256, (150, 170, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data, "png")
            info = tarfile.TarInfo(f"{number}.png")
            info.size = data.tell()
            data.seek(0)
            tar.addfile(info, data)
    (folder / "tags.csv").write_text("name,faces,largest_face_px,text_chars\n")
    (folder.parent / "lpips").mkdir()
    write_random_weights(folder.parent / "lpips" / "lpips_squeeze.npz")
    return folder


def call(tree: Path, *words: str | Path) -> None:
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "RECIPE": "tiny.yaml",
        "TORCHDYNAMO_DISABLE": "1",  # compiling takes a minute, and changes no result
    }
    done = subprocess.run(
        ["bash", tree / "scripts" / "accelerator.sh", *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_two_calls_train_one_network(tree: Path, shards: Path, tmp_path: Path) -> None:
    folder, out = tree / "carried", tmp_path / "out"
    call(tree, "pack", folder, shards, "no.ckpt")
    assert {p.name for p in (folder / "1").iterdir()} == {
        "train-000.tar",
        "tags.csv",
        "lpips_squeeze.npz",
    }
    call(tree, "train", folder, out, "1", "--images", "4")
    assert load_checkpoint(folder / "run" / "last.ckpt")["counters"] == [4, 2]
    assert {"slim.ckpt.00", "sheet.png", "validation.csv"} <= {p.name for p in out.iterdir()}
    call(tree, "train", folder, out, "1", "--images", "8")
    assert load_checkpoint(folder / "run" / "last.ckpt")["counters"] == [8, 4]
    # What came home goes out again: another machine goes on from it.
    pieces = sorted(out.glob("slim.ckpt.*"))
    brought = tmp_path / "brought.ckpt"
    brought.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    again = tree / "again"
    call(tree, "pack", again, shards, brought)
    call(tree, "train", again, out, "1", "--images", "10")
    assert load_checkpoint(again / "run" / "last.ckpt")["counters"][0] == 10
