"""Running the vectors against a decoder, and counting."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from conformance import checks
from conformance.checks import Failure, Reason
from conformance.decoders import Decoder, search_path
from conformance.layout import INPUT, TEST, VECTORS, model_hash, package_folders
from conformance.specification import PixelBound

TIERS = ("T1", "T2", "T3")


@dataclass(frozen=True)
class Vector:
    """A vector as it lies in the repository."""

    folder: Path
    test: dict[str, Any]

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.name


@dataclass(frozen=True)
class Result:
    """The outcome of one check: passed when there is neither a failure nor something missing."""

    vector: Vector
    check: dict[str, Any]
    failure: Failure | None = None
    missing: str | None = None

    @property
    def outcome(self) -> str:
        """One of "passed", "failed" and "not supported"."""
        if self.failure is not None:
            return "failed"
        return "passed" if self.missing is None else checks.NOT_SUPPORTED


def load_vectors(folder: Path = VECTORS, only: str = "*") -> list[Vector]:
    """All vectors below `folder` whose ids match `only`."""
    places = sorted(path.parent for path in folder.glob(f"*/{TEST}"))
    return [
        Vector(place, json.loads((place / TEST).read_text(encoding="utf-8")))
        for place in places
        if fnmatch(place.name, only)
    ]


def run(
    vectors: Iterable[Vector],
    decoder: Decoder,
    bound: PixelBound,
    tiers: Iterable[str] = TIERS,
    jobs: int = 1,
) -> list[Result]:
    """Run every check of these tiers, on `jobs` vectors at a time; results are in their order."""
    wanted = set(tiers)

    def run_vector(vector: Vector) -> list[Result]:
        checks_of_tiers = [check for check in vector.test["checks"] if check["tier"] in wanted]
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            return [run_check(vector, check, decoder, bound, folder) for check in checks_of_tiers]

    with ThreadPoolExecutor(jobs) as pool:
        return [result for results in pool.map(run_vector, vectors) for result in results]


def run_check(
    vector: Vector, check: dict[str, Any], decoder: Decoder, bound: PixelBound, scratch: Path
) -> Result:
    """Ask the decoder once, and judge its answer."""
    model = vector.test["model"]
    if check["tier"] != "T1" and model is not None:
        installed = model_hash(model)
        if installed is None:
            return Result(vector, check, missing=f"the package {model}.dlfm")
        if installed != vector.test["model_sha256"]:
            detail = f"{model}.dlfm has changed: run python -m conformance.generate"
            return Result(vector, check, Failure(Reason.MODEL, detail))
    output = scratch / {"symbols": "out.npz", "decode": "out.png"}.get(check["command"], "out")
    output.unlink(missing_ok=True)
    words = list(command_line(vector, check, output))
    answer = decoder.run(words, search_path(package_folders(vector.folder)))
    if checks.is_unsupported(answer):
        return Result(vector, check, missing=" ".join([check["command"], *check["arguments"]]))
    failure = checks.judge_status(check["status"], answer)
    if failure is None and check["status"] == "OK":
        if check["command"] == "info":
            failure = checks.judge_info(check, answer)
        elif check["command"] == "symbols":
            failure = checks.judge_symbols(check, output)
        elif "sha256" in check:
            reference = vector.folder / check["reference"]
            failure = checks.judge_exact_pixels(check["sha256"], reference, output)
        else:
            failure = checks.judge_pixels(vector.folder / check["reference"], output, bound)
    return Result(vector, check, failure)


def command_line(vector: Vector, check: dict[str, Any], output: Path) -> Iterator[str]:
    """The words after the decoder's command."""
    yield check["command"]
    yield str(vector.folder / INPUT)
    yield "--json" if check["command"] == "info" else str(output)
    yield from check["arguments"]
