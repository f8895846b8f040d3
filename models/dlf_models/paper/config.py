"""Sizes of the paper's architecture, from our YAML or from the YAML that the authors train with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..common.configuration import read_yaml

# Named sizes of the semantic transformers in the authors' configuration: width, layers, heads.
VIT_SIZES = {"small": (512, 8, 8), "base": (768, 12, 12), "large": (1024, 24, 16)}
FUSION_WIDTH = 1024


@dataclass(frozen=True)
class PaperConfig:
    """Sizes of one model; the defaults are the paper's.

    Window 256 px and patches of 16 px are fixed by the method.
    """

    codebook_size: int = 4096
    token_channels: int = 12
    tokens_per_window: int = 32
    encoder_width: int = 1024
    encoder_layers: int = 24
    encoder_heads: int = 16
    decoder_width: int = 1024
    decoder_layers: int = 24
    decoder_heads: int = 16
    detail_width: int = 768
    latent_channels: int = 64
    exchange_encoder: tuple[int, ...] = (3, 7, 11, 15, 19)
    exchange_decoder: tuple[int, ...] = (3, 7, 11, 15, 19)
    exchange_layers: int = 2
    fusion_width: int = FUSION_WIDTH
    vqgan_channels: int = 128
    vqgan_multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    vqgan_blocks: int = 2
    vqgan_attention: bool = True
    vqgan_latent: int = 256
    vqgan_embedding: int = 256
    vqgan_codes: int = 256

    @property
    def patch(self) -> int:
        """Pixels along a side of a patch (positions of the feature maps are patches)."""
        return 16

    @property
    def side(self) -> int:
        """Patches along a side of a window."""
        return 16

    @property
    def window(self) -> int:
        """Pixels along a side of a window."""
        return self.patch * self.side

    @property
    def latent_stride(self) -> int:
        """Pixels along a side of one detail latent position."""
        return 2 * self.patch


def _pick(mapping: Any, path: str, where: str) -> Any:
    """Follow a dotted path through nested mappings; a missing key is named."""
    for key in path.split("."):
        if not isinstance(mapping, dict) or key not in mapping:
            raise ValueError(f"{where}: missing key {path!r}")
        mapping = mapping[key]
    return mapping


def _vit(vq: dict[str, Any], role: str, where: str) -> tuple[int, int, int]:
    size = _pick(vq, f"vit_{role}_model_size", where)
    if size == "custom":
        width, layers, heads = (_pick(vq, f"vit_{x}", where) for x in ("width", "layers", "heads"))
        return width, layers, heads
    if size not in VIT_SIZES:
        raise ValueError(
            f"{where}: vit_{role}_model_size {size!r}; known: {', '.join(VIT_SIZES)}, custom"
        )
    return VIT_SIZES[size]


def _from_official(params: dict[str, Any], where: str) -> PaperConfig:
    """The layout of the authors' YAML (below `model.params`)."""
    vq = _pick(params, "config.model.vq_model", where)
    vqgan = _pick(params, "vqganconfig.ddconfig", where)
    fixed = {
        "vit_enc_patch_size": (_pick(vq, "vit_enc_patch_size", where), 16),
        "vit_dec_patch_size": (_pick(vq, "vit_dec_patch_size", where), 16),
        "crop_size": (_pick(params, "config.dataset.preprocessing.crop_size", where), 256),
        "use_l2_norm": (_pick(vq, "use_l2_norm", where), True),
        "double_z": (vqgan.get("double_z", False), False),
    }
    for name, (value, needed) in fixed.items():
        if value != needed:
            raise ValueError(f"{where}: {name} is {value!r}, only {needed!r} is supported")
    multipliers = tuple(_pick(vqgan, "ch_mult", where))
    # The configuration, not the picture, decides at which level there is attention.
    lowest = _pick(vqgan, "resolution", where) >> (len(multipliers) - 1)
    attention = set(_pick(vqgan, "attn_resolutions", where))
    if params.get("no_attn_vqgan", False):
        attention = set()
    if attention - {lowest}:
        raise ValueError(
            f"{where}: attn_resolutions {sorted(attention)};"
            f" only the lowest, {lowest}, is supported"
        )
    encoder, decoder = _vit(vq, "enc", where), _vit(vq, "dec", where)
    return PaperConfig(
        codebook_size=_pick(vq, "codebook_size", where),
        token_channels=_pick(vq, "token_size", where),
        tokens_per_window=_pick(vq, "num_latent_tokens", where),
        encoder_width=encoder[0],
        encoder_layers=encoder[1],
        encoder_heads=encoder[2],
        decoder_width=decoder[0],
        decoder_layers=decoder[1],
        decoder_heads=decoder[2],
        detail_width=_pick(params, "feat_dim", where),
        latent_channels=_pick(params, "embed_dim", where),
        exchange_encoder=tuple(_pick(params, "in_pos_enc", where)),
        exchange_decoder=tuple(_pick(params, "in_pos_dec", where)),
        exchange_layers=_pick(params, "n_attn", where),
        fusion_width=params.get("fusion_inner_width", FUSION_WIDTH),
        vqgan_channels=_pick(vqgan, "ch", where),
        vqgan_multipliers=multipliers,
        vqgan_blocks=_pick(vqgan, "num_res_blocks", where),
        vqgan_attention=bool(attention),
        vqgan_latent=_pick(vqgan, "z_channels", where),
        vqgan_embedding=_pick(params, "vqganconfig.embed_dim", where),
        vqgan_codes=_pick(params, "vqganconfig.n_embed", where),
    )


def load_paper_config(path: str | Path) -> PaperConfig:
    """Read sizes from a YAML file: ours (a `paper` mapping) or the authors' (`model.params`).

    Raises:
        ValueError: they are wrong; the message names file and key.
    """
    path = Path(path)
    top = read_yaml(path)
    if isinstance(top.get("model"), dict) and "params" in top["model"]:
        return _from_official(top["model"]["params"], str(path))
    sizes: Any = top.get("paper")
    if not hasattr(sizes, "items"):
        raise ValueError(
            f"{path}: neither a 'paper' mapping (ours) nor 'model.params' (the authors')"
        )
    known = {f.name for f in fields(PaperConfig)}
    unknown = sorted(set(sizes) - known)
    if unknown:
        raise ValueError(f"{path}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items()}
    return PaperConfig(**values)
