"""Times, memory and cold start of DLF and its peers, each measurement in a process of its own.

    python scripts/bench_processes.py [--write docs/performance.md] [--sizes 0.4 12 100]

Prints one table; --write puts it between the markers of a Markdown file, with a plot of the cost
against the number of pixels beside it. A measurement starts a new process, which loads the codec
and codes a picture of 768x512. The end of that, counted from the start of the process, is the cold
start. Then it codes the picture in question, three times when that is small, and takes the median.
The peak is the process's largest resident set.

The peers of DLF are CompressAI's models (random weights take as long as trained ones), AVIF and
WebP (Pillow's default effort). What is missing or takes longer than --limit is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SMALL = (768, 512)
SIZES = {
    "0.4": SMALL,
    "1.6": (1536, 1024),
    "12": (4000, 3000),
    "36": (7344, 4896),
    "100": (11600, 8650),
}
CODECS = ("dlf", "bmshj2018_hyperprior", "mbt2018_mean", "avif", "webp")
PEER_PIXELS = {"bmshj2018_hyperprior": 13e6, "mbt2018_mean": 13e6, "avif": 13e6, "webp": 13e6}
"""Beyond these a peer takes minutes or more memory than the machine has."""
BEGIN, END = "<!-- begin bench_processes -->", "<!-- end bench_processes -->"


@dataclass(frozen=True)
class Task:
    """One measurement."""

    codec: str
    size: str
    threads: int
    decode: bool
    downscale: int = 1


@dataclass(frozen=True)
class Figures:
    """Seconds and bytes; `file_bytes` of the coded picture."""

    cold: float
    seconds: float
    peak: int
    file_bytes: int


def picture(width: int, height: int) -> Any:
    """A photograph-like picture: gradients, discs and noise, mirrored beyond 768x512."""
    import numpy as np

    rng = np.random.default_rng(9)
    y, x = np.mgrid[0 : SMALL[1], 0 : SMALL[0]]
    base = np.stack([x / 3, y / 2, (x + y) % 256], axis=-1)
    for _ in range(24):
        centre, radius = rng.uniform((0, 0), SMALL[::-1]), rng.uniform(10, 90)
        base[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    base += rng.normal(0, 10, base.shape) * (x > SMALL[0] / 2)[..., None]
    small = base.clip(0, 255).astype(np.uint8)
    rows = np.concatenate([small, small[::-1]])
    both = np.concatenate([rows, rows[:, ::-1]], axis=1)
    tiles = (-(-height // both.shape[0]), -(-width // both.shape[1]), 1)
    return np.ascontiguousarray(np.tile(both, tiles)[:height, :width])


Coder = tuple[Callable[[Any], bytes], Callable[[bytes, int], Any]]


def dlf_coder(threads: int) -> Coder:
    import dlf

    codec = dlf.Codec(threads=threads)
    return codec.encode, lambda data, downscale: codec.decode(data, downscale=downscale)


def pillow_coder(name: str, threads: int) -> Coder:
    import io

    import numpy as np
    from PIL import Image

    options = {"avif": {"quality": 10, "max_threads": threads}, "webp": {"quality": 5}}[name]

    def encode(pixels: Any) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, name.upper(), **options)
        return file.getvalue()

    def decode(data: bytes, downscale: int) -> Any:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    return encode, decode


def compressai_coder(name: str, threads: int) -> Coder:
    import numpy as np
    import torch
    from compressai import zoo

    torch.set_num_threads(threads)
    torch.manual_seed(1)  # the process that decodes must have the weights of the one that encoded
    network = getattr(zoo, name)(quality=1, pretrained=False).eval()
    network.update(force=True)

    def encode(pixels: Any) -> bytes:
        with torch.inference_mode():
            height, width = pixels.shape[:2]
            edges = ((0, -height % 64), (0, -width % 64), (0, 0))
            padded = torch.from_numpy(np.pad(pixels, edges, mode="edge"))
            return pickle.dumps(network.compress(padded.permute(2, 0, 1)[None].float() / 255))

    def decode(data: bytes, downscale: int) -> Any:
        with torch.inference_mode():
            coded = pickle.loads(data)
            made = network.decompress(coded["strings"], coded["shape"])["x_hat"]
            return (made[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()

    return encode, decode


def coder(name: str, threads: int) -> Coder:
    if name == "dlf":
        return dlf_coder(threads)
    return (pillow_coder if name in ("avif", "webp") else compressai_coder)(name, threads)


def work(task: Task, folder: Path, born: float) -> Figures:
    """Inside the new process: measure one task. Encoding leaves the file that decoding reads."""
    encode, decode = coder(task.codec, task.threads)
    width, height = SIZES[task.size]
    path = folder / f"{task.codec}-{task.size}"
    small = folder / f"{task.codec}-{next(iter(SIZES))}"
    if task.decode:
        first, data = small.read_bytes(), path.read_bytes()
        run: Callable[[], Any] = lambda: decode(data, task.downscale)
        decode(first, task.downscale)
    else:
        pixels = picture(width, height)
        run = lambda: encode(pixels)
        encode(picture(*SMALL))
    cold = time.time() - born
    seconds = []
    for _ in range(3 if width * height < 3e6 else 1):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if not task.decode:
        path.write_bytes(result)
    return Figures(cold, statistics.median(seconds), peak, path.stat().st_size)


def measure(task: Task, folder: Path, limit: float) -> Figures | None:
    """Run a task in a new process; None when it fails or takes too long."""
    words = [sys.executable, __file__, "--task", json.dumps(asdict(task)), "--folder", str(folder)]
    # The codec's own threads are what is asked for; what libraries start by default is not.
    environment = {**os.environ, "OMP_NUM_THREADS": str(task.threads)}
    try:
        done = subprocess.run(
            [*words, "--born", repr(time.time())],
            env=environment, capture_output=True, text=True, timeout=limit, check=True,
        )  # fmt: skip
    except subprocess.SubprocessError as error:
        print(f"{task}: {getattr(error, 'stderr', '') or error}"[-400:], file=sys.stderr)
        return None
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def tasks(sizes: Iterable[str], codecs: Iterable[str], threads: Iterable[int]) -> list[Task]:
    """Everything to measure; encoding stands before the decoding of its file."""
    found = []
    for codec in codecs:
        for size in sizes:
            width, height = SIZES[size]
            if width * height > PEER_PIXELS.get(codec, float("inf")):
                continue
            for number in threads:
                if codec == "webp" and number > 1:
                    continue  # it has one thread
                found += [Task(codec, size, number, decode) for decode in (False, True)]
            if codec == "dlf":
                found += [Task(codec, size, 1, True, downscale) for downscale in (2, 4, 8)]
    return found


def table(figures: dict[Task, Figures]) -> str:
    """Markdown: a line per codec, size and thread count; reduced sizes have lines of their own."""
    lines = [
        (
            "| codec | megapixels | threads | encode, s | decode, s "
            "| peak encode / decode, MB | cold encode / decode, s |"
        ),
        "|---|---|---|---|---|---|---|",
    ]

    def cell(found: Figures | None, form: Callable[[Figures], str]) -> str:
        return "" if found is None else form(found)

    for task, own in figures.items():
        if task.decode and task.downscale == 1:
            continue
        name = "`dlf-s`" if task.codec == "dlf" else task.codec
        if task.decode:
            name, made, encoded = f"{name} at 1/{task.downscale}", own, None
        else:
            encoded = own
            made = figures.get(Task(task.codec, task.size, task.threads, True))
        pair = [cell(f, lambda f: f"{f.peak / 1e6:.0f}") for f in (encoded, made)]
        cold = [cell(f, lambda f: f"{f.cold:.2f}") for f in (encoded, made)]
        lines.append(
            f"| {name} | {task.size} | {task.threads} "
            f"| {cell(encoded, lambda f: f'{f.seconds:.2f}')} "
            f"| {cell(made, lambda f: f'{f.seconds:.2f}')} "
            f"| {' / '.join(p for p in pair if p)} | {' / '.join(c for c in cold if c)} |"
        )
    return "\n".join(lines)


def stage_table() -> str:
    """Multiply-accumulates as the package tells them; of reduced sizes, the core's estimates."""
    import numpy as np
    from dlf import _core, models, native

    path = str(models.find().path)
    package = _core.Package(path)
    stages = dict(json.loads(package.model_json)["macs_per_pixel"])
    height, width = 512, 768
    file = native.Codec(path).encode(np.zeros((height, width, 3), np.uint8), 0)
    for factor in (1, 2, 4, 8):
        cost = _core.estimate(file, package, downscale=factor)
        stages[f"decode at 1/{factor}"] = cost["macs"] / (height * width)
    lines = ["| stage | kMAC/px |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {macs / 1000:.2f} |" for name, macs in stages.items()])


