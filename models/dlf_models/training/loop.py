"""The training loop of the small profiles: resumable and time-boxed (DESIGN 6.3)."""

from __future__ import annotations

import copy
import csv
import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
from torch import Tensor

from ..config import Config
from ..networks.model import DLF
from ..networks.rate import RateVectors
from .averaging import GradientAverager, world
from .checkpoint import save_checkpoint
from .data import CropSampler
from .losses import PatchDiscriminator, PixelLoss, discriminator_loss, feature_matching
from .muon import Muon, matrices
from .samples import write_sheet
from .schedule import Moment, lmbda_of, moment_at
from .start import spread_latents

log = logging.getLogger(__name__)
SHEET_RATES = (0.0, 0.35, 0.7, 1.0)
CHECKPOINT_SECONDS = 120.0
LOG_STEPS = 50
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


class Trainer:
    """Holds the networks, optimisers and counters of a run."""

    def __init__(
        self,
        config: Config,
        sampler: CropSampler,
        lpips_weights: str,
        out: Path,
        device: str = "cpu",
        images: int | None = None,
    ) -> None:
        self.config = config
        self.train_config = config.train
        self.total = images or config.train.images
        self.sampler = sampler
        self.out = out
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
            lpips_weights, config.train.l1_weight, config.train.lpips_weight
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
        self.average_network = GradientAverager(self.network)
        self.average_discriminator = GradientAverager(self.discriminator)
        self._seed_rank()
        self.seen = 0
        self.steps = 0
        self.gan_steps = 0
        self.sums: dict[str, tuple[float, int]] = {}

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

    def step(self) -> Moment:
        """One optimiser step on one batch of random crops at random rates."""
        moment = moment_at(self.train_config, self.total, self.seen)
        phase = moment.phase
        learning_rate = moment.learning_rate * min(1.0, (self.steps + 1) / 200)
        for group in self.optimiser.param_groups:
            group["lr"] = group["boost"] * learning_rate
        if self.muon:
            self.muon.param_groups[0]["lr"] = learning_rate
        batch = max(1, phase.batch // self.ranks)
        image = self.sampler.batch(batch, phase.crop).to(self.device, non_blocking=True)
        rate = torch.rand(batch, device=self.device)
        keep = (torch.rand(batch, device=self.device) >= phase.semantic_only).float()
        self._freeze(phase.decoder_only)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            coded = self.network(image, rate, keep)
            pixel, l1, perceptual = self.pixel_loss(coded.image, image)
        bpp = coded.detail_bits / (phase.crop * phase.crop)
        lmbda = lmbda_of(rate, self.train_config.lmbda) * moment.rate_factor
        loss = (pixel + lmbda * bpp).mean()
        if phase.gan:
            loss = loss + self._adversarial(image, coded.image, moment)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        self.average_network()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
            if self.muon:
                self.muon.step()
        self._update_ema()
        self.seen += batch * self.ranks
        self.steps += 1
        kept = keep.sum().clamp(min=1)
        self._note(
            loss=float(loss.detach()),
            l1=float((l1.detach() * keep).sum() / kept),
            lpips=float((perceptual.detach() * keep).sum() / kept),
            bpp=float(bpp.detach().sum() / kept),
            norm=float(norm),
        )
        return moment

    def _adversarial(self, image: Tensor, fake: Tensor, moment: Moment) -> Tensor:
        """Train the discriminator on this batch; return the generator's adversarial term."""
        self.gan_steps += 1
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            real_score, real_features = self.discriminator(image)
            fake_score, _ = self.discriminator(fake.detach())
            loss_d = discriminator_loss(real_score.float(), fake_score.float())
        self.optimiser_d.zero_grad(set_to_none=True)
        loss_d.backward()
        self.average_discriminator()
        self.optimiser_d.step()
        self._note(loss_d=float(loss_d.detach()))
        if self.gan_steps <= self.train_config.discriminator_warmup:
            return image.new_zeros(())
        self.discriminator.requires_grad_(False)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
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

    def _note(self, **values: float) -> None:
        for key, value in values.items():
            total, count = self.sums.get(key, (0.0, 0))
            self.sums[key] = (total + value, count + 1)

    def _time_is_up(self, start: float, minutes: float) -> bool:
        """Whether the time box is used up; the ranks agree, or one would wait for the other for ever."""
        late = torch.tensor(float(time.monotonic() - start > minutes * 60))
        if self.ranks > 1:
            torch.distributed.all_reduce(late)
        return bool(late > 0)

    def run(self, minutes: float, held_out: Tensor) -> None:
        """Train until the schedule or the time is used up; checkpoints and sheets go to ``out``."""
        self.out.mkdir(parents=True, exist_ok=True)
        start = saved = logged = time.monotonic()
        self.network.train()
        leader = self.rank == 0
        try:
            while self.seen < self.total:
                moment = self.step()
                now = time.monotonic()
                if leader and self.steps % LOG_STEPS == 0:
                    self._log(moment, LOG_STEPS * moment.phase.batch / (now - logged))
                    logged = now
                if leader and now - saved > CHECKPOINT_SECONDS:
                    save_checkpoint(self.out / "last.ckpt", self.state())
                    write_sheet(self.out / "sheet.png", self.ema, held_out, SHEET_RATES)
                    saved = logged = time.monotonic()
                if self._time_is_up(start, minutes):
                    break
        finally:
            if leader:
                self._finish(held_out)

    def _finish(self, held_out: Tensor) -> None:
        save_checkpoint(self.out / "last.ckpt", self.state())
        write_sheet(self.out / "sheet.png", self.ema, held_out, SHEET_RATES)
        log.info(
            "stopped after %d of %d images; checkpoint %s",
            self.seen,
            self.total,
            self.out / "last.ckpt",
        )

    def _log(self, moment: Moment, speed: float) -> None:
        means = {key: total / count for key, (total, count) in self.sums.items()}
        self.sums.clear()
        row = {
            "images": self.seen,
            "phase": moment.phase.name,
            "learning_rate": f"{moment.learning_rate:.2e}",
            "rate_factor": f"{moment.rate_factor:.3f}",
            **{
                k: f"{means.get(k, math.nan):.4f}"
                for k in ("loss", "l1", "lpips", "bpp", "norm", "loss_d")
            },
            "images_per_second": f"{speed:.1f}",
        }
        path = self.out / "log.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        log.info("%s", "  ".join(f"{k} {v}" for k, v in row.items()))
