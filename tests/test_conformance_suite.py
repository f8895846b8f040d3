"""The conformance suite against our decoders: the core, the reference decoder, the C examples."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from conformance import __main__ as runner
from conformance import reference_decoder, specification, suite
from conformance.decoders import CommandDecoder, Decoder, FunctionDecoder
from conformance.layout import VECTORS

LARGEST_SUITE = 5_000_000


@pytest.fixture(scope="module")
def vectors() -> list[suite.Vector]:
    return suite.load_vectors()


def failures(
    vectors: list[suite.Vector], decoder: Decoder, tiers: tuple[str, ...] = suite.TIERS
) -> list[str]:
    """Run the suite; every check must have been made."""
    results = suite.run(vectors, decoder, specification.pixel_bound(), tiers)
    assert len(results) > len(vectors)
    return runner.details(results)


def test_the_core_passes(vectors: list[suite.Vector]) -> None:
    from dlf.cli import main

    assert failures(vectors, FunctionDecoder(main)) == []


def test_the_reference_decoder_passes(vectors: list[suite.Vector]) -> None:
    decoder = FunctionDecoder(reference_decoder.main)
    assert failures(vectors, decoder, ("T1", "T2")) == []


def test_the_reference_decoder_draws(vectors: list[suite.Vector]) -> None:
    exact = [vector for vector in vectors if any("sha256" in one for one in vector.test["checks"])]
    assert len(exact) > 20
    assert failures(exact, FunctionDecoder(reference_decoder.main), ("T3",)) == []


def test_exact_pixels_are_asked_for_in_every_way(vectors: list[suite.Vector]) -> None:
    checks = [check for vector in vectors for check in vector.test["checks"] if "sha256" in check]
    asked = {word for check in checks for word in check["arguments"] if word.startswith("--")}
    options = {"--noise", "--region", "--downscale", "--threads", "--layers", "--allow-truncated"}
    assert asked == options
    # Threads change nothing, and a region is a part of the whole.
    whole = {check["sha256"] for check in checks if check["arguments"][:1] == ["--threads"]}
    assert len(whole) == 2


def test_the_examples_in_c_pass(vectors: list[suite.Vector], examples: Path) -> None:
    command = (
        f"{shlex.quote(sys.executable)} -m conformance.c_examples {shlex.quote(str(examples))}"
    )
    wanted = ("test-odd", "test-mode-l", "test-any-symbols", "package-8", "cut-in-detail")
    wanted += ("bad-version-2", "bad-1025-chunks", "bad-payload-flip-0", "bad-package-overflow")
    chosen = [vector for vector in vectors if vector.id in wanted]
    assert len(chosen) == len(wanted)
    results = suite.run(chosen, CommandDecoder(command), specification.pixel_bound())
    assert [line for line in runner.details(results) if line.startswith("FAILED")] == []
    passed = {result.check["tier"] for result in results if result.outcome == "passed"}
    assert passed == {"T1", "T2", "T3"}


@pytest.mark.parametrize(
    "command", ["-m dlf", str(ROOT / "conformance" / "reference_decoder.py")], ids=["dlf", "script"]
)
def test_the_runner_drives_programs(
    command: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"), prepend=":")
    decoder = f"{shlex.quote(sys.executable)} {command}"
    assert runner.main(["--decoder", decoder, "--only", "test-one-pixel"]) == 0
    printed = capfd.readouterr().out
    assert "FAILED" not in printed
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines()[1:4]}
    assert rows["T1"] == ["1", "0", "0"]
    assert rows["T2"] == ["1", "0", "0"]
    assert rows["T3"] == ["1", "0", "0"]  # the package is an integer package: both draw


def test_the_reference_decoder_needs_only_numpy() -> None:
    script = ROOT / "conformance" / "reference_decoder.py"
    source = str(VECTORS / "test-odd" / "input.dlf")
    program = (
        "import runpy, sys; sys.argv[1:] = ['info', sys.argv[2]]\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    words = [sys.executable, "-c", program, "info", source]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "numpy" in loaded
    assert not loaded & {"dlf", "torch", "PIL", "dlf_models"}


def test_vectors_exercise_every_clause(vectors: list[suite.Vector]) -> None:
    named = {clause for vector in vectors for clause in vector.test["clauses"]}
    assert specification.uncovered(named) == []
    assert specification.uncovered(named - {"§5.3.2"}) == ["§5.3.2"]


def test_every_refusal_has_a_vector(vectors: list[suite.Vector]) -> None:
    """The reference decoder names the clause by which it refuses; each has a vector of its own."""
    sources = (ROOT / "conformance" / "reference").glob("*.py")
    found = {
        clause
        for path in sources
        for clause in re.findall(r'"((?:§|A\.)[\d.]*\d)"', path.read_text())
    }
    assert len(found) > 30
    found -= {"A.1.1", "A.1.2"}  # by these a package has no id, and is missing: §5.1.3
    assert found - {vector.test["refused_by"] for vector in vectors} == set()


def test_every_status_is_asked_for(vectors: list[suite.Vector]) -> None:
    statuses = {check["status"] for vector in vectors for check in vector.test["checks"]}
    expected = {"OK", "INVALID_FILE", "TRUNCATED_FILE", "UNSUPPORTED"}
    assert statuses == expected | {"LIMIT_EXCEEDED", "MODEL_ERROR"}


def test_the_suite_is_small() -> None:
    assert sum(path.stat().st_size for path in VECTORS.rglob("*")) < LARGEST_SUITE


def test_the_bound_comes_from_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "**§9.5 Exactness.** f32 agrees within 3/255 on at least 9,995 of 10,000\nsamples; one of"
    )
    monkeypatch.setattr(specification, "text", lambda: text + " reduced precision within 7/255 on")
    assert specification.pixel_bound() == specification.PixelBound(3, 5, 10_000)
    assert specification.pixel_bound(reduced_precision=True).levels == 7
