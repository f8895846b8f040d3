"""One training step of the convolutional profile, its validation and its state."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.averaging import GradientAverager
from ..common.monitor import Means
from ..common.ranks import from_first_rank, mean_over_ranks, world
from ..common.samples import write_columns
from .adversary import Adversary
from .analysis import rate_grid
from .config import STRIDE, NetworkConfig
from .losses import LossWeights, PixelLoss, bit_price
from .maps import draw_keep, draw_rates
from .model import DLF
from .optimisers import make_optimisers
from .pool import Crops
from .texture import grain_floor
from .waking import wake

SHEET_RATES = (0.0, 0.3, 0.6, 1.0)
LARGEST_NORM = 1.0
SPIKE = 3.0
"""A gradient of more than so many times the usual norm is left out.

Without norm layers one bad batch can undo hours.
"""
WOKEN_BY = 128
"""Crops of twice the side that components for idle channels are taken from."""
USUAL_STEPS = 50
"""Over how many steps the usual norm is averaged."""


@dataclass(frozen=True)
class Recipe:
    """How to train: what does not belong to the network."""

    images: int = 2_400_000
    batch: int = 32
    crop: int = 128
    wide: float = 0.0
    """Share of the steps with crops of twice the side, a quarter as many: windows have neighbours."""
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    warmup: int = 300
    """Steps."""
    cool_down: int = 0
    """Images at the end over which the learning rate falls, as 1 - sqrt; 0: it stays (a trunk)."""
    fit: int = 0
    """Images at the beginning on which the analysis alone learns, see `model.DLF.misfit`."""
    ema: float = 0.999
    seed: int = 11
    validate_every: int = 16_000
    decoder_only: bool = False
    loss: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True)
class Machine:
    """Where and how a run computes; the recipe does not depend on it."""

    device: str = "cpu"
    bfloat16: bool = True
    """Mixed precision."""
    compiled: bool = False
    """The loss, by torch.compile."""


class Trainer:
    """Networks, optimisers and counters of a run; drives on any number of ranks."""

    def __init__(
        self,
        network: NetworkConfig,
        recipe: Recipe,
        crops: Crops,
        held_out: Tensor,
        lpips_weights: str,
        machine: Machine = Machine(),
    ) -> None:
        """`held_out [N, 3, H, W]` in [0, 1]: for validation and sheets."""
        self.recipe, self.crops, self.held_out = recipe, crops, held_out
        self.device, self.bfloat16 = torch.device(machine.device), machine.bfloat16
        self.total = recipe.images
        torch.manual_seed(recipe.seed)
        self.network = DLF(network)
        self.network.to(self.device, memory_format=torch.channels_last)
        self.network.start(crops.batch(64, recipe.crop))
        if recipe.decoder_only:
            for part in (self.network.analysis, self.network.bottleneck, self.network.prior):
                part.requires_grad_(False)
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.pixel_loss = PixelLoss(lpips_weights, recipe.loss, machine.compiled).to(self.device)
        if max(recipe.loss.adversarial) > 0:
            self.pixel_loss.adversary = Adversary(self.device)
        self.optimisers = make_optimisers(recipe.optimiser, self.network)
        self.average = GradientAverager(self.network)
        self.rank, self.ranks = world()
        self.seen = self.steps = self.started = 0
        self.means = Means()
        self.crossed = False
        self.usual: float | None = None
        self._seed()

    def _seed(self) -> None:
        """Ranks have equal weights and draw other crops, rates and noise; so does a resumed run."""
        torch.manual_seed(self.recipe.seed + 1000 * self.rank + self.seen)
        self.crops.generator = np.random.default_rng([self.recipe.seed, self.rank, self.seen])

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; `load` takes it."""
        adversary = self.pixel_loss.adversary
        return {
            "adversary": None if adversary is None else adversary.state(),
            "config": {"profile": "small", "network": asdict(self.network.config)},
            "recipe": json.dumps(asdict(self.recipe)),
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimisers": self.optimisers.state(),
            "counters": [self.seen, self.steps],
        }

    def load(self, state: dict[str, Any], fresh_optimiser: bool = False) -> None:
        """Continue from `state`.

        Raises:
            RuntimeError: the sizes differ.
        """
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        if not fresh_optimiser:
            self.optimisers.load(state["optimisers"])
        if self.pixel_loss.adversary is not None and state.get("adversary"):
            self.pixel_loss.adversary.load(state["adversary"])
        self.seen, self.steps = state["counters"]
        self.started = self.steps if fresh_optimiser else 0
        self._seed()

    def wake(self) -> None:
        """Begin the latent's idle channels anew, see :mod:`.waking`: the same ones on all ranks."""
        torch.manual_seed(self.recipe.seed)
        self.crops.generator = np.random.default_rng(self.recipe.seed)
        wake(self.ema, self.crops.batch(WOKEN_BY, 2 * self.recipe.crop))
        from_first_rank(self.ema)
        self.network.load_state_dict(self.ema.state_dict())
        self._seed()

    def learning_rate(self) -> float:
        """Warmup, constant, and 1 - sqrt at the end of a run that cools down."""
        recipe = self.recipe
        rate = recipe.learning_rate * min(1.0, (self.steps - self.started + 1) / recipe.warmup)
        left = self.total - self.seen
        if recipe.cool_down and left < recipe.cool_down:
            rate *= 1 - (1 - max(left, 0) / recipe.cool_down) ** 0.5
        return rate

    def step(self) -> dict[str, str]:
        """Do one update of the weights; return its figures as text, by name."""
        learning_rate = self.learning_rate()
        self.optimisers.set_rate(learning_rate)
        self.network.train()
        self.network.zero_grad(set_to_none=True)
        batch = max(1, self.recipe.batch // self.ranks)
        number, side = (
            (max(1, batch // 4), 2 * self.recipe.crop) if self.wide() else (batch, self.recipe.crop)
        )
        image = self.crops.batch(number, side).to(self.device, non_blocking=True)
        (self._misfit(image) if self.seen < self.recipe.fit else self._loss(image)).backward()
        self.average()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_NORM)
        self.means.add(norm=float(norm))
        if self._is_usual(float(norm)):
            self.optimisers.step()
            self._update_ema()
        if self.pixel_loss.adversary is not None and self.pixel_loss.adversary.pair is not None:
            self.means.add(critic=self.pixel_loss.adversary.learn())
        before, self.seen = self.seen, self.seen + batch * self.ranks
        if before < self.recipe.fit <= self.seen:
            self.usual = None  # of another loss
        self.crossed = (
            self.seen // self.recipe.validate_every != before // self.recipe.validate_every
        )
        self.steps += 1
        return {"learning_rate": f"{learning_rate:.2e}"}

    def wide(self) -> bool:
        """Whether this step sees wide crops: equal on all ranks, and spread evenly."""
        share = self.recipe.wide
        return int((self.steps + 1) * share) > int(self.steps * share)

    def _is_usual(self, norm: float) -> bool:
        """Whether to take the step.

        An unusual norm moves the average too, so that a lasting change is accepted.
        """
        if not math.isfinite(norm):
            return False
        usual = norm if self.usual is None else self.usual
        self.usual = usual + (min(norm, SPIKE * usual) - usual) / USUAL_STEPS
        return norm <= SPIKE * usual

    def _misfit(self, image: Tensor) -> Tensor:
        rate = draw_rates(len(image), *rate_grid(image)).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            misfit, sketch, asleep = self.network.misfit(image, rate)
        self.means.add(misfit=float(misfit.detach()), sketch=float(sketch.detach()))
        weights = self.recipe.loss
        return misfit + weights.saturation * asleep + weights.sketch * sketch

    def _loss(self, image: Tensor) -> Tensor:
        size = (len(image), *rate_grid(image))
        rate, keep = draw_rates(*size).to(self.device), draw_keep(*size).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            coded = self.network(image, rate, keep)
        # Where no detail is sent, the picture is judged as at the lowest rate.
        pixel, terms = self.pixel_loss(coded.image, image, rate * keep)
        pixels = image.shape[2] * image.shape[3]
        price = bit_price(self.recipe.loss.lmbda, rate)
        loss = (pixel + (price * coded.bits).sum(dim=(1, 2)) / pixels).mean()
        weights = self.recipe.loss
        loss = loss + weights.saturation * coded.saturation + weights.sketch * coded.sketch
        if coded.grain is not None:
            wrong = (
                (F.avg_pool2d(coded.grain.float(), STRIDE)[:, 0] - grain_floor(image)).abs().mean()
            )
            loss = loss + weights.grain * wrong
            self.means.add(grain=float(wrong.detach()))
        whole = keep.amin(dim=(1, 2))
        kept = whole.sum().clamp(min=1)
        self.means.add(
            loss=float(loss.detach()),
            saturation=float(coded.saturation.detach()),
            sketch=float(coded.sketch.detach()),
            bpp=float((coded.bits.detach().sum(dim=(1, 2)) * whole).sum() / kept / pixels),
            **{k: float((v.detach() * whole).sum() / kept) for k, v in terms.items()},
        )
        return loss

    @torch.no_grad()
    def _update_ema(self) -> None:
        decay = min(self.recipe.ema, (1 + self.steps) / (10 + self.steps))
        averaged, current = list(self.ema.parameters()), list(self.network.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def validation_due(self) -> bool:
        """Return whether the last step has reached a multiple of the recipe's interval."""
        return self.crossed

    @torch.no_grad()
    def validate(self) -> tuple[str, dict[str, float]]:
        """The averaged weights on held-out crops at four rates; the terms of each rate by name."""
        means = Means()
        crops = self.held_out[self.rank % len(self.held_out) :: self.ranks].to(self.device)
        self.ema.eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            for value in SHEET_RATES:
                for part in crops.split(8):
                    self._measure(part, value, means)
        return "loss", mean_over_ranks(means.take(), self.device)

    def _measure(self, crops: Tensor, value: float, means: Means) -> None:
        pixels = crops.shape[2] * crops.shape[3]
        rate = torch.full((len(crops), *rate_grid(crops)), value, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            coded = self.ema(crops, rate)
        image = coded.image.clamp(0, 1)
        pixel, terms = self.pixel_loss(image, crops, rate)
        bpp = coded.bits.sum(dim=(1, 2)) / pixels
        price = bit_price(self.recipe.loss.lmbda, torch.tensor(value))
        means.add(loss=float((pixel + price * bpp).mean()))
        psnr = -10 * F.mse_loss(image, crops, reduction="none").mean(dim=(1, 2, 3)).log10()
        found = {"bpp": bpp, "psnr": psnr, **terms}
        means.add(**{f"{k}@{value}": float(v.mean()) for k, v in found.items()})

    @torch.no_grad()
    def sheet(self, path: Path) -> None:
        """Held-out crops: the original, then each rate, lowest first, then tokens alone."""
        images = self.held_out[:8].to(self.device)
        size = (len(images), *rate_grid(images))
        self.ema.eval()
        columns = [images]
        for value in (*SHEET_RATES, None):
            rate = torch.full(size, value or 0.0, device=self.device)
            keep = None if value is not None else torch.zeros_like(rate)
            columns.append(self.ema(images, rate, keep).image.clamp(0, 1))
        write_columns(path, columns)
