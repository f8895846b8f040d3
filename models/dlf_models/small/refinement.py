"""Latents chosen by gradient: what the encoder's one look at a picture misses.

The analysis finds latents in one pass. Here they go on from there: the decoder's float twin draws
them, the loss that trained it (:mod:`.losses`) says what is wrong, and they follow its gradient,
at no more bits than before. Decoders, models and the format do not change (arXiv 2006.04240 does
so for other codecs). It takes some hundred times as long as encoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from dlf import Codec, TooFewBytes, models
from dlf.symbols import decode_symbols, replace_latents
from dlf.types import Progress, StrPath
from numpy.typing import NDArray
from torch import Tensor

from ..common.devices import autocast, precision_for
from ..evaluation.weights import Weights
from .export.measure import token_grid
from .export.weights import networks_of_package
from .losses import LossWeights, PixelLoss, bit_price
from .model import draw_noise
from .refinement_parts import Part, pixels_of, tiles, to_windows, whole_picture, windows_of

STEPS = 40
RATE = 0.02
"""How far a step moves what has a large gradient, in quantisation steps; it falls to nothing in the
second half."""
FLOOR = 0.3
"""Of the mean size of gradients, added to that of each place: where little is wrong, little moves.
"""
MOMENTUM, MEMORY = 0.85, 0.95
"""Of the gradient and of its mean square."""
ANSWER, DRIFT = 6.0, 0.1
"""What the logarithm of the price of a bit follows, and what it drifts by at each step: the bits
above those allowed, as a part of these."""
LARGEST_FACTOR = 4.0
"""That the price is multiplied or divided by."""
SEED = 5
TINY = 1e-30
JUDGEMENTS = 4
"""Draws of noise and of cuts that decide whether a part has become better."""

LOSS = LossWeights(
    lmbda=(450.0, 0.8),
    l1=(8.0, 42.0),
    l1_coarse=8.0,
    ms_ssim=(3.0, 4.0),
    lpips=(5.0, 3.5),
    full_size=0.75,
    turned=True,
    texture=(0.2, 0.1),
    repetition=1.5,
)
"""The trunk's (models/configs/small/trunk.yaml) with less of LPIPS and more of what is exact.

