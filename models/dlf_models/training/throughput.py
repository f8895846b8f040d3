"""``python -m dlf_models.training.throughput CONFIG ...``: images a second of one phase, and where the time goes.

It takes the options of ``dlf train`` (data and LPIPS weights too, so that nothing differs), trains a few steps and leaves
nothing behind. Under ``torchrun`` it measures the processes together.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
from dlf.systems import peak_memory
from torch.profiler import ProfilerActivity, profile

from ..train import make_trainer, parser, prepare
from .loop import Trainer
from .paper.trainer import PaperTrainer
from .ranks import leave, world

KINDS = {
    "convolutions, backward": ("convolution_backward",),
    "convolutions, forward": ("convolution", "conv2d", "conv_"),
    "matrix products": ("::mm", "::bmm", "::addmm", "::baddbmm", "::linear"),
    "optimiser, clipping and averaging of weights": ("adam", "lerp", "vector_norm", "foreach"),
    "copies and casts": ("copy", "::cat", "contiguous", "::empty", "resize", "fill", "zero"),
}
REST = "everything else (activations, norms, softmax, losses)"


def start_of(trainer: Trainer | PaperTrainer, phase: int) -> int:
    """How many images come before a phase or stage."""
    if isinstance(trainer, PaperTrainer):
        return sum(stage.images for stage in trainer.recipe.stages[:phase])
    phases = trainer.train_config.phases
    part = sum(p.share for p in phases[:phase]) / sum(p.share for p in phases)
    return int(part * trainer.total) + 1


def by_kind(times: dict[str, float]) -> dict[str, float]:
    """Shares of the whole by kind of operation, largest first."""
    shares: dict[str, float] = {}
    for name, value in times.items():
        kind = next((k for k, parts in KINDS.items() if any(p in name for p in parts)), REST)
        shares[kind] = shares.get(kind, 0.0) + value
    whole = sum(shares.values())
    return {k: v / whole for k, v in sorted(shares.items(), key=lambda item: -item[1])}


def measure(trainer: Trainer | PaperTrainer, steps: int) -> tuple[float, float]:
    """Images a second by the clock, and processor seconds of this process per image of the whole batch."""
    trainer.step()
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    seen, clock, processor = trainer.seen, time.perf_counter(), time.process_time()
    for _ in range(steps):
        trainer.step()
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    images = trainer.seen - seen
    return images / (time.perf_counter() - clock), (time.process_time() - processor) / images


def main(argv: list[str] | None = None) -> int:
    options = parser()
    options.add_argument(
        "--phase", type=int, default=0, help="number of the phase or stage, from 0"
    )
    options.add_argument("--steps", type=int, default=20, help="steps that are timed")
    args = options.parse_args(argv)
    prepare(args)
    with tempfile.TemporaryDirectory() as folder:
        trainer, _ = make_trainer(args, Path(folder) / "none.ckpt")
        trainer.seen = start_of(trainer, args.phase)
        speed, processor = measure(trainer, args.steps)
        kinds = [ProfilerActivity.CPU]
        if trainer.device.type == "cuda":
            kinds.append(ProfilerActivity.CUDA)
        with profile(activities=kinds) as profiled:
            for _ in range(max(1, args.steps // 5)):
                trainer.step()
    rank, ranks = world()
    leave()
    if rank > 0:
        return 0
    on_device = trainer.device.type == "cuda"
    times = {
        e.key: float(e.self_device_time_total if on_device else e.self_cpu_time_total)
        for e in profiled.key_averages()
    }
    peak = peak_memory() / 2**30
    print(
        f"{speed:.2f} images/s with {ranks} process(es), {torch.get_num_threads()} thread(s) each"
    )
    print(f"{processor * 1e3:.1f} ms of processor time per image and process, peak {peak:.2f} GiB")
    if on_device:
        print(f"peak on the device {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    for kind, share in by_kind(times).items():
        print(f"{share:6.1%}  {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
