"""Checks a decoder: `python -m conformance --decoder 'CMD'`. README.md describes the contract."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from conformance import specification
from conformance.checks import NOT_SUPPORTED
from conformance.decoders import CommandDecoder
from conformance.layout import VECTORS
from conformance.suite import TIERS, Result, load_vectors, run

OUTCOMES = ("passed", "failed", NOT_SUPPORTED)
USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 when nothing failed and something passed, else 1."""
    arguments = build_parser().parse_args(argv)
    vectors = load_vectors(arguments.vectors, arguments.only)
    if not vectors:
        print(f"no vectors in {arguments.vectors}", file=sys.stderr)
        return USAGE
    bound = specification.pixel_bound(arguments.reduced_precision)
    start = time.perf_counter()
    results = run(
        vectors, CommandDecoder(arguments.decoder), bound, arguments.tiers, arguments.jobs
    )
    seconds = time.perf_counter() - start
    print(table(results))
    print(f"{len(vectors)} vectors, {len(results)} checks, {seconds:.0f} s")
    for line in details(results):
        print(line)
    if arguments.only == "*":
        named = {clause for vector in vectors for clause in vector.test["clauses"]}
        print(coverage(named))
    outcomes = {result.outcome for result in results}
    return 0 if "failed" not in outcomes and "passed" in outcomes else 1


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--decoder", required=True, metavar="CMD", help="such as 'python -m dlf'")
    parser.add_argument("--tiers", nargs="+", choices=TIERS, default=TIERS)
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="programs at a time")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only vectors of these ids")
    parser.add_argument("--vectors", type=Path, default=VECTORS, metavar="FOLDER")
    parser.add_argument(
        "--reduced-precision", action="store_true", help="take the wider bound on pixels (§9.5)"
    )
    return parser


def table(results: Sequence[Result]) -> str:
    """Passed, failed and not supported, for each tier."""
    lines = ["tier  " + "".join(f"{outcome:>15}" for outcome in OUTCOMES)]
    for tier in TIERS:
        counts = Counter(result.outcome for result in results if result.check["tier"] == tier)
        lines.append(f"{tier:<6}" + "".join(f"{counts[outcome]:>15}" for outcome in OUTCOMES))
    return "\n".join(lines)


def details(results: Sequence[Result]) -> list[str]:
    """A line for each failure, and one for each thing that is not supported."""
    lines = []
    for result in results:
        if result.failure is not None:
            words = " ".join([result.check["command"], *result.check["arguments"]])
            reason, detail = result.failure.reason.value, result.failure.detail
            lines.append(f"FAILED {result.vector.id}: {words}: {reason}: {detail}")
    missing = Counter(result.missing for result in results if result.missing is not None)
    lines += [f"not supported: {what}: {count} checks" for what, count in missing.items()]
    return lines


def coverage(named: set[str]) -> str:
    """The clauses that no vector exercises."""
    open_clauses = specification.uncovered(named)
    total = len(specification.clauses())
    listed = ", ".join(open_clauses) or "none"
    return f"clauses covered: {total - len(open_clauses)} of {total}; not covered: {listed}"


if __name__ == "__main__":
    sys.exit(main())
