"""Errors and options: their classes, ranges and words."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import dlf
import numpy as np
import pytest
from dlf import options

ERRORS = {
    dlf.InvalidFile: 10,
    dlf.TruncatedFile: 11,
    dlf.Unsupported: 12,
    dlf.LimitExceeded: 13,
    dlf.ModelError: 14,
}


@pytest.mark.parametrize(("error", "status"), ERRORS.items())
def test_every_error_is_an_oserror_with_its_exit_status(
    error: type[dlf.DlfError], status: int
) -> None:
    assert issubclass(error, dlf.DlfError)
    assert issubclass(error, OSError)
    assert error.exit_status == status
    assert str(error("what is wrong")) == "what is wrong"


@pytest.mark.parametrize(
    "quality", [0, 100, 50.5, np.int64(7), np.float32(33), np.uint8(100), Fraction(1, 3)]
)
def test_quality_accepts_every_kind_of_number(quality: Any) -> None:
    assert options.check_quality(quality) == float(quality)


@pytest.mark.parametrize(
    "quality", [-1, 101, 100.01, math.nan, math.inf, "50", None, True, [50], np.int64(-1)]
)
def test_quality_out_of_range_is_named_with_its_range(quality: Any) -> None:
    with pytest.raises(ValueError, match="quality must be a number from 0 to 100"):
        options.check_quality(quality)


@pytest.mark.parametrize(
    ("check", "bad", "words"),
    [
        (options.check_bpp, 0, "bpp must be above 0"),
        (options.check_bpp, -0.1, "bpp must be a number of at least 0"),
        (options.check_bpp, math.inf, "bpp"),
        (options.check_max_bytes, 0, "max_bytes must be a number of at least 1"),
        (options.check_max_bytes, 10.5, "max_bytes must be a whole number"),
        (options.check_threads, 0, "threads must be a number from 1 to 256"),
        (options.check_threads, 257, "threads must be a number from 1 to 256"),
        (options.check_threads, "two", "threads"),
        (options.check_device, "tpu", "device must be 'cpu', 'cuda' or 'cuda:N'"),
        (options.check_device, "cuda:", "device"),
        (options.check_device, "cuda:x", "device"),
        (options.check_device, "cpu:", "device"),
        (options.check_layers, "detail", "layers must be 'all' or 'semantic'"),
    ],
)
def test_a_wrong_option_is_a_value_error_with_its_name(check: Any, bad: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(bad)


def test_devices() -> None:
    import torch

    assert [options.check_device(d) for d in ("cpu", "cuda", "cuda:1", torch.device("cpu"))] == [
        "cpu",
        "cuda",
        "cuda:1",
        "cpu",
    ]


def test_threads_are_clamped_to_the_cpus_of_this_process() -> None:
    assert options.check_threads(256) == options.available_threads()
    assert options.check_threads(1) == 1
    assert options.check_threads(None) == options.available_threads()


def test_only_one_target_at_a_time() -> None:
    with pytest.raises(ValueError, match="bpp or max_bytes"):
        options.byte_limit(10, 10, 0.1, 100)
    with pytest.raises(ValueError, match="quality and bpp"):
        options.target_quality(50, 0.1, None)
    assert options.target_quality(None, None, None) == options.DEFAULT_QUALITY
    assert options.target_quality(None, 0.1, None) == options.DEFAULT_QUALITY


def test_byte_limit_rounds_down() -> None:
    assert options.byte_limit(101, 10, 0.1, None) == 12
    assert options.byte_limit(101, 10, None, 99) == 99
    assert options.byte_limit(101, 10, None, None) is None


@pytest.mark.parametrize(
    ("quality", "points", "rate"),
    [(0, 8, 0), (100, 8, 7), (50, 8, 4), (50, 64, 32), (99, 2, 1), (49, 2, 0), (70, 1, 0)],
)
def test_quality_picks_the_nearest_rate_point(quality: float, points: int, rate: int) -> None:
    assert options.rate_for_quality(quality, points) == rate


def test_quality_reaches_every_rate_point_in_order() -> None:
    rates = [options.rate_for_quality(quality, 64) for quality in range(101)]
    assert rates == sorted(rates)
    assert set(rates) == set(range(64))
