"""`dlf batch --engine ray`: on a cluster of several nodes, one of which is killed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from batch_files import batch, check_outputs, environment, make_folder, name, rows

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no Ray")

pytestmark = pytest.mark.usefixtures("model_environment")

COUNT = 40
KILL_AFTER = 6


def on_cluster(folder: Path, out: Path, kill_after: int) -> dict[str, Any]:
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        # A lost node is noticed in seconds, and not only after half a minute.
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
    }
    report = out.with_name("report.json")
    script = Path(__file__).with_name("batch_on_ray.py")
    done = subprocess.run(
        [sys.executable, script, folder, out, report, str(kill_after)],
        env={**environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(report.read_text())
    return facts


@needs_ray
def test_a_node_is_killed_in_the_middle(tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in", COUNT), tmp_path / "out"
    (folder / "broken.png").write_bytes(b"not a picture")
    report = on_cluster(folder, out, KILL_AFTER)
    assert report["refused"] == [
        "the cluster has room for 2 actors with 1 CPUs and 0 GPUs each, not for 3",
        "the cluster has room for 0 actors with 1 CPUs and 3 GPUs each, not for 1",
    ]
    assert report["alive"] == 2  # the head and one of two workers
    assert report["workers"] == 2
    assert (report["done"], report["failed"], report["unfinished"]) == (COUNT, 1, 0)
    check_outputs(out, COUNT)
    # Nothing is lost, and nothing reported twice.
    reported = sorted(row["input"] for row in rows(out / "dlf-batch.jsonl"))
    assert reported == sorted([*(name(number) for number in range(COUNT)), "broken.png"])
    # The engines go on where the other one ended.
    (out / name(1, ".dlf")).unlink()
    batch(folder, out, "--workers", 0, status=3)
    check_outputs(out, COUNT)
    assert len(rows(out / "dlf-batch.jsonl")) == COUNT + 2


def test_without_ray_the_engine_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    folder = make_folder(tmp_path / "in", 1)
    batch(folder, tmp_path / "out", "--engine", "ray", status=1)
    assert "pip install '.[ray]'" in capsys.readouterr().err
