"""Measures `dlf batch`: pictures per second of each engine, beside a plain loop, as a table.

    python scripts/bench_batch.py [--pictures DIR] [--count 48] [--ways loop 0 1 2 ray1 ray2]

The pictures (768x512 in the table of docs/batch.md) are copied until there are `--count`. `rate` is
without the start of processes and the loading of the model; `start` is the time to the first
finished picture (Ray: the first block of pictures). `busy` is the share of the time that a worker
spends with
pictures: what is missing to 100 % is the engine's. `peak` is the memory of one worker. Every way
runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WAYS = ("loop", "0", "1", "2", "ray1", "ray2")
NAMES = {
    "loop": "plain loop over `dlf.encode`",
    "0": "`--workers 0`",
    "1": "`--workers 1`",
    "2": "`--workers 2`",
    "ray1": "Ray, 1 node of 1 CPU",
    "ray2": "Ray, 2 nodes of 1 CPU",
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--pictures", type=Path, default=root.parent / "shared" / "kodak")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folders", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, *arguments.folders)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "in"
        gather(arguments.pictures, folder, arguments.count)
        print(
            f"| {arguments.count} pictures | pictures/s | beside the loop | busy | start | peak |"
        )
        print("|---|---:|---:|---:|---:|---:|")
        loop, shares = 0.0, "not measured"
        for way in arguments.ways:
            words = ["--one", way, "--folders", str(folder), str(Path(scratch) / f"out-{way}")]
            done = subprocess.run(
                [sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True
            )
            facts = json.loads(done.stdout.splitlines()[-1])
            loop = loop or facts["rate"]
            busy = "" if facts["busy"] is None else f"{facts['busy']:.0%}"
            print(
                f"| {NAMES[way]} | {facts['rate']:.2f} | {facts['rate'] / loop:.2f} | {busy} "
                f"| {facts['start']:.1f} s | {facts['peak'] / 1e6:.0f} MB |",
                flush=True,
            )
            if "shares" in facts:
                shares = facts["shares"]
        print(f"\nThe loop's time: {shares}")


def gather(source: Path, folder: Path, count: int) -> None:
    """Copy pictures until there are `count`."""
    found = sorted(path for path in source.iterdir() if path.suffix in (".png", ".jpg"))
    if not found:
        raise SystemExit(f"{source}: no .png or .jpg files")
    folder.mkdir()
    for number in range(count):
        path = found[number % len(found)]
        shutil.copy(path, folder / f"{number:04}{path.suffix}")


def measure(way: str, folder: Path, out: Path) -> dict[str, Any]:
    """Return rate, busy share, time to the first picture and peak memory of one way."""
    if way == "loop":
        return plain_loop(folder, out)
    if way.startswith("ray"):
        with Nodes(int(way[3:])):
            return whole_batch(folder, out, workers=int(way[3:]), engine="ray")
    return whole_batch(folder, out, workers=int(way), engine="local")


def plain_loop(folder: Path, out: Path) -> dict[str, Any]:
    """What one writes without `dlf batch`; also how its time is spent."""
    start = time.monotonic()
    import dlf
    from dlf.systems import peak_memory
    from PIL import Image

    out.mkdir()
    finished: list[float] = []
    reading = encoding = 0.0
    for path in sorted(folder.iterdir()):
        begin = time.monotonic()
        image = Image.open(path)
        image.load()
        read = time.monotonic()
        data = dlf.encode(image)
        encoded = time.monotonic()
        (out / f"{path.stem}.dlf").write_bytes(data)
        if finished:  # the first one loads the model
            reading += read - begin
            encoding += encoded - read
        finished.append(time.monotonic())
    whole = finished[-1] - finished[0]
    return {
        "rate": rate_of(finished),
        "busy": None,
        "start": finished[0] - start,
        "peak": peak_memory(),
        "shares": f"reading {reading / whole:.0%}, encoding {encoding / whole:.0%}",
    }


def whole_batch(folder: Path, out: Path, *, workers: int, engine: Any) -> dict[str, Any]:
    """The same with `dlf batch`."""
    from dlf.batch import BatchProgress, Running, Settings, run

    start = time.monotonic()
    finished: list[float] = []

    def watch(progress: BatchProgress) -> None:
        finished.extend([time.monotonic()] * (progress.done - len(finished)))

    settings = Settings(threads=None if workers == 0 else 1)
    summary = run([folder], out, settings, Running(workers=workers, engine=engine), progress=watch)
    assert summary.done == len(list(folder.iterdir())), summary
    rate = rate_of(finished)
    lines = Path(summary.manifest).read_text().splitlines()
    coding = statistics.fmean(json.loads(line)["seconds"] for line in lines)
    return {
        "rate": rate,
        "busy": rate * coding / max(1, workers),
        "start": finished[0] - start,
        "peak": summary.peak_worker_memory,
    }


def rate_of(finished: list[float]) -> float:
    """Pictures per second: the slope of the line through the times at which they were finished.

    Not from first to last alone, because Ray reports several at once.
    """
    return statistics.linear_regression(finished, range(len(finished))).slope


class Nodes:
    """A Ray cluster of nodes with one CPU each, on this machine, while the block runs."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by itself, which is no comparison
        import ray
        from ray.cluster_utils import Cluster

        store = 100 << 20
        head = {"num_cpus": 0, "object_store_memory": store, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(self._count):
            self._cluster.add_node(num_cpus=1, object_store_memory=store)
        ray.init(address=self._cluster.address, log_to_driver=False)

    def __exit__(self, *error: object) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()


if __name__ == "__main__":
    main()
