"""Labels for the importance head: where faces and legible text are on the latent grid."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from dlf_models.small import labels
from dlf_models.small.pool import Pool, build_pool
from evaluation_samples import astronaut, sign
from PIL import Image


def make_pool(folder: Path, pictures: dict[str, np.ndarray]) -> Pool:
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for name, picture in pictures.items():
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            member = tarfile.TarInfo(name)
            member.size = file.tell()
            file.seek(0)
            tar.addfile(member, file)
    build_pool(folder / "pool", [folder / "shard.tar"])
    return Pool(folder / "pool")


def test_cells_that_a_box_covers() -> None:
    assert labels.marked([], 65, 31).tolist() == [[0], [0], [0]]
    # 3 of 32 columns of the next cell are less than a tenth of it, 4 are more.
    assert labels.marked([(0, 0, 35, 32)], 32, 96).tolist() == [[1, 0, 0]]
    assert labels.marked([(0, 0, 36, 32)], 32, 96).tolist() == [[1, 1, 0]]
    # A small box counts where its centre is, and one outside of the picture nowhere.
    assert labels.marked([(40, 4, 44, 8), (200, 0, 300, 30)], 32, 96).tolist() == [[0, 1, 0]]


def test_a_face_and_a_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("yuface", "rapidocr_onnxruntime"):
        pytest.importorskip(package, reason="the extra labels is not installed")
    pool = make_pool(tmp_path, {"face.png": astronaut(), "sign.png": sign()})
    cache = tmp_path / "labels.npz"
    found = labels.label_pool(pool, cache)
    faces, text = found["face.png"]
    assert faces.shape == text.shape == (8, 8)
    # The face lies at x 86 to 174, y 58 to 178 of the part that is shown.
    assert faces[2:5, 3:5].all() and not faces[7].any() and not faces[:, :2].any()
    faces, text = found["sign.png"]
    assert faces.shape == (5, 10) and not faces.any()
    assert text[1, 1:6].all() and text[3, 1:6].all() and not text[:, 9].any()
    tags = tmp_path / "tags.csv"
    tags.write_text("name,faces,largest_face_px,text_chars\nface.png,1,90,\nsign.png,0,,0\n")
    _, textless = labels.read_tags(tags)
    assert textless == {"sign.png"}
    unread = labels.label_pool(pool, tmp_path / "other.npz", textless=textless)
    assert not unread["sign.png"].any() and unread["face.png"][0].any()
    monkeypatch.setattr(labels, "face_finder", None)  # nothing is looked for again
    again = labels.label_pool(pool, cache)
    assert all((again[name] == found[name]).all() for name in found)


def test_a_missing_detector_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool(tmp_path, {"grey.png": np.full((40, 40, 3), 128, np.uint8)})
    for package in ("yuface", "rapidocr_onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(labels.DetectorMissing, match=package.replace("_", "-")):
            labels.face_finder() if package == "yuface" else labels.text_finder()
    with pytest.raises(labels.DetectorMissing):
        labels.label_pool(pool, tmp_path / "labels.npz")
    assert not (tmp_path / "labels.npz").exists()
