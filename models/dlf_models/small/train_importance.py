"""Trains the importance head on a frozen analysis: `python -m dlf_models.small.train_importance \
CHECKPOINT --data ...`.

Labels are the faces and the legible text that public detectors find (`labels`, extra `labels`);
they are looked for once and kept in a file. At the end precision and recall on the held-out
photographs are printed.
"""  # noqa: D205 - the text of `--help`

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..common.checkpoint import load_checkpoint, save_checkpoint
from .config import STRIDE
from .export.package import network_of
from .importance import ImportanceHead
from .labels import Labels, label_pool, read_tags
from .model import DLF
from .pool import Photograph, Pool
from .train import HELD_OUT

log = logging.getLogger(__name__)
CELLS = 8
"""Positions of the latent grid to a side of a training crop."""
STEEPNESS = 8.0
"""Logits to a unit of importance, around 1/2: so that the clamped output is near 0 or 1 where the
head is sure.
"""
MARKED_WEIGHT = 3.0
"""What a missed face costs, in units of a false alarm: cells without one are many times as many."""
WITH_LABELS = 0.75
"""Share of the crops that come from a photograph with something marked."""
HALF, DOUBLE = 0.3, 0.2
"""Shares of the crops that are reduced and enlarged by 2: faces have all sizes."""
WIDE = 0.25
"""Share of the batches with a quarter as many crops, of twice the side and enlarged by 2 or 4.

The photographs are small; a large face is seen whole only there.
"""
BATCH, LEARNING_RATE, LARGEST_NORM = 16, 1e-3, 1.0


@dataclass
class Labelled:
    """A photograph, cut to whole cells, and its importance, 0 or 1."""

    picture: NDArray[np.uint8]
    """`[H, W, 3]`."""
    marked: NDArray[np.uint8]
    """`[H / 32, W / 32]`."""


def labelled(
    pool: Pool, entries: Sequence[Photograph], labels: dict[str, Labels]
) -> list[Labelled]:
    """Photographs of at least a training crop, faces and text taken together."""
    found = []
    for entry in entries:
        rows, columns = entry.height // STRIDE, entry.width // STRIDE
        if min(rows, columns) >= CELLS:
            picture = pool.picture(entry)[: rows * STRIDE, : columns * STRIDE]
            found.append(Labelled(picture, labels[entry.name].max(axis=0)[:rows, :columns]))
    return found


