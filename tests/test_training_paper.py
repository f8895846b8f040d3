"""The paper's training at nano size: start from two tokenizers, all stages, resume, kill, two
processes, bad input.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT, scene
from dlf.cli import main
from dlf_models.common.checkpoint import load_checkpoint
from dlf_models.common.data import CropSampler
from dlf_models.paper import CheckpointError, PaperModel
from dlf_models.paper.checkpoint import load_state_dict, read_state_dict
from dlf_models.paper.training.discriminator import NLayerDiscriminator
from dlf_models.paper.training.pretrained import is_semantic, load_titok, load_vqgan
from dlf_models.paper.training.recipe import PaperRun, Recipe, Stage
from dlf_models.paper.training.trainer import Options, PaperTrainer
from evaluation_samples import write_random_weights
from PIL import Image
from tiny_networks import TINY_PAPER


def train(words: Sequence[str]) -> int:
    """`dlf train` in this process; returns the exit status."""
    return main(["train", *words])


NANO = """
name: nano
profile: dlf-l
paper: {codebook_size: 16, token_channels: 4, tokens_per_window: 4, encoder_width: 64, encoder_layers: 2,
  encoder_heads: 1, decoder_width: 64, decoder_layers: 2, decoder_heads: 1, detail_width: 64, latent_channels: 4,
  exchange_encoder: [0], exchange_decoder: [1], exchange_layers: 1, fusion_width: 64, vqgan_channels: 32,
  vqgan_multipliers: [1, 1, 1, 1, 1], vqgan_blocks: 1, vqgan_latent: 8, vqgan_embedding: 8, vqgan_codes: 8}
recipe:
  micro_batch: 1
  lmbda: [1.0, 4.0]
  band: [1.0e-9, 2.0e-9]
  validate_every: 4
  discriminator_width: 8
  discriminator_layers: 2
  discriminator_warmup: 1
  stages:
    - {name: align, target: latent, images: 2, learning_rate: 1.0e-3, batch: 2, lmbda: [1.0]}
    - {name: pixels, target: pixels, images: 4, learning_rate: 1.0e-3, batch: 2}
"""


def titok_checkpoint() -> dict[str, torch.Tensor]:
    """A TiTok tokenizer of nano size under its published names, with the parts that DLF ignores."""
    torch.manual_seed(5)
    state = {
        name.removeprefix("hybrid_codec."): torch.randn_like(value) * 0.1
        for name, value in PaperModel(TINY_PAPER).state_dict().items()
        if is_semantic(name)
    }
    width = TINY_PAPER.decoder_width
    return state | {
        "decoder.ffn.0.weight": torch.zeros(2 * width, width, 1, 1),
        "decoder.ffn.2.bias": torch.zeros(1024),
        "pixel_quantize.embedding.weight": torch.zeros(1024, 256),
        "pixel_decoder.conv_in.weight": torch.zeros(512, 256, 3, 3),
    }


def vqgan_checkpoint() -> dict[str, Any]:
    """A nano VQGAN as taming-transformers' trainer writes it: weights, loss networks, counters."""
    torch.manual_seed(6)
    state = PaperModel(TINY_PAPER, targets=True).vqgan.state_dict()
    state |= NLayerDiscriminator(8, 2).state_dict(prefix="loss.discriminator.")
    state |= {"loss.perceptual_loss.lin0.model.1.weight": torch.zeros(1, 64, 1, 1)}
    return {"state_dict": state, "epoch": 3, "global_step": 100}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads wait for each other on a busy machine longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: configuration, LPIPS weights, tokenizers, eight pictures, one below the crop."""
    folder = tmp_path_factory.mktemp("paper")
    (folder / "nano.yaml").write_text(NANO)
    write_random_weights(folder / "lpips.npz")
    (folder / "images").mkdir()
    for number in range(8):
        size = (270, 290) if number else (100, 260)
        Image.fromarray(scene(*size, number)).save(folder / "images" / f"{number}.png")
    torch.save(titok_checkpoint(), folder / "titok.bin")
    torch.save(vqgan_checkpoint(), folder / "vqgan.ckpt")
    return folder


def words(material: Path, out: Path, *more: str) -> list[str]:
    return [str(material / "nano.yaml"), "--data", str(material / "images"),
            "--lpips", str(material / "lpips.npz"), "--out", str(out), "--threads", "1",
            "--precision", "fp32", "--init-titok", str(material / "titok.bin"),
            "--init-vqgan", str(material / "vqgan.ckpt"), *more]  # fmt: skip


def environment() -> dict[str, str]:
    paths = [str(ROOT / "models"), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}


@pytest.fixture(scope="module")
def whole(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run through all stages without interruption."""
    out = tmp_path_factory.mktemp("whole")
    assert train(words(material, out)) == 0
    return out


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    state = load_checkpoint(path, "state_dict")
    return {**state["state_dict"], **{f"d.{k}": v for k, v in state["discriminator"].items()}}


