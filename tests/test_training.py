"""Training as a user runs it, on a nano network and synthetic pictures: resume, time box, kill, bad input."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, scene
from dlf.cli import main
from dlf_models.config import Phase, TrainConfig, load_config
from dlf_models.networks.model import DLF
from dlf_models.package.torchscript import read_package
from dlf_models.paper.config import PaperConfig, load_paper_config
from dlf_models.training.checkpoint import load_checkpoint, save_checkpoint
from dlf_models.training.data import CropSampler, centre_crops, load_images
from dlf_models.training.device_sampler import DeviceSampler
from dlf_models.training.devices import (
    checkpoint_activations,
    multiplies_bfloat16,
    precision_for,
)
from dlf_models.training.initialise import load_package
from dlf_models.training.loop import CHECKPOINTED, micro_batches
from dlf_models.training.monitor import Means, Monitor
from dlf_models.training.run import Run, Stop
from dlf_models.training.schedule import lmbda_of, moment_at, spread_rates
from evaluation_samples import random_weights
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image


def train(words: Sequence[str]) -> int:
    """`dlf train` in this process; returns the exit status."""
    return main(["train", *words])


def export(words: Sequence[str]) -> int:
    """`dlf export` in this process; returns the exit status."""
    return main(["export", *words])


NANO = """
name: nano
profile: test
network: {window: 64, tokens_per_window: 1, token_levels: [3], semantic_width: 8, semantic_layers: 1, heads: 1,
  interactions: [0], stem_widths: [4, 4, 4], detail_width: 8, analysis_blocks: 1, bottleneck_width: 8,
  latent_channels: 4, prior_rate_width: 2, prior_token_width: 2, prior_width: 4, synthesis_blocks: 1, fusion_blocks: 1,
  render_widths: [4, 4, 4], render_blocks: [0, 0, 0], rate_anchors: 2, rate_points: 2}
train:
  discriminator_width: 4
  discriminator_warmup: 1
  phases:
    - {name: rate, share: 0.5, learning_rate: [1.0e-3, 5.0e-4], crop: 64, batch: 2, rate: [0.5, 1.0]}
    - {name: gan, share: 0.5, learning_rate: [5.0e-4, 1.0e-4], crop: 64, batch: 2, gan: true, decoder_only: true}
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, LPIPS weights of the right layout and ten pictures, one of them broken."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "nano.yaml").write_text(NANO)
    weights = random_weights()
    arrays = {name: value.numpy() for name, value in weights.features.items()}
    arrays |= {f"lin{i}.model.1.weight": lin.numpy() for i, lin in enumerate(weights.lins)}
    np.savez(folder / "lpips.npz", **arrays)
    images = folder / "images"
    images.mkdir()
    for number in range(9):
        Image.fromarray(scene(70 + number, 90, number)).save(images / f"{number}.png")
    Image.fromarray(scene(20, 30, 9)).save(images / "small.png")
    (images / "broken.png").write_bytes(b"not a picture")
    return folder


def arguments(material: Path, out: Path, *more: str) -> list[str]:
    return [str(material / "nano.yaml"), "--data", str(material / "images"), "--lpips", str(material / "lpips.npz"),
            "--out", str(out), "--threads", "1", *more]  # fmt: skip


@pytest.mark.slow  # starts whole training runs
def test_resume_equals_no_interruption(material: Path, tmp_path: Path) -> None:
    assert train(arguments(material, tmp_path / "whole", "--images", "16")) == 0
    # The same schedule, interrupted by the time box after every step.
    for _ in range(8):
        assert (
            train(arguments(material, tmp_path / "parts", "--images", "16", "--minutes", "0.00001"))
            == 0
        )
    whole, parts = (load_checkpoint(tmp_path / name / "last.ckpt") for name in ("whole", "parts"))
    assert whole["counters"] == parts["counters"] and whole["counters"][2] > 0
    for part in ("network", "ema", "discriminator"):
        for key, value in whole[part].items():
            assert torch.equal(value, parts[part][key]), f"{part}.{key}"
    assert (tmp_path / "whole" / "sheet.png").stat().st_size > 0


