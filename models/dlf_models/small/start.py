"""Where training begins: every convolution of the analysis gives samples of mean 0 and deviation 1.

Without norm layers nothing else sets their scale. In a first run the deep path of the analysis fell
asleep: its samples shrank to 0.006 at 1/32, and the linear path did all the work
(models/EXPERIMENTS.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from .layers import Conv

SMALLEST_DEVIATION = 1e-6


def _outputs(
    layers: list[Conv], run: Callable[[], object], take: Callable[[Conv, Tensor], None]
) -> None:
    """Show `take` what each of the `layers` gives when `run` is called."""
    hooks = [
        layer.register_forward_hook(lambda made, _given, output: take(made, output))
        for layer in layers
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def balance(modules: Iterable[nn.Module], run: Callable[[], object]) -> None:
    """Rescale the convolutions of `modules` channel by channel, in the order that `run` uses them.

    Layers that begin as zero stay so: they close a residual branch.
    """
    inside = [m for module in modules for m in module.modules()]
    layers = [m for m in inside if isinstance(m, Conv) and bool(m.weight.any())]
    order: list[Conv] = []
    _outputs(layers, run, lambda layer, _output: order.append(layer))
    for layer in order:
        seen: list[Tensor] = []
        _outputs([layer], run, lambda _layer, output: seen.append(output))  # noqa: B023
        flat = seen[0].float().transpose(0, 1).flatten(1)
        factor = 1 / flat.std(dim=1).clamp(min=SMALLEST_DEVIATION)
        assert layer.bias is not None
        layer.weight.mul_(factor[:, None, None, None])
        layer.bias.copy_((layer.bias - flat.mean(dim=1)) * factor)
