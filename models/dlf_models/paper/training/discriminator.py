"""PatchGAN discriminator with taming-transformers' key names, to take over a VQGAN's own."""

from __future__ import annotations

from torch import Tensor, nn


class NLayerDiscriminator(nn.Module):
    """`[B, 3, H, W]` in [-1, 1] -> one score per patch (70 pixels wide with three layers).

    It always runs in training mode: each batch is normalised by itself, the running averages are
    never used.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        stack: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        before = width
        for n in range(1, layers + 1):
            after = width * min(2**n, 8)
            stride = 2 if n < layers else 1
            stack += [
                nn.Conv2d(before, after, 4, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            ]
            before = after
        stack.append(nn.Conv2d(before, 1, 4, 1, 1))
        self.main = nn.Sequential(*stack)
        for module in self.main:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def forward(self, image: Tensor) -> Tensor:
        """`image [B, 3, H, W]` in [-1, 1] -> scores `[B, 1, h, w]`, one for each patch."""
        scores: Tensor = self.main(image)
        return scores