def test_only_the_synthesis_learns_in_the_last_phase(material: Path, tmp_path: Path) -> None:
    # Half of 16 images is the rate phase: stop there, then run the rest.
    for _ in range(4):
        assert train(arguments(material, tmp_path, "--images", "16", "--minutes", "0.00001")) == 0
    before = load_checkpoint(tmp_path / "last.ckpt")["network"]
    assert train(arguments(material, tmp_path, "--images", "16")) == 0
    after = load_checkpoint(tmp_path / "last.ckpt")["network"]
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"synthesis"}


@pytest.mark.slow  # starts whole training runs
def test_two_processes_train_together(material: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "dlf", "train",
               *arguments(material, tmp_path, "--images", "8")]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # They part in order: a process group that outlives the interpreter can end a rank with SIGABRT.
    assert "terminate called" not in done.stderr and "destroy_process_group" not in done.stderr
    assert load_checkpoint(tmp_path / "last.ckpt")["counters"][0] == 8


def environment() -> dict[str, str]:
    paths = [str(ROOT / "models"), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}


@pytest.mark.slow  # starts whole training runs
def test_a_terminated_run_leaves_a_checkpoint(material: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "dlf",
        "train",
        *arguments(material, tmp_path, "--images", "1000000"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE)
    log = tmp_path / "log.csv"
    deadline = time.monotonic() + 120
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert load_checkpoint(tmp_path / "last.ckpt")["counters"][0] >= 100
    with log.open() as file:
        assert float(next(csv.DictReader(file))["loss"]) > 0


def test_a_signal_that_comes_twice_at_once_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches each process of torchrun from the terminal and again from torchrun: the checkpoint was lost."""
    with Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert stop.wished
        monkeypatch.setattr("dlf_models.training.run.ECHO_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("change", "message", "status"),
    [
        (("--data", "nowhere"), "nowhere does not exist", 1),
        (("--lpips", "nowhere.npz"), "nowhere.npz", 1),
        (("--data", "nano.yaml"), "nano.yaml", 2),
    ],
)
def test_bad_input_is_named(
    material: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    message: str,
    status: int,
) -> None:
    path = str(material / change[1]) if (material / change[1]).exists() else change[1]
    assert train([*arguments(material, tmp_path), change[0], path]) == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "last.ckpt").exists()


def test_a_run_starts_from_an_exported_package(material: Path, tmp_path: Path) -> None:
    assert train(arguments(material, tmp_path / "first", "--images", "2")) == 0
    package = tmp_path / "nano.dlfm"
    checkpoint = str(tmp_path / "first" / "last.ckpt")
    mine = tmp_path / "nano.dlfm.partial"
    mine.write_bytes(b"a file of the user")
    words = [checkpoint, str(package), "--data", str(material / "images")]
    assert export([*words, "--name", "other"]) == 0
    assert json.loads(read_package(package.read_bytes())[1])["name"] == "other"
    assert export(words) == 0
    assert json.loads(read_package(package.read_bytes())[1])["name"] == "nano"
    assert mine.read_bytes() == b"a file of the user"
    assert export([checkpoint, checkpoint, *words[2:], "--force"]) == 2
    assert export([*words, "--no-clobber"]) == 1
    config = load_config(material / "nano.yaml")
    network = DLF(config.network)
    load_package(network, package, lambda: pytest.fail("nothing to fit"))
    expected = load_checkpoint(Path(checkpoint))["ema"]
    for key, value in network.state_dict().items():
        assert torch.equal(value, expected[key].half().float()), key
    second = arguments(material, tmp_path / "second", "--images", "2", "--init", str(package))
    assert train(second) == 0
    assert train([*second[:-1], str(tmp_path / "none.dlfm"), "--restart"]) == 1


def test_a_finer_run_starts_from_a_coarser_package(material: Path, tmp_path: Path) -> None:
    """With a base picture at 1/2, from a package with one at 1/4, through the command line."""
    package = tmp_path / "coarser.dlfm"
    for name, scale, init in (("coarser", 4, []), ("finer", 2, ["--init", str(package)])):
        config = tmp_path / f"{name}.yaml"
        config.write_text(
            f"base: {material / 'nano.yaml'}\nnetwork: {{linear_path: true, linear_scale: {scale}}}\n"
        )
        options = arguments(material, tmp_path / name, "--images", "2", *init)
        assert train([str(config), *options[1:]]) == 0
        checkpoint = str(tmp_path / name / "last.ckpt")
        if name == "coarser":
            assert export([checkpoint, str(package), "--data", str(material / "images")]) == 0
    assert "synthesis.linear.fine.weight" in load_checkpoint(Path(checkpoint))["ema"]


def test_a_checkpoint_of_other_sizes_is_refused(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(arguments(material, tmp_path, "--images", "2")) == 0
    (tmp_path / "other.yaml").write_text(NANO.replace("detail_width: 8", "detail_width: 12"))
    assert train([str(tmp_path / "other.yaml"), *arguments(material, tmp_path)[1:]]) == 1
    assert "size mismatch" in capsys.readouterr().err


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    for name, data in {"text": b"hello", "empty": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name):
            load_checkpoint(tmp_path / name)
    torch.save({"weights": 1}, tmp_path / "foreign")
    with pytest.raises(ValueError, match="not a DLF training checkpoint"):
        load_checkpoint(tmp_path / "foreign")


def test_a_failed_save_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"ema": {}, "config": {}})
    before = path.read_bytes()

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"ema": {}, "config": {}, "more": 1})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]


def test_broken_images_are_skipped_and_small_ones_enlarged(
    material: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = load_images(material / "images", smallest=64)
    assert len(images) == 10 and all(min(image.shape[:2]) >= 64 for image in images)
    assert "broken.png" in caplog.text
    batch = CropSampler(images, seed=3).batch(5, 64)
    assert batch.shape == (5, 3, 64, 64) and 0 <= float(batch.min()) and float(batch.max()) <= 1


@given(st.integers(1, 1000), st.floats(0, 1.5))
def test_the_schedule_is_continuous_and_ends(images: int, part: float) -> None:
    phases = (
        Phase("a", 0.25, (1e-3, 1e-4), 64, 2, (0.1, 1.0)),
        Phase("b", 0.75, (1e-4, 1e-5), 64, 2),
    )
    moment = moment_at(TrainConfig(phases=phases), images, int(part * images))
    assert 1e-5 * 0.999 <= moment.learning_rate <= 1e-3 and 0.0999 <= moment.rate_factor <= 1.0001
    assert moment.phase is phases[moment.index]
    end = moment_at(TrainConfig(phases=phases), images, images * 2)
    assert end.index == 1 and end.learning_rate == pytest.approx(1e-5)


def test_bits_weigh_less_at_higher_rates() -> None:
    weights = lmbda_of(torch.linspace(0, 1, 9), (16.0, 0.5))
    assert bool((weights.diff() < 0).all()) and float(weights[0]) == pytest.approx(16)


@given(batch=st.integers(1, 40))
def test_a_batch_covers_the_range_of_rates(batch: int) -> None:
    rates = spread_rates(batch)
    assert sorted((rates * batch).long().clamp(max=batch - 1).tolist()) == list(range(batch))


def test_precision_is_the_fast_one_unless_asked_for() -> None:
    """A processor without bfloat16 instructions would take ten times as long with it."""
    cpu = torch.device("cpu")
    assert precision_for(cpu) == ("bf16" if multiplies_bfloat16(cpu) else "fp32")
    assert precision_for(cpu, "bf16") == "bf16"
    assert precision_for(torch.device("cuda")) == "bf16"


def test_shipped_configurations_load() -> None:
    for path in (ROOT / "models" / "configs").glob("*.yaml"):
        if path.stem.startswith("dlf-l"):
            assert load_paper_config(path) == PaperConfig()
        else:
            assert load_config(path).train.phases


def sources(material: Path, tmp_path: Path) -> list[Path]:
    """The same two pictures as a folder, a tar shard, a folder of shards and a list."""
    names = [material / "images" / f"{n}.png" for n in (0, 1)]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in names:
        (folder / name.name).write_bytes(name.read_bytes())
    shards = tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as tar:
        for name in names:
            tar.add(name, arcname=name.name)
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names) + "missing.png\n")
    return [folder, shards / "a.tar", shards, tmp_path / "list.txt"]


def test_folders_shards_and_lists_hold_the_same_images(
    material: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = [scene(70 + n, 90, n) for n in (0, 1)]
    for source in sources(material, tmp_path):
        images = load_images(source, smallest=8)
        assert len(images) == 2 and all(map(np.array_equal, images, expected)), source
    assert "missing.png" in caplog.text
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="no image of .*empty.txt"):
        load_images(tmp_path / "empty.txt", 8)


def test_crops_cut_on_a_device_are_those_cut_in_memory() -> None:
    smooth = np.mgrid[0:90, 0:120].transpose(1, 2, 0) * 2
    images = [np.dstack([smooth, smooth[..., :1]]).astype(np.uint8), scene(70, 80, 3)]
    whole = [CropSampler(images, 4, 0.0), DeviceSampler(images, 4, 0.0)]
    first, second = (sampler.batch(6, 64) for sampler in whole)
    assert torch.equal(first, second)
    # Rescaled crops of a smooth picture differ by less than a level and a half, apart from their borders.
    first, second = (
        s.batch(12, 48)
        for s in (CropSampler(images[:1], 4, 1.0), DeviceSampler(images[:1], 4, 1.0))
    )
    assert float((first - second).abs()[:, :, 3:-3, 3:-3].max()) < 1.5 / 255
    assert second.is_contiguous(memory_format=torch.channels_last)


def test_validation_sees_the_middle() -> None:
    image = np.zeros((100, 60, 3), np.uint8)
    image[40:60, 20:40] = 255
    crops = centre_crops([image, np.full((10, 20, 3), 255, np.uint8)], 20)
    assert crops.shape == (2, 3, 20, 20) and float(crops.min()) == 1


def test_micro_batches_add_up() -> None:
    assert (
        micro_batches(8, 0) == [8]
        and micro_batches(8, 8) == [8]
        and micro_batches(8, 3) == [3, 3, 2]
    )


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    """The kernel refuses to write more than a megabyte to a file, as a full disk would."""
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"ema": {"a": torch.zeros(10)}, "config": {}})
    before = path.read_bytes()
    program = f"""
import resource, sys, torch
from pathlib import Path
from dlf_models.training.checkpoint import save_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    save_checkpoint(Path({str(path)!r}), {{"ema": {{"a": torch.zeros(1 << 20)}}, "config": {{}}}})
except OSError as error:
    sys.exit(f"OSError {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.startswith("OSError"), done.stderr
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]


class Counting:
    """A run's trainer that does nothing but count, and writes checkpoints of a few bytes."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.seen = self.steps = 0
        self.total = 100
        self.means = Means()
        self.losses = [3.0, 1.0, 2.0, 0.5, 0.7]

    def step(self) -> dict[str, str]:
        self.seen += 1
        self.steps += 1
        self.means.add(loss=1.0)
        if self.seen == 70:
            os.kill(os.getpid(), signal.SIGINT)
        return {"phase": "only"}

    def validation_due(self) -> bool:
        return self.seen % 20 == 0

    def validate(self) -> tuple[str, dict[str, float]]:
        return "loss", {"loss": self.losses[self.seen // 20 - 1]}

    def sheet(self, path: Path) -> None:
        path.write_bytes(b"")

    def state(self) -> dict[str, object]:
        return {"ema": {}, "config": {}, "seen": self.seen}


def test_ctrl_c_ends_a_run_after_its_step_and_best_is_by_validation(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer = Counting()
    assert not Run(trainer, tmp_path)()
    assert signal.getsignal(signal.SIGINT) is before
    assert load_checkpoint(tmp_path / "last.ckpt")["seen"] == 70
    best = load_checkpoint(tmp_path / "best.ckpt")
    assert best["seen"] == 40 and best["best"] == ["loss", 1.0]
    # Resumed, it still knows what was best; what comes later must beat it.
    assert Run(trainer, tmp_path, best=("loss", 1.0))()
    assert load_checkpoint(tmp_path / "best.ckpt")["best"] == ["loss", 0.5]
    with (tmp_path / "validation.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [3.0, 1.0, 2.0, 0.5, 0.7]


def test_a_run_survives_a_disk_that_is_full_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Counting()
    trainer.seen = trainer.steps = 71
    save, failures = torch.save, iter([True, True])

    def full(*args: object, **options: object) -> None:
        if next(failures, False):
            raise OSError(28, "No space left on device")
        save(*args, **options)

    monkeypatch.setattr(torch, "save", full)
    assert Run(trainer, tmp_path, checkpoint_seconds=0)()
    assert "the previous one is kept" in caplog.text
    assert load_checkpoint(tmp_path / "last.ckpt")["seen"] == 100


def test_logs_change_their_columns_and_reach_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    monitor = Monitor(tmp_path, 0, 10, tensorboard=True)
    monitor.row(1, {"phase": "a"}, {"loss": 2.0})
    monitor.row(2, {"phase": "a"}, {"loss": 1.0, "loss_d": 3.0})
    monitor.close()
    assert "loss_d" not in (tmp_path / "log.csv.1").read_text()
    assert "loss_d" in (tmp_path / "log.csv").read_text()
    assert any(p.stat().st_size > 0 for p in (tmp_path / "tensorboard").iterdir())


def test_a_loss_that_a_phase_has_not_is_no_nan(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(tmp_path, 0, 10)
    with caplog.at_level(logging.INFO):
        monitor.row(1, {"phase": "a"}, {"loss": 2.0, "loss_d": math.nan})
        monitor.row(2, {"phase": "b"}, {"loss": math.nan, "loss_d": 3.0})
    monitor.close()
    first, second = caplog.messages
    assert "loss_d" not in first and "loss 2.0000" in first
    assert "loss nan" in second and "loss_d 3.0000" in second
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["loss_d"] for row in rows] == ["", "3.0000"]


def test_activation_checkpointing_keeps_gradients(material: Path) -> None:
    network = DLF(load_config(material / "nano.yaml").network).train()
    gradients = []
    for _ in range(2):
        torch.manual_seed(1)
        network.zero_grad()
        network(torch.rand(2, 3, 64, 64), torch.rand(2)).image.square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
        if len(gradients) == 1:
            keys = list(network.state_dict())
            assert checkpoint_activations(network, CHECKPOINTED) > 0
    assert list(network.state_dict()) == keys
    assert all(map(torch.equal, *gradients))


@pytest.mark.slow  # compiles a network
def test_a_compiled_network_trains_under_the_same_names(material: Path, tmp_path: Path) -> None:
    short = arguments(material, tmp_path / "compiled", "--images", "4", "--precision", "fp32")
    assert train([*short, "--compile", "eager"]) == 0
    plain = arguments(material, tmp_path / "plain", "--images", "4", "--precision", "fp32")
    assert train(plain) == 0
    first, second = (
        load_checkpoint(tmp_path / name / "last.ckpt")["network"] for name in ("compiled", "plain")
    )
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.allclose(value, second[key], atol=1e-3), key
