"""Training of the paper's profile: one optimiser step, validation and state.

All randomness of a step follows from the seed, the number of the step and the place of the
micro-batch in it. So a resumed run goes on exactly, and several processes draw together what one
would have drawn. See architecture.md 4.1 item 7.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...common.averaging import GradientAverager
from ...common.data import CropSampler, centre_crops
from ...common.device_sampler import DeviceSampler
from ...common.devices import autocast, checkpoint_activations
from ...common.monitor import Means
from ...common.ranks import mean_over_ranks, world
from ...common.samples import write_columns
from ..interactive import InteractiveBlock
from ..layers import TransformerLayer
from ..model import PaperModel
from ..swin import SwinBlock
from ..vqgan import ResnetBlock
from .controller import LambdaController
from .discriminator import NLayerDiscriminator
from .forward import TrainingPass, start_weights
from .losses import PixelLoss, adaptive_weight, alignment_loss, discriminator_loss
from .pretrained import is_semantic
from .recipe import PaperRun, Stage

log = logging.getLogger(__name__)
SHEET_IMAGES = 6
CHECKPOINTED = (TransformerLayer, InteractiveBlock, SwinBlock, ResnetBlock)


@dataclass(frozen=True)
class Options:
    """How to compute; the result does not depend on it, apart from rounding."""

    device: str = "cpu"
    precision: str = "fp32"
    checkpointing: bool = False
    compile: str | None = None
    ddp: bool = False


class PaperTrainer:
    """Model, discriminator, optimisers and counters of a run of the paper's profile."""

    def __init__(
        self,
        run: PaperRun,
        sampler: CropSampler | DeviceSampler,
        held_out: list[NDArray[np.uint8]],
        lpips_weights: str,
        options: Options,
    ) -> None:
        self.run = run
        self.recipe = run.recipe
        self.sampler = sampler
        self.held_out = held_out
        self.options = options
        self.device = torch.device(options.device)
        self.rank, self.ranks = world()
        torch.manual_seed(run.recipe.seed)
        model = PaperModel(run.network, targets=True)
        start_weights(model)
        self.whole = TrainingPass(model.to(self.device))
        self.model = model
        self.discriminator = NLayerDiscriminator(
            run.recipe.discriminator_width, run.recipe.discriminator_layers
        ).to(self.device)
        self.pixel_loss = PixelLoss(lpips_weights).to(self.device)
        if options.checkpointing:
            checkpoint_activations(model, CHECKPOINTED)
        if options.compile:
            self.whole.compile(backend=options.compile)
        self._optimisers()
        self.controller = LambdaController()
        self.total = sum(s.images for s in run.recipe.stages)
        self.seen = self.steps = self.gan_steps = 0
        self.crossed = False
        self.means = Means()
        self.stage: Stage | None = None
        self.average_discriminator = GradientAverager(self.discriminator, not options.ddp)
        self._enter(self.recipe.stages[0])

    def _optimisers(self) -> None:
        never = ("vqgan.encoder.", "vqgan.quant_conv.")
        named = dict(self.model.named_parameters())
        # The masks of the fusion are constants; those of the codec learn, as published (parity fact
        # 2).
        self.constant = {n for n in named if n.startswith(never)} | {
            n for n in named if n.startswith("prior_fusion.") and n.endswith("_mask")
        }
        self.semantic = {n for n in named if is_semantic(n)}
        self.pixel_part = {n for n in named if n.startswith("vqgan.")} - self.constant
        slow = [p for n, p in named.items() if n in self.semantic]
        fast = [p for n, p in named.items() if n not in self.semantic | self.constant]
        groups = [{"params": fast}, {"params": slow}]
        self.optimiser = torch.optim.Adam(groups, lr=1e-5, betas=self.recipe.betas)
        self.optimiser_d = torch.optim.Adam(
            self.discriminator.parameters(), lr=1e-5, betas=self.recipe.betas
        )

    def stage_at(self, seen: int) -> Stage:
        """The stage after `seen` images; past the end, the last one."""
        for stage in self.recipe.stages:
            if seen < stage.images:
                return stage
            seen -= stage.images
        return self.recipe.stages[-1]

    def _enter(self, stage: Stage) -> None:
        """Freeze and thaw parts, set learning rates and the weight of the bits."""
        if stage is self.stage:
            return
        self.stage = stage
        frozen = set(self.constant)
        if stage.target == "latent":
            frozen |= self.pixel_part
        if not stage.tune_semantic:
            frozen |= self.semantic
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name not in frozen)
            if name in frozen:
                parameter.grad = None
        self.optimiser.param_groups[0]["lr"] = stage.learning_rate
        self.optimiser.param_groups[1]["lr"] = self.recipe.semantic_learning_rate
        self.optimiser_d.param_groups[0]["lr"] = stage.learning_rate
        self.controller.enter(stage.lmbda or self.recipe.lmbda, stage.band or self.recipe.band)
        # DistributedDataParallel must know what learns; the averager looks for itself.
        self.forward: nn.Module = self.whole
        self.average = GradientAverager(self.model, not self.options.ddp)
        if self.ranks > 1 and self.options.ddp:
            self.forward = DistributedDataParallel(self.whole, broadcast_buffers=False)
        log.info("stage %s: lambda %.3g", stage.name, self.controller.lmbda)

    def _micro_batches(self, stage: Stage) -> int:
        """Micro-batches of one step on each rank."""
        share = self.recipe.micro_batch * self.ranks
        if stage.batch % share:
            raise ValueError(
                f"stage {stage.name!r}: batch {stage.batch} is no multiple of micro_batch"
                f" {self.recipe.micro_batch} times {self.ranks} processes"
            )
        return stage.batch // share

    def step(self) -> dict[str, str]:
        """One optimiser step of the stage under way."""
        stage = self.stage_at(self.seen)
        self._enter(stage)
        micro_batches = self._micro_batches(stage)
        self.whole.train()
        self.model.zero_grad(set_to_none=True)
        self.discriminator.zero_grad(set_to_none=True)
        self.gan_steps += stage.target == "pixels"
        for number in range(micro_batches):
            last = number == micro_batches - 1
            quiet = isinstance(self.forward, DistributedDataParallel) and not last
            with self.forward.no_sync() if quiet else nullcontext():
                self._micro(stage, number * self.ranks + self.rank, micro_batches)
        if not isinstance(self.forward, DistributedDataParallel):
            self.average()
        self._apply()
        before, self.seen = self.seen, self.seen + stage.batch
        every = self.recipe.validate_every
        self.crossed = self.seen // every != before // every or self.seen >= self.total
        self.steps += 1
        return {"stage": stage.name, "lambda": f"{self.controller.lmbda:g}"}

    def _apply(self) -> None:
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.means.add(norm=float(norm))
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        if any(p.grad is not None for p in self.discriminator.parameters()):
            self.average_discriminator()
            self.optimiser_d.step()

    def _draw(self, stage: Stage, index: int) -> tuple[Tensor, Tensor]:
        """Crops and noise of micro-batch `index` of this step, whichever process draws them."""
        seed = np.random.SeedSequence([self.recipe.seed, self.steps, index])
        self.sampler.generator = np.random.default_rng(seed)
        torch.manual_seed(int(seed.generate_state(1)[0]))
        image = self.sampler.batch(self.recipe.micro_batch, stage.crop).to(self.device)
        cells = stage.crop // self.run.network.latent_stride
        noise = torch.rand(len(image), self.run.network.latent_channels, cells, cells) - 0.5
        return image, noise.to(self.device)

    def _micro(self, stage: Stage, index: int, micro_batches: int) -> None:
        """Gradients of one micro-batch, added to those that are there."""
        image, noise = self._draw(stage, index)
        pixels = stage.target == "pixels"
        with autocast(self.device, self.options.precision):
            latent, logits, bits, vq_loss, picture = self.forward(image, noise, pixels)
        bpp = bits.mean() / stage.crop**2
        terms: dict[str, Tensor] = {"bpp": bpp.detach(), "vq": vq_loss.detach()}
        if picture is None:
            target, indices = self.whole.targets(image)
            loss, parts = alignment_loss(self.recipe, latent, logits, target, indices)
        else:
            loss, parts = self._pixel_terms(image, picture)
        terms |= parts
        loss = loss + self.controller.lmbda * bpp + self.recipe.vq_weight * vq_loss
        (loss / micro_batches).backward()
        if picture is not None:
            terms |= self._judge(image, picture.detach(), micro_batches)
        self.means.add(loss=float(loss.detach()), **{k: float(v) for k, v in terms.items()})

    def _pixel_terms(self, image: Tensor, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """L1 (of samples in [-1, 1]), LPIPS and a warm discriminator's adversarial term."""
        with autocast(self.device, self.options.precision):
            l1, perceptual = self.pixel_loss(picture * 0.5 + 0.5, image)
        pixel = self.recipe.l1_weight * 2 * l1.mean() + self.recipe.lpips_weight * perceptual.mean()
        parts = {"l1": l1.mean().detach(), "lpips": perceptual.mean().detach()}
        if self.gan_steps <= self.recipe.discriminator_warmup:
            return pixel, parts
        self.discriminator.requires_grad_(False)
        with autocast(self.device, self.options.precision):
            adversarial = -self.discriminator(picture).float().mean()
        self.discriminator.requires_grad_(True)
        last = self.model.vqgan.decoder.conv_out.weight
        weight = adaptive_weight(self.recipe, pixel, adversarial, last)
        parts |= {"adversarial": adversarial.detach(), "adaptive_weight": weight}
        return pixel + weight * adversarial, parts

    def _judge(self, image: Tensor, picture: Tensor, micro_batches: int) -> dict[str, Tensor]:
        """Gradients of the discriminator on one micro-batch."""
        with autocast(self.device, self.options.precision):
            real, fake = self.discriminator(image * 2 - 1), self.discriminator(picture)
        loss = discriminator_loss(real.float(), fake.float())
        (loss / micro_batches).backward()
        return {"loss_d": loss.detach()}

    def validation_due(self) -> bool:
        """Return whether the last step has reached a multiple of the interval, or the end."""
        return self.crossed

    @torch.no_grad()
    def validate(self) -> tuple[str, dict[str, float]]:
        """Means over the centre crops of the held-out images, shared among the ranks.

        It moves the weight of the bits. `loss` weighs the bits with the last weight of the list, so
        that it can be compared along a stage.
        """
        stage = self.stage
        assert stage is not None
        means = Means()
        state = torch.get_rng_state()
        crops = centre_crops(self.held_out, stage.crop)
        for image in crops[self.rank % len(crops) :: self.ranks].split(self.recipe.micro_batch):
            means.add(**self._measure(stage, image.to(self.device)))
        torch.set_rng_state(state)
        values = mean_over_ranks(means.take(), self.device)
        if self.controller.observe(values["bpp"]):
            log.info("lambda is now %.3g", self.controller.lmbda)
        return stage.name, {**values, "lambda": self.controller.lmbda}

    def _measure(self, stage: Stage, image: Tensor) -> dict[str, float]:
        torch.manual_seed(self.recipe.seed)
        with autocast(self.device, self.options.precision):
            latent, logits, bits, vq_loss, picture = self.whole(
                image, None, stage.target == "pixels"
            )
        bpp = bits.mean() / stage.crop**2
        if picture is None:
            loss, parts = alignment_loss(self.recipe, latent, logits, *self.whole.targets(image))
        else:
            l1, perceptual = self.pixel_loss(picture * 0.5 + 0.5, image)
            loss = self.recipe.l1_weight * 2 * l1.mean()
            loss = loss + self.recipe.lpips_weight * perceptual.mean()
            parts = {"l1": l1.mean(), "lpips": perceptual.mean()}
        terms = {
            "loss": loss + self.controller.values[-1] * bpp,
            "bpp": bpp,
            "vq": vq_loss,
            **parts,
        }
        return {k: float(v) for k, v in terms.items()}

    @torch.no_grad()
    def sheet(self, path: Path) -> None:
        """Held-out crops beside what the model makes of them."""
        assert self.stage is not None
        images = centre_crops(self.held_out[:SHEET_IMAGES], self.stage.crop).to(self.device)
        shown = [self.whole(image[None], None, True)[4] for image in images]
        write_columns(path, [images, torch.cat(shown) * 0.5 + 0.5])

    def state(self) -> dict[str, Any]:
        """All that a run needs to go on; `state_dict` alone is what `dlf import-official` reads."""
        return {
            "config": {
                "name": self.run.name,
                "profile": self.run.profile,
                "paper": asdict(self.run.network),
            },
            "state_dict": self.model.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "optimiser_d": self.optimiser_d.state_dict(),
            "counters": [self.seen, self.steps, self.gan_steps, self.total],
            "controller": self.controller.state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`.

        Raises:
            RuntimeError: the sizes differ.
        """
        self.model.load_state_dict(state["state_dict"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.optimiser_d.load_state_dict(state["optimiser_d"])
        self.seen, self.steps, self.gan_steps, _ = state["counters"]
        # The stage of the last step: its successor, if it is due, begins with the next step.
        self._enter(self.stage_at(max(self.seen - 1, 0)))
        self.controller.load(state["controller"])
