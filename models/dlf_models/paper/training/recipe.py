"""The recipe of the paper's profile: stages, loss weights, trade-off of rate and distortion.

See architecture.md 4.1 item 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...common.configuration import build, read_yaml
from ..config import PaperConfig, load_paper_config

TARGETS = ("latent", "pixels")


@dataclass(frozen=True)
class Stage:
    """One stretch of training with a constant learning rate.

    `target`: "latent" aligns with the frozen VQGAN, "pixels" trains in pixels, adversarially.
    `images`: its length; `batch`: images of one optimiser step, over all processes; `crop`: pixels,
    a multiple of 256. `lmbda` and `band` replace those of the recipe. `tune_semantic`: the semantic
    transformers learn too, slowly.
    """

    name: str
    target: str
    images: int
    learning_rate: float
    crop: int = 256
    batch: int = 16
    lmbda: tuple[float, ...] = ()
    band: tuple[float, float] | tuple[()] = ()
    tune_semantic: bool = False

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise ValueError(f"stage {self.name!r}: target {self.target!r}; known: latent, pixels")
        if self.crop % 256 or self.crop < 256 or self.images < 1 or self.batch < 1:
            raise ValueError(
                f"stage {self.name!r}: crop must be a multiple of 256, images and batch positive"
            )


@dataclass(frozen=True)
class Recipe:
    """Everything that does not change between stages.

    `lmbda`: weights of one bit per pixel, smallest first; `band`: the validation rate (bits per
    pixel of the detail layer) outside which the weight moves along that list. `micro_batch`: images
    that one process holds at a time; gradients of several are accumulated. `validate_every`: images
    between two validations. `adaptive_limit`: the largest adaptive weight of the discriminator.
    `discriminator_warmup`: steps in which it learns alone.
    """

    seed: int = 1
    lmbda: tuple[float, ...] = (1.0,)
    band: tuple[float, float] = (0.0, 1e9)
    micro_batch: int = 2
    validate_every: int = 40_000
    mse_weight: float = 1.0
    cross_entropy_weight: float = 0.25
    vq_weight: float = 1.0
    l1_weight: float = 1.0
    lpips_weight: float = 1.0
    gan_weight: float = 0.8
    adaptive_limit: float = 10.0
    discriminator_width: int = 64
    discriminator_layers: int = 3
    discriminator_warmup: int = 1000
    betas: tuple[float, float] = (0.5, 0.9)
    semantic_learning_rate: float = 1e-6
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        for values, band in [(self.lmbda, self.band), *((s.lmbda, s.band) for s in self.stages)]:
            if list(values) != sorted(values) or (band and band[0] >= band[1]):
                raise ValueError("lmbda must ascend, and a band is [lower, upper]")


@dataclass(frozen=True)
class PaperRun:
    """A whole YAML file of the paper's profile."""

    name: str
    profile: str
    network: PaperConfig
    recipe: Recipe


def load_paper_run(path: str | Path) -> PaperRun:
    """Read sizes and recipe.

    Raises:
        ValueError: they are wrong; the message names file and key.
    """
    path = Path(path)
    raw = read_yaml(path)
    values = dict(raw.get("recipe") or {})
    try:
        stages = tuple(build(Stage, s, "stages") for s in values.pop("stages", []))
        recipe: Recipe = build(Recipe, {**values, "stages": stages}, "recipe")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not stages:
        raise ValueError(f"{path}: the recipe has no stages")
    return PaperRun(
        name=raw.get("name", path.stem),
        profile=raw.get("profile", "dlf-l"),
        network=load_paper_config(path),
        recipe=recipe,
    )


def shortened(recipe: Recipe, images: int) -> Recipe:
    """The same stages with another total length, each in its proportion, at least one step long."""
    whole = sum(s.images for s in recipe.stages)
    stages = tuple(
        replace(s, images=max(s.batch, s.images * images // whole)) for s in recipe.stages
    )
    return replace(recipe, stages=stages)
