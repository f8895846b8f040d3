"""Configuration: one YAML file names the profile, its sizes and its training recipe (architecture.md 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

OPTIMISERS = ("adamw", "muon")


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a small DLF network.

    Widths are channels; ``window`` is in pixels and a multiple of 32; ``linear_scale`` (4 or 2) is what the sides of the
    linear path's base picture are divided by.
    """

    window: int = 128
    tokens_per_window: int = 4
    token_levels: tuple[int, ...] = (8, 5, 5, 5)
    semantic_width: int = 192
    semantic_layers: int = 3
    heads: int = 4
    mlp_ratio: float = 2.0
    interactions: tuple[int, ...] = (0, 1, 2)
    stem_widths: tuple[int, int, int] = (24, 48, 96)
    detail_width: int = 192
    analysis_blocks: int = 2
    bottleneck_width: int = 256
    latent_channels: int = 64
    linear_path: bool = False
    linear_scale: int = 4
    prior_rate_width: int = 64
    prior_token_width: int = 32
    prior_width: int = 96
    synthesis_blocks: int = 3
    fusion_blocks: int = 1
    codebook_size: int = 0
    render_widths: tuple[int, int, int] = (96, 48, 16)
    render_blocks: tuple[int, int, int] = (2, 2, 2)
    rate_anchors: int = 8
    rate_points: int = 64


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    ``share`` is its part of the images seen; ``learning_rate`` falls along a half cosine from the first to the second
    value, ``rate`` (a factor on the weight of the bits) moves geometrically. ``semantic_only`` is the probability that
    a sample loses its detail symbols.
    """

    name: str
    share: float
    learning_rate: tuple[float, float]
    crop: int
    batch: int
    rate: tuple[float, float] = (1.0, 1.0)
    gan: bool = False
    decoder_only: bool = False
    semantic_only: float = 0.1


@dataclass(frozen=True)
class TrainConfig:
    """Recipe: loss weights, rate-distortion trade-off and phases (architecture.md 4.3).

    ``l1_weight``, ``ms_ssim_weight`` (of 1 - MS-SSIM), ``texture_weight``: at the lowest and at the highest rate, linear in between.
    ``optimiser``: "adamw", or "muon" for the weights of dense layers and AdamW for the rest. ``micro_batch``: most
    crops that one process holds at a time, the gradients of several are accumulated; 0: a batch is never divided.
    ``validate_every``: images between two validations.
    """

    seed: int = 1
    images: int = 1_000_000
    optimiser: str = "adamw"
    micro_batch: int = 0
    validate_every: int = 10_000
    lmbda: tuple[float, float] = (16.0, 0.6)
    l1_weight: tuple[float, float] = (4.0, 4.0)
    lpips_weight: float = 1.0
    ms_ssim_weight: tuple[float, float] = (0.0, 0.0)
    texture_weight: tuple[float, float] = (0.0, 0.0)
    repetition_weight: float = 0.0
    gan_weight: float = 0.05
    discriminator_width: int = 48
    discriminator_warmup: int = 500
    ema: float = 0.999
    phases: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser {self.optimiser!r}; known: {', '.join(OPTIMISERS)}")


@dataclass(frozen=True)
class Config:
    """A whole YAML file."""

    name: str
    profile: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def build(kind: type, values: dict[str, Any], where: str) -> Any:
    """Make a dataclass from a mapping; lists become tuples. ``ValueError`` names an unknown key, or text where a number goes."""
    known = {f.name for f in fields(kind)}
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    for key, value in values.items():
        if isinstance(value, str) and hints[key] in (int, float):
            raise ValueError(
                f"{where}: {key} is the text {value!r}, not a number (YAML wants 1.0e-3)"
            )
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over``: mappings merge key by key, everything else is replaced."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = merge(before, value) if both else value  # type: ignore[arg-type]
    return result


def read_yaml(path: str | Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a YAML mapping on top of the file that its key ``base`` names (relative to itself), if any.

    Raises ``ValueError`` with the file where it is not a mapping or its bases go round in a circle.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a YAML file: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: not a mapping")  # noqa: TRY004 - of the file, not of an argument
    if "base" not in raw:
        return raw
    seen = (*seen, path.resolve())
    base = path.parent / raw.pop("base")
    if base.resolve() in seen:
        raise ValueError(f"{path}: its base {base.name} leads back to itself")
    return merge(read_yaml(base, seen), raw)


def load_config(path: str | Path) -> Config:
    """Read a YAML configuration. Raises ``ValueError`` with the file and key where it is wrong."""
    path = Path(path)
    raw = read_yaml(path)
    train = dict(raw.pop("train", {}))
    phases = tuple(build(Phase, p, f"{path}: phases") for p in train.pop("phases", []))
    return Config(
        name=raw.pop("name", path.stem),
        profile=raw.pop("profile", path.stem),
        network=build(NetworkConfig, raw.pop("network", {}), f"{path}: network"),
        train=build(TrainConfig, {**train, "phases": phases}, f"{path}: train"),
    )
