"""Parts of the paper's training alone: lambda's controller, bounds, quantisation, recipes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from dlf_models.paper import PaperModel
from dlf_models.paper.training.controller import LambdaController
from dlf_models.paper.training.forward import code_latent, lower_bound
from dlf_models.paper.training.recipe import Recipe, Stage, load_paper_run, shortened
from dlf_models.paper.training.trainer import PaperTrainer
from tiny_networks import TINY_PAPER


def test_the_controller_walks_towards_its_band() -> None:
    controller = LambdaController()
    controller.enter((1.0, 2.0, 4.0), (0.01, 0.02))
    seen = []
    for bpp in (0.05, 0.05, 0.05, 0.015, 0.001, 0.001, 0.001):
        controller.observe(bpp)
        seen.append(controller.lmbda)
    assert seen == [2.0, 4.0, 4.0, 4.0, 2.0, 1.0, 1.0]
    controller.observe(1.0)
    other = LambdaController()
    other.load(controller.state())
    other.enter((1.0, 2.0, 4.0), (0.01, 0.02))
    assert other.lmbda == 2.0  # the same list goes on
    other.enter((1.0, 8.0), (0.01, 0.02))
    assert other.lmbda == 1.0  # another one starts


def test_dead_scales_and_steps_come_back() -> None:
    x = torch.tensor([0.05, 0.05, 0.5], requires_grad=True)
    (lower_bound(x, 0.11) * torch.tensor([1.0, -1.0, 1.0])).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0.0, -1.0, 1.0]


def test_training_and_files_quantise_alike() -> None:
    torch.manual_seed(2)
    bottleneck = PaperModel(TINY_PAPER).hybrid_codec.quantize_feat
    y = torch.randn(1, TINY_PAPER.latent_channels, 8, 8) * 3
    latent, bits = code_latent(bottleneck, y, None)
    exact = bottleneck.quantise(y)
    assert torch.allclose(latent, exact["latent"], atol=1e-5)
    counted = sum(
        (bottleneck.estimate_bits(exact[f"symbol{k}"], exact[f"coded_scale{k}"])
         * (exact[f"coded_scale{k}"] > 0)).sum(dim=(1, 2, 3)) for k in range(4)
    )  # fmt: skip
    assert torch.allclose(bits, counted, rtol=1e-4)


def test_stages_are_checked_and_shortened(tmp_path: Path) -> None:
    for text, words_ in (
        ("target: pixel", "known: latent, pixels"),
        ("target: latent, crop: 300", "multiple of 256"),
        ("target: latent, sort: 1", "unknown key 'sort'"),
    ):
        path = tmp_path / "wrong.yaml"
        path.write_text(
            "paper: {}\n"
            f"recipe: {{stages: [{{name: a, images: 4, learning_rate: 1.0, {text}}}]}}\n"
        )
        with pytest.raises(ValueError, match=words_):
            load_paper_run(path)
    (tmp_path / "wrong.yaml").write_text("base: wrong.yaml\n")
    with pytest.raises(ValueError, match="leads back to itself"):
        load_paper_run(tmp_path / "wrong.yaml")
    recipe = Recipe(stages=(Stage("a", "latent", 100, 1.0), Stage("b", "pixels", 300, 1.0)))
    assert [s.images for s in shortened(recipe, 200).stages] == [50, 150]
    with pytest.raises(ValueError, match="no multiple of micro_batch"):
        batch = replace(recipe, stages=(Stage("a", "latent", 4, 1.0, batch=3),))
        PaperTrainer._micro_batches(
            type("T", (), {"recipe": batch, "ranks": 1})(),  # type: ignore[arg-type]
            batch.stages[0],
        )


def test_shipped_rate_points() -> None:
    configs = ROOT / "models" / "configs"
    ends, bands = [], []
    for point in range(4):
        recipe = load_paper_run(configs / f"dlf-l-qp{point}.yaml").recipe
        ends.append(recipe.lmbda[-1])
        bands.append(recipe.band)
        assert [s.crop for s in recipe.stages] == [256, 256, 256, 512]
        assert [s.learning_rate for s in recipe.stages] == [4e-5, 4e-5, 2e-5, 5e-6]
        assert recipe.betas == (0.5, 0.9) and recipe.adaptive_limit <= 100
    assert ends == [5.8, 8.5, 16.0, 28.0]
    assert bands == sorted(bands, reverse=True)
