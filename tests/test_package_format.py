"""The writer of model packages: bytes, tables, digests, and what the core says to them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dlf.specification import MAX_SHIFT
from dlf_models.package.archive import network_digest
from dlf_models.package.programs import ConvLayer, Program, fixed_point
from dlf_models.package.tables import FrequencyTable, normalise_frequencies
from dlf_models.package.torchscript import NormativePart, assemble_package, read_package
from hypothesis import given, settings
from hypothesis import strategies as st


def small_part() -> NormativePart:
    """A model of four latent channels whose prior repeats what it knows."""
    init = Program(inputs=1)
    features = init.conv(0, 0)
    init.outputs = (features, features, features, 0)
    steps = []
    for _ in range(3):
        step = Program(inputs=2)
        mean = step.conv(0, 1)
        step.outputs = (step.maximum(mean, 5), mean)
        steps.append(step)
    dense = ConvLayer(np.ones((4, 2, 1, 1)), np.arange(4), np.full(4, 1 << 20), np.full(4, 20))
    depthwise = ConvLayer(
        np.ones((4, 1, 3, 3)), np.zeros(4), np.full(4, 3), np.full(4, 5), depthwise=True
    )
    return NormativePart(
        window=64,
        tokens_per_window=2,
        levels=(3,),
        latent_channels=4,
        mean_fraction=4,
        step_fraction=6,
        token_tables=[FrequencyTable(normalise_frequencies([5, 3, 1]))],
        token_map=np.zeros(2),
        thresholds=np.array([3, 9]),
        scale_tables=[FrequencyTable(normalise_frequencies([1, 4, 1, 1]), -1)] * 2,
        rate_vectors=np.array([[50, 60], [-70, 80]]),
        layers=[dense, depthwise],
        programs=(init, steps[0], steps[1], steps[2]),
    )


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in members.items():
            target.writestr(f"root/{name}", data)
    return buffer.getvalue()


def test_a_part_reads_back_as_written() -> None:
    data = small_part().to_bytes()
    assert NormativePart.from_bytes(data).to_bytes() == data


def test_every_cut_of_a_part_is_refused() -> None:
    data = small_part().to_bytes()
    for size in range(len(data)):
        with pytest.raises(ValueError):
            NormativePart.from_bytes(data[:size])
    with pytest.raises(ValueError):
        NormativePart.from_bytes(data + b"\0")


def test_the_core_reads_what_is_written(tmp_path: Path) -> None:
    bitstream = pytest.importorskip("dlf._core")
    part = small_part()
    path = tmp_path / "small.dlfm"
    path.write_bytes(assemble_package(archive({"code/a": b"x" * 500}), part, '{"name": "small"}'))
    package = bitstream.Package(str(path))
    assert package.rate_points == part.rate_points
    assert package.window == part.window
    assert "small" in package.model_json


def test_the_core_refuses_an_accumulator_that_overflows(tmp_path: Path) -> None:
    bitstream = pytest.importorskip("dlf._core")
    errors = pytest.importorskip("dlf.errors")
    part = small_part()
    layer = part.layers[0]
    layer.bias[0] = 2**31 - 1 - 2 * 32768
    path = tmp_path / "small.dlfm"
    assert layer.accumulator_bound() == 2**31 - 1
    path.write_bytes(assemble_package(archive({"a": b"x"}), part, "{}"))
    bitstream.Package(str(path))
    layer.bias[0] += 1
    path.write_bytes(assemble_package(archive({"a": b"x"}), part, "{}"))
    with pytest.raises(errors.ModelError, match="overflow"):
        bitstream.Package(str(path))


def test_a_package_is_the_same_every_time_and_shows_changes() -> None:
    torchscript = archive({"code/a": b"x" * 500, "data.pkl": b"y"})
    package = assemble_package(torchscript, small_part(), "{}")
    assert assemble_package(torchscript, small_part(), "{}") == package
    part, description = read_package(package)
    assert description == "{}"
    assert part.network_digest == network_digest(
        {"code/a": b"x" * 500, "data.pkl": b"y", "extra/model.json": b"{}"}
    )
    changed = package.replace(b"x" * 500, b"x" * 499 + b"z")
    with pytest.raises((ValueError, zipfile.BadZipFile)):
        read_package(changed)
    with pytest.raises(ValueError, match="already"):
        assemble_package(package, small_part(), "{}")


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=400))
def test_frequencies_are_whole_and_follow_the_counts(counts: list[float]) -> None:
    frequencies = normalise_frequencies(counts)
    assert frequencies.sum() == 65536
    assert frequencies.min() >= 1
    order = np.argsort(counts)
    assert (np.diff(frequencies[order]) >= -1).all()


@given(st.floats(2.0**-14, 2.0**29))
def test_fixed_point_keeps_thirty_bits(scale: float) -> None:
    multiplier, shift = fixed_point(scale)
    assert 1 <= shift <= MAX_SHIFT
    assert 0 <= multiplier < 2**31
    assert multiplier / 2.0**shift == pytest.approx(scale, rel=2.0**-29, abs=0.0)


@pytest.mark.parametrize(
    "frequencies", [[], [65536, 0], [65535], [32768, 32769], [-1, 65537], [[65536]]]
)
def test_frequencies_that_break_the_rules_are_refused(frequencies: list[int]) -> None:
    with pytest.raises(ValueError):
        FrequencyTable(np.array(frequencies))


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="int8"):
        ConvLayer(np.full((1, 1, 1, 1), 128), np.zeros(1), np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="shifts"):
        ConvLayer(np.ones((1, 1, 1, 1)), np.zeros(1), np.ones(1), np.full(1, 47))
    part = small_part()
    part.token_map = np.zeros(3, dtype=np.uint16)
    with pytest.raises(ValueError, match="token map"):
        part.to_bytes()