class Batches:
    """Random crops on whole cells, mirrored, reduced and enlarged."""

    def __init__(self, photographs: Sequence[Labelled], seed: int) -> None:
        self.photographs = [[p for p in photographs if p.marked.any()]]
        self.photographs.append([p for p in photographs if not p.marked.any()])
        self.generator = np.random.default_rng(seed)

    def crop(self, cells: int, factor: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a picture of `cells` positions a side, uint8, and its labels, uint8.

        `factor`: how many times it is larger than in the photograph, 1/2, 1, 2 or 4. Where the
        photograph is too small to be reduced it is not.
        """
        rng = self.generator
        kind = 0 if rng.random() < WITH_LABELS or not self.photographs[1] else 1
        photograph = self.photographs[kind][rng.integers(len(self.photographs[kind]))]
        rows, columns = photograph.marked.shape
        if min(rows, columns) < cells / factor:
            factor = 1
        size = int(cells / factor)
        top, left = int(rng.integers(rows - size + 1)), int(rng.integers(columns - size + 1))
        pixels = photograph.picture[
            top * STRIDE : (top + size) * STRIDE, left * STRIDE : (left + size) * STRIDE
        ]
        marked = photograph.marked[top : top + size, left : left + size]
        if factor < 1:
            pixels = halve(pixels)
            marked = marked.reshape(cells, 2, cells, 2).max(axis=(1, 3))
        elif factor > 1:
            pixels = enlarge(pixels, int(factor))
            marked = marked.repeat(int(factor), axis=0).repeat(int(factor), axis=1)
        if rng.random() < 0.5:
            pixels, marked = pixels[:, ::-1], marked[:, ::-1]
        return pixels, marked

    def draw(self, size: int) -> tuple[Tensor, Tensor]:
        """Images in [0, 1] and what is marked.

        `[size, 3, 256, 256]` and `[size, 8, 8]`, or a quarter as many of twice the side.
        """
        rng = self.generator
        if rng.random() < WIDE:
            pairs = [
                self.crop(2 * CELLS, 2.0 if rng.random() < 0.5 else 4.0) for _ in range(size // 4)
            ]
        else:
            factors = rng.choice([0.5, 2.0, 1.0], size, p=[HALF, DOUBLE, 1 - HALF - DOUBLE])
            pairs = [self.crop(CELLS, factor) for factor in factors]
        images = torch.from_numpy(np.stack([p for p, _ in pairs])).permute(0, 3, 1, 2).float() / 255
        return images, torch.from_numpy(np.stack([m for _, m in pairs])).float()


def halve(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of 2x2."""
    height, width = pixels.shape[:2]
    folded = pixels.reshape(height // 2, 2, width // 2, 2, 3).astype(np.uint16)
    return ((folded.sum(axis=(1, 3)) + 2) // 4).astype(np.uint8)


def enlarge(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """`factor` times the size, by a cubic filter."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((factor * width, factor * height), Image.Resampling.BICUBIC))


def detail_of(network: DLF, images: Tensor) -> Tensor:
    """The detail branch at /16 of images in [0, 1]; without gradient."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        return network.analysis.branches(F.pixel_unshuffle(images * 2 - 1, 2))[1].float()


def fit(network: DLF, batches: Batches, steps: int, init: Path | None = None) -> ImportanceHead:
    """Adam with a falling learning rate; from nothing, or a head that learned on other weights."""
    head = ImportanceHead(network.config.detail_width)
    if init is not None:
        head.load_state_dict(load_checkpoint(init, "importance")["importance"])
    adam = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE)
    falling = torch.optim.lr_scheduler.OneCycleLR(adam, LEARNING_RATE, total_steps=steps)
    weight = torch.tensor(MARKED_WEIGHT)
    for step in range(steps):
        images, marked = batches.draw(BATCH)
        found = head(head.features(detail_of(network, images)))[:, 0]
        logits = STEEPNESS * (found - 0.5)
        loss = F.binary_cross_entropy_with_logits(logits, marked, pos_weight=weight)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), LARGEST_NORM)
        adam.step()
        falling.step()
        if step % 50 == 49:
            log.info("step %d of %d, loss %.4f", step + 1, steps, float(loss.detach()))
    return head.eval().requires_grad_(False)


@torch.no_grad()
def precision_and_recall(
    network: DLF, head: ImportanceHead, photographs: Sequence[Labelled]
) -> tuple[float, float]:
    """Of cells with importance of at least 1/2, over whole photographs; NaN where there are none.

    A false alarm beside a marked cell counts as none: boxes end somewhere within a cell.
    """
    right = missed = wrong = 0
    for photograph in photographs:
        rows, columns = (side // 4 * 4 for side in photograph.marked.shape)
        pixels = photograph.picture[: rows * STRIDE, : columns * STRIDE]
        images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        found = head(head.features(detail_of(network, images)))[0, 0] >= 0.5
        marked = torch.from_numpy(photograph.marked[:rows, :columns].astype(bool))
        near = F.max_pool2d(marked[None, None].float(), 3, 1, 1)[0, 0] > 0
        right += int((found & marked).sum())
        missed += int((~found & marked).sum())
        wrong += int((found & ~near).sum())
    return (
        right / (right + wrong) if right + wrong else float("nan"),
        right / (right + missed) if right + missed else float("nan"),
    )


def main() -> None:
    """Label, train and write a head as the command line says."""
    parser = argparse.ArgumentParser(prog="dlf_models.small.train_importance", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with tags.csv")
    parser.add_argument("--pool", type=Path, required=True, help="folder of decoded pictures")
    parser.add_argument("--labels", type=Path, required=True, help="file that keeps the labels")
    parser.add_argument("--out", type=Path, required=True, help="the head is written here")
    parser.add_argument("--init", type=Path, help="a head to begin with, of earlier weights")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    torch.manual_seed(11)
    state = load_checkpoint(args.checkpoint)
    network = network_of(state)
    pool, kept = Pool(args.pool), set(HELD_OUT.read_text().split())
    tried, textless = read_tags(args.data / "tags.csv")
    entries = [e for e in pool.entries if e.name in tried or e.name in kept]
    labels = label_pool(pool, args.labels, entries, textless - kept)
    batches = Batches(labelled(pool, [e for e in entries if e.name not in kept], labels), 11)
    head = fit(network, batches, args.steps, args.init)
    held_out = labelled(pool, [e for e in entries if e.name in kept], labels)
    precision, recall = precision_and_recall(network, head, held_out)
    log.info(
        "%d held-out photographs: precision %.3f, recall %.3f", len(held_out), precision, recall
    )
    save_checkpoint(args.out, {"config": state["config"], "importance": head.state_dict()})


if __name__ == "__main__":
    main()
