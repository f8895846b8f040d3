"""Start from two published tokenizers: TiTok for the semantic branch, a VQGAN for the pixels.

Both checkpoints are read by their published key names. Every tensor of them is accounted for: used,
left out for a reason that stands here, or an error that names it. See architecture.md 4.1 item 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ..checkpoint import CheckpointError, read_state_dict
from ..model import PaperModel

TITOK_ENCODER = (
    "patch_embed.", "class_embedding", "positional_embedding", "latent_token_positional_embedding",
    "ln_pre.", "transformer.", "ln_post.", "conv_out.",
)  # fmt: skip
TITOK_DECODER = (
    "decoder_embed.", "class_embedding", "positional_embedding", "mask_token",
    "latent_token_positional_embedding", "ln_pre.", "transformer.", "ln_post.",
)  # fmt: skip
SEMANTIC = (
    "latent_tokens",
    "quantize.embedding.weight",
    *(f"encoder.{name}" for name in TITOK_ENCODER),
    *(f"decoder.{name}" for name in TITOK_DECODER),
)
"""Beginnings of the keys that TiTok and the semantic branch (`hybrid_codec`) share."""

TITOK_LEFT_OUT = {
    "decoder.ffn.": "head onto TiTok's own pixel codes; the fusion takes its place",
    "decoder.conv_out.": "head onto TiTok's own pixel codes; the fusion takes its place",
    "pixel_quantize.": "TiTok's own pixel decoder; the VQGAN takes its place",
    "pixel_decoder.": "TiTok's own pixel decoder; the VQGAN takes its place",
}
VQGAN = ("encoder.", "decoder.", "quantize.embedding.weight", "quant_conv.", "post_quant_conv.")
DISCRIMINATOR = "loss.discriminator."
VQGAN_LEFT_OUT = {"loss.perceptual_loss.": "LPIPS comes from the file of --lpips"}


@dataclass(frozen=True)
class Account:
    """What became of one checkpoint's tensors: keys used, and keys left out with the reason."""

    where: str
    used: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.where}: {len(self.used)} tensors used"]
        lines += [
            f"{n} left out: {reason}" for reason, n in Counter(self.left_out.values()).items()
        ]
        return "; ".join(lines)


def is_semantic(name: str) -> bool:
    """Whether a parameter of `PaperModel` is TiTok's, and so frozen unless it is to be tuned."""
    part, _, rest = name.partition(".")
    return part == "hybrid_codec" and rest.startswith(SEMANTIC)


def _take(
    path: Path,
    wanted: dict[str, Tensor],
    name_of: Callable[[str], str | None],
    reasons: dict[str, str],
) -> Account:
    """Copy the tensors of a checkpoint into `wanted` (by our names).

    Raises:
        CheckpointError: the file is no checkpoint, or does not fit.
    """
    state = read_state_dict(path)
    left_out: dict[str, str] = {}
    found: dict[str, Tensor] = {}
    unknown = []
    for key, value in state.items():
        name = name_of(key)
        reason = next((r for start, r in reasons.items() if key.startswith(start)), None)
        if name is not None and name in wanted:
            found[name] = value
        elif reason is not None:
            left_out[key] = reason
        else:
            unknown.append(key)
    missing = sorted(set(wanted) - set(found))
    problems = [
        f"{kind} {len(keys)} tensors, first {keys[0]} (another kind of checkpoint?)"
        for kind, keys in (("lacks", missing), ("holds unknown", unknown))
        if keys
    ]
    problems += [
        f"{name} is {list(value.shape)}, the configuration needs {list(wanted[name].shape)}"
        for name, value in found.items()
        if value.shape != wanted[name].shape
    ][:1]
    if problems:
        raise CheckpointError(f"{path}: " + "; ".join(problems))
    with torch.no_grad():
        for name, value in found.items():
            if not bool(value.isfinite().all()):
                raise CheckpointError(
                    f"{path}: the tensor for {name} holds values that are not finite"
                )
            wanted[name].copy_(value)
    return Account(str(path), tuple(found), left_out)


def load_titok(model: PaperModel, path: Path) -> Account:
    """Fill the semantic branch from TiTok's encoder, decoder, latent tokens and codebook."""
    wanted = {k: v for k, v in model.state_dict(keep_vars=True).items() if is_semantic(k)}
    return _take(path, wanted, lambda key: f"hybrid_codec.{key}", TITOK_LEFT_OUT)


def load_vqgan(model: PaperModel, discriminator: nn.Module, path: Path) -> Account:
    """Fill the pixel decoder, the target encoder and the codebook from a taming-transformers VQGAN.

    Its discriminator is used where it has the sizes of ours; a checkpoint without one is fine too.
    """
    wanted = dict(model.vqgan.state_dict(prefix="vqgan.", keep_vars=True))
    ours = discriminator.state_dict(prefix=DISCRIMINATOR, keep_vars=True)
    theirs = {k: v for k, v in read_state_dict(path).items() if k.startswith(DISCRIMINATOR)}
    reasons = dict(VQGAN_LEFT_OUT)
    if {k: v.shape for k, v in theirs.items()} == {k: v.shape for k, v in ours.items()}:
        wanted |= ours
    else:
        reasons[DISCRIMINATOR] = "a discriminator of other sizes than the recipe's"

    def name_of(key: str) -> str | None:
        if key.startswith(DISCRIMINATOR):
            return key
        return f"vqgan.{key}" if key.startswith(VQGAN) else None

    return _take(path, wanted, name_of, reasons)
