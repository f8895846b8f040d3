"""Datasets of .dlf files for PyTorch and webdataset, and the programs in docs/batch.md."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlf
import numpy as np
import pytest
import torch
from batch_files import batch, encoded, environment, make_folder, name
from conftest import ROOT
from dlf.torch_data import (
    DlfCollate,
    DlfDataset,
    decode_tensor,
    decoded,
    register_webdataset,
    webdataset_decoder,
)
from PIL import Image
from torch.utils.data import DataLoader

pytestmark = pytest.mark.usefixtures("model_environment")

COUNT = 6


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.dlf" for number in range(COUNT)]
    for number, path in enumerate(found):
        path.write_bytes(encoded(number))
    return found


def pixels(number: int) -> torch.Tensor:
    """What `dlf.decode` gives, as a tensor C x H x W."""
    return torch.from_numpy(dlf.decode(encoded(number))).permute(2, 0, 1)


def check_batches(batches: list[Any]) -> None:
    assert [len(pictures) for pictures in batches] == [4, 2]
    for number, picture in enumerate(itertools.chain(*batches)):
        assert torch.equal(picture, pixels(number))


def test_decoding_in_workers(paths: list[Path]) -> None:
    loader = DataLoader(DlfDataset(paths), 4, num_workers=2, collate_fn=DlfCollate())
    check_batches(list(loader))


def test_decoding_here_what_workers_read(paths: list[Path]) -> None:
    loader = DataLoader(DlfDataset(paths), 4, num_workers=2, collate_fn=list)
    check_batches(list(decoded(loader, "cpu")))


def test_labels_and_dictionaries(paths: list[Path]) -> None:
    loader = DataLoader(DlfDataset(paths, range(COUNT)), COUNT, collate_fn=DlfCollate())
    pictures, labels = next(iter(loader))
    assert torch.equal(labels, torch.arange(COUNT))
    assert torch.equal(pictures[5], pixels(5))
    found = DlfCollate()([{"image": encoded(2), "name": "two"}])
    assert found["name"] == ["two"]
    assert torch.equal(found["image"][0], pixels(2))
    with pytest.raises(ValueError, match="labels"):
        DlfDataset(paths, [1])


def test_limits_hold_for_each_file(photo_dlf: bytes) -> None:
    small, limits = encoded(0), dlf.Limits(max_side=100)
    assert torch.equal(decode_tensor(small, limits=limits), pixels(0))
    for attempt in (
        lambda: decode_tensor(photo_dlf, limits=limits),
        lambda: DlfCollate(limits=limits)([small, photo_dlf]),
        lambda: list(decoded([[photo_dlf]], "cpu", limits=limits)),
        lambda: webdataset_decoder(limits=limits)("a.dlf", photo_dlf),
    ):
        with pytest.raises(dlf.LimitExceeded):
            attempt()
    with pytest.raises(ValueError, match=r"limits must be a dlf\.Limits"):
        DlfCollate(limits=100)  # type: ignore[arg-type]


def test_pictures_of_several_sizes(photo_dlf: bytes) -> None:
    pair = [photo_dlf, encoded(0)]
    assert [picture.shape for picture in DlfCollate()(pair)] == [(3, 120, 168), (3, 40, 56)]
    stacked = DlfCollate(lambda picture: picture[:, :32, :32])(pair)
    assert stacked.shape == (2, 3, 32, 32)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes(mode: str, pictures: dict[str, Image.Image]) -> None:
    data = dlf.encode(pictures[mode])
    plain = dlf.decode(data)
    colour, gray = decode_tensor(data), decode_tensor(data, "L")
    assert (colour.dtype, colour.is_contiguous()) == (torch.uint8, True)
    if mode in ("L", "LA"):
        luma = plain if mode == "L" else plain[:, :, 0]
        assert np.array_equal(gray[0], luma)
        assert all(np.array_equal(channel, luma) for channel in colour)
    else:
        assert np.array_equal(colour.permute(1, 2, 0), plain[:, :, :3])
        expected = Image.fromarray(np.ascontiguousarray(plain[:, :, :3])).convert("L")
        assert np.array_equal(gray[0], np.asarray(expected))
    with pytest.raises(ValueError, match="mode"):
        decode_tensor(data, "CMYK")  # type: ignore[arg-type]


def test_damaged_files_are_named_errors(paths: list[Path]) -> None:
    paths[0].write_bytes(b"no .dlf file")
    with pytest.raises(dlf.InvalidFile):
        next(iter(DataLoader(DlfDataset(paths), 4, collate_fn=DlfCollate())))


# webdataset leaves the shards that it has read for the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    import io
    import tarfile

    from webdataset import autodecode

    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for number in range(COUNT):
            for end, content in (("dlf", encoded(number)), ("cls", str(number).encode())):
                header = tarfile.TarInfo(f"{number:03}.{end}")
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
    shards = webdataset.WebDataset(str(tmp_path / "s.tar"), shardshuffle=False)
    register_webdataset()
    try:
        for dataset in (shards.decode(webdataset_decoder()), shards.decode()):
            found = list(dataset.to_tuple("dlf", "cls"))
            assert [label for _, label in found] == list(range(COUNT))
            assert all(torch.equal(picture, pixels(n)) for n, (picture, _) in enumerate(found))
    finally:
        del autodecode.decoders["dlf"]


def programs() -> list[str]:
    text = (ROOT / "docs" / "batch.md").read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(programs())))
def test_recipe(number: int, tmp_path: Path) -> None:
    program = programs()[number]
    if "webdataset" in program:
        pytest.importorskip("webdataset", reason="webdataset is not installed")
    make_folder(tmp_path / "photos", 4)  # landscape
    for path in sorted((tmp_path / "photos").glob("*.*"))[:2]:
        with Image.open(path) as image:
            image.rotate(90, expand=True).save(path.with_name(f"portrait-{path.stem}.png"))
    batch(tmp_path / "photos", tmp_path / "small", "--workers", 0)
    shards = tmp_path / "shards"
    shards.mkdir()
    import tarfile

    with tarfile.open(shards / "000000.tar", "w") as tar:
        tar.add(tmp_path / "small" / name(1, ".dlf"), "000.dlf")
    (tmp_path / "recipe.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "recipe.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
