"""The paper's model: analysis, bottleneck and synthesis, as a model package needs them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import PaperConfig
from .fusion import PriorFusion
from .hybrid import HybridCodec
from .layers import Conv2d, Linear, SelfAttention
from .vqgan import Vqgan


class PaperModel(nn.Module):
    """DLF with the published parameter names.

    The exported methods work on pictures padded to whole windows, batch size 1: `nH x nW` windows
    of 256 px. `targets`: also build the VQGAN encoder, which only training needs.
    """

    def __init__(self, config: PaperConfig, targets: bool = False) -> None:
        super().__init__()
        # Tells the core to leave half-precision weights as they are (see .layers).
        self.widens_weights_itself = True
        self.hybrid_codec = HybridCodec(config)
        self.vqgan = Vqgan(config, targets)
        self.prior_fusion = PriorFusion(
            config.decoder_width, config.detail_width, config.fusion_width, config.vqgan_codes
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Same as `analysis`."""
        return self.analysis(image)

    @torch.jit.export
    def analysis(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """`image [1, 3, 256 nH, 256 nW]` in [0, 1] -> tokens int64 `[nH*nW, T]`, detail feature."""
        z, h = self.hybrid_codec.encoder(image, self.hybrid_codec.latent_tokens)
        return self.hybrid_codec.quantize(z), h

    @torch.jit.export
    def bottleneck(self, features: Tensor, rate: int) -> Tensor:
        """Detail feature -> latent `[1, C, 8 nH, 8 nW]`.

        A checkpoint is one rate point: `rate` must be 0.

        Raises:
            ValueError: `rate` is not 0.
        """
        if rate != 0:
            raise ValueError("the model has a single rate point")
        return self.hybrid_codec.quantize_feat.encode(features)

    @torch.jit.export
    def synthesis(
        self, tokens: Tensor, latent: Tensor, rate: int, rows: int, columns: int
    ) -> Tensor:
        """Token indices, `latent` -> picture `[1, 3, 256 nH, 256 nW]`, about [0, 1], not clamped.

        Raises:
            ValueError: `rate` is not 0.
        """
        if rate != 0:
            raise ValueError("the model has a single rate point")
        z_hat = self.hybrid_codec.quantize.values(tokens)
        h_hat = self.hybrid_codec.quantize_feat.decode(latent)
        titok, feat = self.hybrid_codec.decoder(z_hat, h_hat)
        generative = self.vqgan.quantize.expectation(self.prior_fusion(titok, feat))
        return self.vqgan.decode(generative) * 0.5 + 0.5


def large_weights(model: PaperModel) -> set[str]:
    """Names of the parameters that may be stored in half precision: matrices and kernels.

    Norms, biases, gains, embeddings and tables are small. The float prior stays exact too, because
    the integer prior is made from it.
    """
    names = set()
    for name, module in model.named_modules():
        if name.startswith("hybrid_codec.quantize_feat.y_"):
            continue
        if isinstance(module, Linear | Conv2d):
            names.add(f"{name}.weight")
        elif isinstance(module, SelfAttention):
            names.add(f"{name}.in_proj_weight")
    return names