With the trunk's own weights LPIPS falls further and the rest gains less (models/EXPERIMENTS.md).
"""


class Refiner:
    """Makes files of one model better, or leaves them as they are.

    An object is a function as `dlf.Codec.encode` takes it for `refine`. For one thread at a time.
    """

    def __init__(
        self,
        model: StrPath | None = None,
        steps: int = STEPS,
        lpips: Weights | StrPath | None = None,
    ) -> None:
        """Load the networks.

        model: name or path, as for `dlf.Codec`. lpips: LPIPS weights on SqueezeNet, or their
        `.npz`; by default those of the package `lpips`.

        Raises:
            ValueError: steps below 1; a model that has no float twin of this profile.
            ModelError: the model is missing or altered.
            MetricUnavailable: there are no LPIPS weights.
        """
        if steps < 1:
            raise ValueError(f"steps must be a whole number of at least 1, not {steps}")
        path = Path(models.find(model).path)
        self.network, _ = networks_of_package(path)
        self.network.to(memory_format=torch.channels_last)
        found = Weights.from_package() if lpips is None else lpips
        self.loss = PixelLoss(found, LOSS).requires_grad_(False)
        self.steps = steps
        self.progress: Progress | None = None
        """Called after each step."""
        self._path, self._codec = path, Codec(path)
        self._points = self._codec.model.rate_points
        self._precision = precision_for(torch.device("cpu"))

    def __call__(self, pixels: NDArray[np.uint8], data: bytes, max_bytes: int) -> bytes:
        """The file `data` with latents that draw `pixels` better, in at most `max_bytes`.

        pixels: `[H, W, C]`, as the file stores them: gray, gray and alpha, sRGB, sRGB and alpha.
        Everything but the symbols of the detail layer stays. `data` comes back where nothing
        better is found.

        Raises:
            ModelError: the file is of another model.
        """
        target = whole_picture(self._visible(pixels, data), self.network.config.window)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            latents = self._refined(target, data, max_bytes)
        try:
            return replace_latents(data, latents[0].numpy(), self._path, max_bytes=max_bytes)
        except TooFewBytes:  # no price of a bit makes them fit
            return data

    def _visible(self, pixels: NDArray[np.uint8], data: bytes) -> NDArray[np.uint8]:
        """`[H, W, 3]`: where nothing is visible, what the file draws there already."""
        channels = pixels.shape[2]
        colour = pixels[:, :, : channels - 1] if channels in (2, 4) else pixels
        if channels in (2, 4):
            drawn = self._codec.decode(data)[:, :, :-1]
            colour = np.where(pixels[:, :, -1:] == 0, drawn, colour)
        return np.broadcast_to(colour, (*colour.shape[:2], 3))

    def _refined(self, target: Tensor, data: bytes, max_bytes: int) -> Tensor:
        """Latents `[1, C, h, w]` for the picture `[1, 3, H, W]`, of whole windows."""
        symbols = decode_symbols(data, self._path)
        config = self.network.config
        rows, columns = symbols["latent"].shape[1:]
        index = symbols.get("rate_index", np.full((rows, columns), symbols["rate"]))
        rate = torch.from_numpy(index.astype(np.float32))[None] / (self._points - 1)
        grid = (side // config.window for side in target.shape[2:])
        values = token_grid(config, symbols["tokens"], *grid)
        with torch.no_grad():
            _, features = self.network.analysis.encode(target)
            latents = self.network.bottleneck(features, to_windows(rate))[..., :rows, :columns]
            bits = self.network.prior(latents, rate, values)[1]
        size = len(replace_latents(data, latents[0].numpy(), self._path))
        # How many times the bits there may be. What a file has beside them, and how far its tables
        # are from the twin's, does not depend on the latents.
        room = max(0.5, 1 + 8 * (max_bytes - size) / max(float(bits.sum()), 8.0))
        parts = list(tiles(rows, columns))
        for number, (whole, free) in enumerate(parts):
            part = Part(
                target[..., pixels_of(whole[0]), pixels_of(whole[1])],
                rate[:, whole[0], whole[1]],
                values[..., windows_of(whole[0]), windows_of(whole[1])],
                latents[..., whole[0], whole[1]].clone(),
                free,
                room * float(bits[0, whole[0], whole[1]][free].sum()),
            )
            done = number * self.steps

            def report(step: int, done: int = done) -> None:
                if self.progress is not None:
                    self.progress(done + step, self.steps * len(parts))

            own = (..., *free)
            latents[..., whole[0], whole[1]][own] = self._work(part, report)[own]
        return latents

    def _work(self, part: Part, report: Callable[[int], None]) -> Tensor:
        """The latents of a part; those of its halo count for nothing."""
        prior = self.network.prior
        with torch.no_grad():
            step = prior.initial(part.rate, part.values)[0]
        free = torch.zeros_like(part.start)
        free[..., part.free[0], part.free[1]] = 1
        moved = torch.zeros_like(part.start, requires_grad=True)
        price = bit_price(LOSS.lmbda, part.rate)
        factor, drift, limit = 1.0, 0.0, math.log(LARGEST_FACTOR)
        momentum, power = torch.zeros_like(moved), torch.zeros(1)
        for number in range(self.steps):
            loss = self._loss(part, part.start + step * moved, factor * price, smooth=True)
            (gradient,) = torch.autograd.grad(loss, moved)
            gradient = gradient * free
            momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
            power = MEMORY * power + (1 - MEMORY) * large_squares(gradient)
            size = (power / (1 - MEMORY ** (number + 1))).sqrt()
            size = size + FLOOR * size.mean() + 1e-12
            pace = RATE * min(1.0, 2 * (1 - number / self.steps)) / (1 - MOMENTUM ** (number + 1))
            with torch.no_grad():
                moved -= pace / size * momentum
                now = part.start + step * moved
                excess = self._bits(part, now) / max(part.allowed, 1.0) - 1
            drift = min(max(drift + DRIFT * excess, -limit), limit)
            factor = math.exp(min(max(drift + ANSWER * excess, -limit), limit))
            report(number + 1)
        found = (part.start + step * moved).detach()
        costs = [self._cost(part, latents, factor * price) for latents in (part.start, found)]
        if costs[1] >= costs[0]:
            return part.start
        # Latents that have followed a gradient stand close beside the next symbol. The integer
        # prior, which is not quite the twin, would round many to another one.
        with torch.no_grad():
            return self.network.prior(found, part.rate, part.values)[0]

    def _loss(self, part: Part, latents: Tensor, price: Tensor, smooth: bool = False) -> Tensor:
        """What is to be made small: of the pixels, and of bits at their price; scalar.

        `smooth`: bits as `prior.DetailPrior.code` has them, for a gradient.
        """
        rows, columns = part.judged()
        hard, lengths = self.network.prior.code(latents, part.rate, part.values, smooth=smooth)
        bits = lengths.sum(dim=1)
        rate = to_windows(part.rate)
        with autocast(latents.device, self._precision):
            drawn, _ = self.network.synthesis.draw(
                part.values, to_windows(hard), rate, draw_noise(part.target)
            )
        window = (..., pixels_of(rows), pixels_of(columns))
        seen, wanted = drawn.float()[window], part.target[window]
        pixel, _ = self.loss(seen, wanted, rate[:, rows, columns])
        spent = (price * bits)[:, rows, columns].sum() / (seen.shape[2] * seen.shape[3])
        return pixel.mean() + spent

    @torch.no_grad()
    def _bits(self, part: Part, latents: Tensor) -> float:
        """What the symbols that may change cost in a file, in bits."""
        _, bits = self.network.prior(latents, part.rate, part.values)
        return float(bits[:, part.free[0], part.free[1]].sum())

    @torch.no_grad()
    def _cost(self, part: Part, latents: Tensor, price: Tensor) -> float:
        """The loss, the same each time that it is asked for."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return sum(float(self._loss(part, latents, price)) for _ in range(JUDGEMENTS))


def large_squares(gradient: Tensor) -> Tensor:
    """The square of the larger ones of each position, `[1, C, h, w] -> [1, 1, h, w]`.

    Most latents have next to no gradient: a plain mean of squares would say little.
    """
    squares = gradient.square()
    return squares.square().sum(dim=1, keepdim=True) / (squares.sum(dim=1, keepdim=True) + TINY)
