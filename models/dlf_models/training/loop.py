"""Training of the small profiles: one optimiser step, validation and state (architecture.md 4.3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..config import Config
from ..networks.interactive import InteractiveBlock
from ..networks.layers import ResidualConv, TransformerLayer
from ..networks.model import DLF
from ..networks.rate import RateVectors
from .averaging import GradientAverager
from .data import CropSampler
from .device_sampler import DeviceSampler
from .devices import autocast, checkpoint_activations
from .losses import PatchDiscriminator, PixelLoss, discriminator_loss, feature_matching
from .monitor import Means
from .muon import Muon, matrices
from .ranks import mean_over_ranks, world
from .samples import write_sheet
from .schedule import Moment, lmbda_of, moment_at, spread_rates
from .start import spread_latents

SHEET_RATES = (0.0, 0.35, 0.7, 1.0)
CHECKPOINTED = (TransformerLayer, InteractiveBlock, ResidualConv)
RATE_VECTOR_BOOST = 4.0


def parameter_groups(network: DLF, taken: Sequence[Tensor] = ()) -> list[dict[str, Any]]:
    """Groups for AdamW, without what Muon has ``taken``.

    Rate vectors learn faster and without decay: each anchor sees only its share of the samples.
    """
    vectors = [p for m in network.modules() if isinstance(m, RateVectors) for p in m.parameters()]
    chosen = {id(p) for p in [*vectors, *taken]}
    others = [p for p in network.parameters() if id(p) not in chosen]
    return [
        {"params": others, "boost": 1.0, "weight_decay": 1e-4},
        {"params": vectors, "boost": RATE_VECTOR_BOOST, "weight_decay": 0.0},
    ]


def micro_batches(batch: int, largest: int) -> list[int]:
    """Sizes that add up to ``batch``, none above ``largest`` (0: no limit)."""
    if largest <= 0 or batch <= largest:
        return [batch]
    return [min(largest, batch - at) for at in range(0, batch, largest)]


class Trainer:
    """Holds the networks, optimisers and counters of a run."""

    def __init__(
        self,
        config: Config,
        sampler: CropSampler | DeviceSampler,
        held_out: Tensor,
        lpips_weights: str,
        device: str = "cpu",
        images: int | None = None,
        precision: str = "bf16",
        shared_memory: bool = True,
    ) -> None:
        """``held_out [N, 3, H, W]`` in [0, 1]: crops for validation and sample sheets."""
        self.config = config
        self.train_config = config.train
        self.total = images or config.train.images
        self.sampler = sampler
        self.held_out = held_out
        self.precision = precision
        self.device = torch.device(device)
        torch.manual_seed(config.train.seed)
        memory = torch.channels_last
        self.network = DLF(config.network).to(self.device, memory_format=memory)
        spread_latents(self.network, self._start_batch())
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.discriminator = PatchDiscriminator(config.train.discriminator_width).to(
            self.device, memory_format=memory
        )
        self.pixel_loss = PixelLoss(
            lpips_weights,
            config.train.l1_weight,
            config.train.lpips_weight,
            config.train.ms_ssim_weight,
            config.train.texture_weight,
            config.train.repetition_weight,
        ).to(self.device)
        dense = matrices(self.network) if config.train.optimiser == "muon" else []
        self.muon = Muon(dense) if dense else None
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.network, dense), lr=1e-4, betas=(0.9, 0.99), fused=True
        )
        self.optimiser_d = torch.optim.AdamW(
            self.discriminator.parameters(), lr=2e-4, betas=(0.5, 0.99), fused=True
        )
        self.rank, self.ranks = world()
        self.average_network = GradientAverager(self.network, shared_memory)
        self.average_discriminator = GradientAverager(self.discriminator, shared_memory)
        self._seed_rank()
        self.seen = 0
        self.steps = 0
        self.gan_steps = 0
        self.means = Means()
        self.crossed = False

    def _start_batch(self) -> Tensor:
        """The same crops on every rank, drawn before the ranks part."""
        return self.sampler.batch(32, self.train_config.phases[0].crop).to(self.device)

    def state(self) -> dict[str, Any]:
        return {
            "config": {
                "name": self.config.name,
                "profile": self.config.profile,
                "network": asdict(self.config.network),
            },
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "muon": self.muon.state_dict() if self.muon else None,
            "optimiser_d": self.optimiser_d.state_dict(),
            "counters": [self.seen, self.steps, self.gan_steps, self.total],
            "torch_rng": torch.get_rng_state(),
            "sampler_rng": json.dumps(self.sampler.generator.bit_generator.state),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`. Raises ``RuntimeError`` when the sizes differ."""
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.muon and state.get("muon"):
            self.muon.load_state_dict(state["muon"])
        self.optimiser_d.load_state_dict(state["optimiser_d"])
        self.seen, self.steps, self.gan_steps, _ = state["counters"]
        torch.set_rng_state(state["torch_rng"])
        self.sampler.generator.bit_generator.state = json.loads(state["sampler_rng"])
        self._seed_rank(self.seen)

    def _seed_rank(self, seen: int = 0) -> None:
        """Ranks start from equal weights but must draw different crops, rates and noise."""
        if self.rank > 0:
            torch.manual_seed(self.train_config.seed + 1000 * self.rank + seen)
            self.sampler.generator = np.random.default_rng(
                [self.train_config.seed, self.rank, seen]
            )

    def economise(self, checkpointing: bool, compiler: str | None) -> None:
        """Less memory, and compiled code (the name of a backend of ``torch.compile``)."""
        if checkpointing:
            checkpoint_activations(self.network, CHECKPOINTED)
        if compiler:
            self.network.compile(backend=compiler)

    def step(self) -> dict[str, str]:
        """One optimiser step on one batch of random crops at random rates."""
        moment = moment_at(self.train_config, self.total, self.seen)
        phase = moment.phase
        learning_rate = moment.learning_rate * min(1.0, (self.steps + 1) / 200)
        for group in self.optimiser.param_groups:
            group["lr"] = group["boost"] * learning_rate
        if self.muon:
            self.muon.param_groups[0]["lr"] = learning_rate
        self.network.train()
        self._freeze(phase.decoder_only)
        self.network.zero_grad(set_to_none=True)
        batch = max(1, phase.batch // self.ranks)
        for size in micro_batches(batch, self.train_config.micro_batch):
            self._micro(moment, size, size / batch)
        self.average_network()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.means.add(norm=float(norm))
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
            if self.muon:
                self.muon.step()
        self._update_ema()
        before, self.seen = self.seen, self.seen + batch * self.ranks
        every = self.train_config.validate_every
        self.crossed = self.seen // every != before // every
        self.steps += 1
        return {
            "phase": phase.name,
            "learning_rate": f"{moment.learning_rate:.2e}",
            "rate_factor": f"{moment.rate_factor:.3f}",
        }

    def _micro(self, moment: Moment, batch: int, share: float) -> None:
        """Gradients of ``batch`` crops, ``share`` of this process's part of the step."""
        phase = moment.phase
        image = self.sampler.batch(batch, phase.crop).to(self.device, non_blocking=True)
        rate = spread_rates(batch).to(self.device)
        keep = (torch.rand(batch, device=self.device) >= phase.semantic_only).float()
        with autocast(self.device, self.precision):
            coded = self.network(image, rate, keep)
            pixel, l1, perceptual = self.pixel_loss(coded.image, image, rate)
        bpp = coded.detail_bits / (phase.crop * phase.crop)
        lmbda = lmbda_of(rate, self.train_config.lmbda) * moment.rate_factor
        loss = (pixel + lmbda * bpp).mean()
        if phase.gan:
            loss = loss + self._adversarial(image, coded.image)
        (loss * share).backward()
        kept = keep.sum().clamp(min=1)
        self.means.add(
            loss=float(loss.detach()),
            l1=float((l1.detach() * keep).sum() / kept),
            lpips=float((perceptual.detach() * keep).sum() / kept),
            bpp=float(bpp.detach().sum() / kept),
            **({} if phase.gan else {"loss_d": float("nan")}),
        )

    def _adversarial(self, image: Tensor, fake: Tensor) -> Tensor:
        """Train the discriminator on this batch; return the generator's adversarial term."""
        self.gan_steps += 1
        with autocast(self.device, self.precision):
            real_score, real_features = self.discriminator(image)
            fake_score, _ = self.discriminator(fake.detach())
            loss_d = discriminator_loss(real_score.float(), fake_score.float())
        self.optimiser_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.average_discriminator()
        self.optimiser_d.step()
        self.means.add(loss_d=float(loss_d.detach()))
        if self.gan_steps <= self.train_config.discriminator_warmup:
            return image.new_zeros(())
        self.discriminator.requires_grad_(False)
        with autocast(self.device, self.precision):
            score, features = self.discriminator(fake)
            term = -score.float().mean() + 2.0 * feature_matching(real_features, features).float()
        self.discriminator.requires_grad_(True)
        return self.train_config.gan_weight * term

    def _freeze(self, decoder_only: bool) -> None:
        """In phase C the bitstream stands still: only the synthesis transform learns."""
        for part in (self.network.analysis, self.network.bottleneck, self.network.prior):
            part.requires_grad_(not decoder_only)

    @torch.no_grad()
    def _update_ema(self) -> None:
        decay = min(self.train_config.ema, (1 + self.steps) / (10 + self.steps))
        ema = list(self.ema.parameters())
        torch._foreach_lerp_(ema, list(self.network.parameters()), 1 - decay)

    def validation_due(self) -> bool:
        return self.crossed

    @torch.no_grad()
    def validate(self) -> tuple[str, dict[str, float]]:
        """The averaged weights on the held-out crops at four rates; ``loss`` has the full weight of the bits."""
        means = Means()
        crops = self.held_out[self.rank % len(self.held_out) :: self.ranks].to(self.device)
        self.ema.eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.train_config.seed)
            for value in SHEET_RATES:
                rate = torch.full((len(crops),), value, device=self.device)
                with autocast(self.device, self.precision):
                    coded = self.ema(crops, rate)
                    pixel, l1, perceptual = self.pixel_loss(coded.image, crops, rate)
                bpp = coded.detail_bits / (crops.shape[2] * crops.shape[3])
                loss = pixel + lmbda_of(rate, self.train_config.lmbda) * bpp
                terms = {"loss": loss, "l1": l1, "lpips": perceptual, "bpp": bpp}
                means.add(**{k: float(v.mean()) for k, v in terms.items()})
        return "loss", mean_over_ranks(means.take(), self.device)

    def sheet(self, path: Path) -> None:
        """Held-out crops at four rates."""
        write_sheet(path, self.ema, self.held_out.to(self.device), SHEET_RATES)