def plot(figures: dict[Task, Figures], path: Path) -> None:
    """Seconds and memory of DLF against pixels, both axes logarithmic."""
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "dlf"
    canvas, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, decode, downscale in [
        ("encode", False, 1),
        *((f"decode at 1/{d}" if d > 1 else "decode", True, d) for d in (1, 2, 4, 8)),
    ]:
        found = {
            SIZES[task.size][0] * SIZES[task.size][1] / 1e6: figures[task]
            for task in figures
            if task == Task("dlf", task.size, 1, decode, downscale)
        }
        left.plot(list(found), [f.seconds for f in found.values()], marker="o", label=name)
        right.plot(list(found), [f.peak / 1e6 for f in found.values()], marker="o", label=name)
    for axes, label in ((left, "seconds, one thread"), (right, "peak memory, MB")):
        axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel=label)
        axes.grid(True, which="both", alpha=0.3)
    right.axhline(2500, color="grey", linestyle=":")
    left.legend(frameon=False)
    canvas.savefig(path, metadata={"Date": None})


def write(text: str, path: Path) -> None:
    """Put `text` between the markers."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{path} lacks the markers")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    p.add_argument("--codecs", nargs="+", choices=CODECS, default=list(CODECS))
    p.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    p.add_argument("--limit", type=float, default=900, help="seconds for one process")
    p.add_argument("--machine", default="two shared cores, AVX-512", help="for the caption")
    p.add_argument("--write", type=Path, help="Markdown file with the markers")
    p.add_argument("--task", help=argparse.SUPPRESS)
    p.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    p.add_argument("--born", type=float, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.task:
        print(json.dumps(asdict(work(Task(**json.loads(args.task)), args.folder, args.born))))
        return 0
    smallest = next(iter(SIZES))
    sizes = [s for s in SIZES if s in args.sizes or s == smallest]
    figures: dict[Task, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks(sizes, args.codecs, args.threads):
            found = measure(task, Path(folder), args.limit)
            if found is not None:
                figures[task] = found
                print(f"{task}: {found.seconds:.3f} s, {found.peak / 1e6:.0f} MB", file=sys.stderr)
    today = datetime.now(tz=UTC).date()
    text = f"Measured {today} on {args.machine}.\n\n{table(figures)}\n\n{stage_table()}"
    print(text)
    if args.write:
        image = args.write.with_suffix(".svg")
        plot(figures, image)
        write(f"{text}\n\n![Cost against pixels]({image.name})", args.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
