"""A batch on a Ray cluster of several nodes on this machine; run by test_batch_ray.py.

    python batch_on_ray.py IN OUT REPORT KILL_AFTER

When so many inputs are done, one node is killed, unless it is 0. Writes what happened to REPORT, as
JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import ray
from dlf.batch import BatchProgress, EngineError, Running, run
from ray.cluster_utils import Cluster

NODES = 2


def main(folder: str, out: str, report: str, kill_after: int) -> None:
    """Run the batch; see above."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,  # the driver's node does no work, and so is never the one that is lost
            "object_store_memory": 100 << 20,
            "include_dashboard": False,
        },
    )
    nodes: list[Any] = [
        cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=100 << 20)
        for _ in range(NODES)
    ]
    ray.init(address=cluster.address, log_to_driver=False)

    def watch(progress: BatchProgress) -> None:
        if kill_after and progress.done >= kill_after and len(nodes) == NODES:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    refused = too_many(folder, out)
    # Ray counts the GPUs that it is told of; a quarter of one is what each actor reserves.
    summary = run(
        [folder], out, running=Running(engine="ray", gpus_per_worker=0.25), progress=watch
    )
    alive = sum(node["Alive"] for node in ray.nodes())
    Path(report).write_text(
        json.dumps({**dataclasses.asdict(summary), "alive": alive, "refused": refused})
    )
    ray.shutdown()
    cluster.shutdown()


def too_many(folder: str, out: str) -> list[str]:
    """Ask for more actors than there is room for; return the complaints."""
    found = []
    for workers, gpus in ((NODES + 1, 0.0), (1, 3.0)):
        try:
            run([folder], out, running=Running(engine="ray", workers=workers, gpus_per_worker=gpus))
        except EngineError as error:
            found.append(str(error))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