def test_every_tensor_of_both_tokenizers_is_accounted_for(material: Path) -> None:
    model, discriminator = PaperModel(TINY_PAPER, targets=True), NLayerDiscriminator(8, 2)
    titok = load_titok(model, material / "titok.bin")
    vqgan = load_vqgan(model, discriminator, material / "vqgan.ckpt")
    for account, state in ((titok, titok_checkpoint()), (vqgan, vqgan_checkpoint()["state_dict"])):
        assert len(account.used) + len(account.left_out) == len(state)
    assert len(titok.left_out) == 4 and set(vqgan.left_out) == {
        "loss.perceptual_loss.lin0.model.1.weight"
    }
    ours = model.state_dict()
    for key, value in titok_checkpoint().items():
        if key not in titok.left_out:
            assert torch.equal(ours[f"hybrid_codec.{key}"], value), key
    for key, value in vqgan_checkpoint()["state_dict"].items():
        if key.startswith("loss.discriminator."):
            assert torch.equal(
                discriminator.state_dict()[key.removeprefix("loss.discriminator.")], value
            )
        elif key not in vqgan.left_out:
            assert torch.equal(ours[f"vqgan.{key}"], value), key
    # A discriminator of other sizes is named, not used.
    other = load_vqgan(model, NLayerDiscriminator(16, 2), material / "vqgan.ckpt")
    assert "a discriminator of other sizes" in str(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"encoder.ln_pre.weight": None},
            "lacks 1 tensors, first hybrid_codec.encoder.ln_pre.weight",
        ),
        ({"encoder.new": torch.zeros(1)}, "holds unknown 1 tensors, first encoder.new"),
        ({"latent_tokens": torch.zeros(5, 64)}, r"latent_tokens is \[5, 64\].*\[4, 64\]"),
        ({"latent_tokens": torch.full((4, 64), float("nan"))}, "latent_tokens.*not finite"),
    ],
)
def test_wrong_tokenizers_are_refused_by_name(
    tmp_path: Path, change: dict[str, torch.Tensor | None], message: str
) -> None:
    state = {k: v for k, v in {**titok_checkpoint(), **change}.items() if v is not None}
    torch.save(state, tmp_path / "titok.bin")
    with pytest.raises(CheckpointError, match=message):
        load_titok(PaperModel(TINY_PAPER), tmp_path / "titok.bin")


