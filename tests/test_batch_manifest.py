"""The manifest of `dlf batch`: what survives, what is tolerated, who may write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from batch_files import batch, check_outputs, make_folder
from dlf.batch import Running, run
from dlf.batch.manifest import Manifest, Row

SUFFIXES = ("csv", "jsonl")

ROWS = [
    Row("a.png", "a.dlf", 10, 0.5, 1.25, "ok", "", "encode quality=50"),
    Row('b "c", d\ne.png', "b.dlf", status="failed", error="no\nluck, sorry"),
    Row("\udcff\u00e9.png", "\udcff\u00e9.dlf", 7, settings="s"),
]


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "folder" / f"m.{request.param}"


def test_rows_come_back(path: Path) -> None:
    for row in ROWS:  # each in a run of its own
        with Manifest(path) as manifest:
            manifest.append([row])
    with Manifest(path) as manifest:
        first, second, third = manifest.rows()
    assert (first, third) == (ROWS[0], ROWS[2])
    assert second.input == 'b "c", d\\ne.png'
    assert second.error == "no\\nluck, sorry"


def test_the_last_line_of_an_output_counts(path: Path) -> None:
    later = Row("a.png", "a.dlf", 12)
    with Manifest(path) as manifest:
        manifest.append([*ROWS, later])
        assert manifest.latest({"a.dlf", "b.dlf"}) == {"a.dlf": later, "b.dlf": manifest_row(1)}


def manifest_row(number: int) -> Row:
    """The row as it comes back, without line breaks."""
    row = ROWS[number]
    return Row(
        row.input.replace("\n", "\\n"), row.output, status=row.status, error="no\\nluck, sorry"
    )


def test_every_torn_end_is_tolerated(path: Path) -> None:
    """Wherever the file is cut, the whole lines are read and the next one stands by itself."""
    with Manifest(path) as manifest:
        manifest.append([ROWS[0]])
        whole = path.stat().st_size
        manifest.append([ROWS[2]])
    content = path.read_bytes()
    added = Row("new.png", "new.dlf", 3)
    for end in range(whole, len(content)):
        path.write_bytes(content[:end])
        with Manifest(path) as manifest:
            manifest.append([added])
            assert list(manifest.rows()) == [ROWS[0], added]


def test_lines_that_are_no_rows_are_passed_over(path: Path) -> None:
    with Manifest(path) as manifest:
        manifest.append([ROWS[0]])
    with path.open("a") as file:
        file.write('nonsense\n{"input": 3}\n[1]\n,,,\n')
    with Manifest(path) as manifest:
        manifest.append([ROWS[2]])
        assert list(manifest.rows()) == [ROWS[0], ROWS[2]]


def test_one_run_at_a_time(path: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "in", 1)
    with Manifest(path), pytest.raises(BlockingIOError, match="another dlf batch"):
        Manifest(path)
    Manifest(path).close()


@pytest.mark.usefixtures("model_environment")
def test_resuming_from_csv_with_a_torn_line(tmp_path: Path) -> None:
    folder, out, manifest = make_folder(tmp_path / "in", 3), tmp_path / "out", tmp_path / "m.csv"
    batch(folder, out, "--manifest", manifest, "--workers", 0)
    manifest.write_bytes(manifest.read_bytes()[:-20])
    summary = run([folder], out, running=Running(manifest=manifest, workers=0))
    assert (summary.done, summary.done_before) == (1, 2)
    (out / "dlf-batch.jsonl").touch()
    check_outputs(out, 3)