def test_a_vqgan_is_no_titok(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swapped = [w.replace("titok.bin", "vqgan.ckpt") for w in words(material, tmp_path)]
    assert train(swapped) == 2
    assert "another kind of checkpoint" in capsys.readouterr().err


def trainer(material: Path, recipe: Recipe, options: Options | None = None) -> PaperTrainer:
    pictures = [scene(256, 256, seed) for seed in (1, 2)]
    made = PaperTrainer(
        PaperRun("nano", "dlf-l", TINY_PAPER, recipe),
        CropSampler(pictures, 1, 0.0),
        pictures[:1],
        str(material / "lpips.npz"),
        options or Options(),
    )
    load_titok(made.model, material / "titok.bin")
    load_vqgan(made.model, made.discriminator, material / "vqgan.ckpt")
    return made


@pytest.mark.slow  # whole training runs
def test_each_stage_lowers_its_loss_and_learns_only_its_parts(material: Path) -> None:
    stages = (
        Stage("align without rate", "latent", 6, 1e-3, batch=1, lmbda=(1.0,)),
        Stage("align", "latent", 6, 1e-3, batch=1),
        Stage("pixels", "pixels", 6, 1e-3, batch=1),
    )
    recipe = Recipe(lmbda=(1.0, 8.0), band=(1e-9, 2e-9), micro_batch=1, validate_every=6,
                    stages=stages, gan_weight=0.1, discriminator_width=8, discriminator_layers=2,
                    discriminator_warmup=2)  # fmt: skip
    made = trainer(material, recipe)
    frozen = {n: p.clone() for n, p in made.model.named_parameters()}
    lambdas = []
    for stage in stages:
        before = {n: p.clone() for n, p in made.model.named_parameters()}
        made._enter(stage)
        first = made.validate()[1]["loss"] if stage is stages[0] else None
        history = []
        while made.stage_at(made.seen) is stage and made.seen < made.total:
            made.step()
            history.append(made.means.take())
            if made.validation_due():
                key, values = made.validate()
                assert key == stage.name
        term = "l1" if stage.target == "pixels" else "mse"
        assert history[-1][term] < history[0][term], stage.name
        if first is not None:
            assert values["loss"] < first
        assert all(np.isfinite(h["loss"]) for h in history)
        lambdas.append(made.controller.lmbda)
        changed = {n for n, p in made.model.named_parameters() if not torch.equal(before[n], p)}
        assert any(n.startswith("vqgan.decoder.") for n in changed) == (stage.target == "pixels")
        assert any(n.endswith("attention_block.left_right_mask") for n in changed)
    assert history[0].get("adversarial") is None and history[-1]["adaptive_weight"] <= 1.0
    # The rate was always above the tiny band: the weight of the bits rose as soon as it was under
    # control.
    assert lambdas == [1.0, 8.0, 8.0]
    for name, value in made.model.named_parameters():
        assert not bool(value.isnan().any()), name
        if name.startswith(("vqgan.encoder.", "vqgan.quant_conv.")) or is_semantic(name):
            assert torch.equal(value, frozen[name]), name


def test_semantic_transformers_can_be_tuned_slowly(material: Path) -> None:
    # At 512 px: the pictures are smaller and enlarged, four windows see each other.
    stage = Stage("tune", "latent", 1, 1e-3, 512, batch=1, lmbda=(1.0,), tune_semantic=True)
    made = trainer(material, Recipe(micro_batch=1, stages=(stage,)))
    name = "hybrid_codec.encoder.transformer.0.mlp.c_fc.weight"
    before = made.model.state_dict()[name].clone()
    made.step()
    moved = (made.model.state_dict()[name] - before).abs().max()
    assert 0 < float(moved) <= 1.1e-6  # one step of Adam, rounded


def test_activation_checkpointing_changes_nothing(material: Path) -> None:
    recipe = Recipe(micro_batch=1, stages=(Stage("a", "latent", 1, 1e-3, batch=1),))
    results = []
    for options in (Options(), Options(checkpointing=True)):
        made = trainer(material, recipe, options)
        made.step()
        results.append(made.means.take())
    assert results[0] == pytest.approx(results[1], rel=1e-4)


@pytest.mark.slow  # whole training runs
def test_resume_equals_no_interruption(material: Path, tmp_path: Path, whole: Path) -> None:
    for _ in range(3):
        assert train(words(material, tmp_path, "--minutes", "1e-9")) == 0
    first, second = (load_checkpoint(p / "last.ckpt", "state_dict") for p in (whole, tmp_path))
    assert first["counters"] == second["counters"] == [6, 3, 2, 6]
    assert first["controller"] == second["controller"] and first["best"] == second["best"]
    parts = weights_of(tmp_path / "last.ckpt")
    for key, value in weights_of(whole / "last.ckpt").items():
        assert torch.equal(value, parts[key]), key
    for name in ("sheet.png", "best.ckpt"):
        assert (whole / name).stat().st_size > 0
    with (whole / "validation.csv").open() as file:
        assert [(row["images"], row["stage"]) for row in csv.DictReader(file)] == [
            ("4", "pixels"),
            ("6", "pixels"),
        ]


def test_its_checkpoint_becomes_a_model(whole: Path) -> None:
    model = PaperModel(TINY_PAPER)
    report = load_state_dict(model, read_state_dict(whole / "last.ckpt"))
    assert all(key.startswith(("vqgan.encoder.", "vqgan.quant_conv.")) for key in report.skipped)


def test_a_checkpoint_of_a_small_profile_is_refused(
    material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"ema": {}, "config": {}}, tmp_path / "last.ckpt")
    assert train(words(material, tmp_path)) == 2
    assert "not a DLF training checkpoint" in capsys.readouterr().err


@pytest.mark.slow  # whole training runs
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    material: Path, tmp_path: Path, whole: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "dlf",
        "train",
        *words(material, tmp_path, "--checkpoint-seconds", "0"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "last.ckpt").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert train(words(material, tmp_path)) == 0
    parts = weights_of(tmp_path / "last.ckpt")
    for key, value in weights_of(whole / "last.ckpt").items():
        assert torch.equal(value, parts[key]), key


@pytest.mark.slow  # whole training runs, in two processes
@pytest.mark.parametrize("more", [(), ("--ddp",)], ids=["shared memory", "DistributedDataParallel"])
def test_two_processes_equal_one_with_the_same_batch(
    material: Path, tmp_path: Path, whole: Path, more: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0",
               "-m", "dlf", "train", *words(material, tmp_path, *more)]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, two = weights_of(whole / "last.ckpt"), weights_of(tmp_path / "last.ckpt")
    assert one.keys() == two.keys()
    for key, value in one.items():
        if "running_" in key or "num_batches" in key:
            continue  # of one rank's batches only; never read
        difference = (value - two[key]).nan_to_num(0.0, 0.0, 0.0).abs().max()
        # Adam turns the sign of a vanishing gradient into a whole step; most weights agree far
        # better.
        assert float(difference) < 2e-3, key
    best = (
        torch.cat([(one[k] - two[k]).flatten() for k in one if k.endswith("conv1.0.weight")])
    ).abs()
    assert float(best.median()) < 1e-5
