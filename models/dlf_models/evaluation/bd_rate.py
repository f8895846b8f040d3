"""The Bjontegaard delta rate between two curves, with how far they overlap.

Log rate is interpolated over the metric by a monotone piecewise cubic (PCHIP) and averaged over
the interval of the metric that both curves cover; nothing is extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .envelope import Point, envelope
from .weights import optional

MIN_POINTS = 2


@dataclass(frozen=True)
class BdRate:
    """percent: mean change of rate of the tested curve at equal quality (-40 = 40 % fewer bytes),
    None when the curves share no interval; low, high: that interval, in the metric;
    tested_share, anchor_share: how much of each curve's own metric range it is, 0 to 1."""

    percent: float | None
    low: float | None = None
    high: float | None = None
    tested_share: float = 0.0
    anchor_share: float = 0.0


def bd_rate(tested: Sequence[Point], anchor: Sequence[Point], higher_is_better: bool) -> BdRate:
    """Compare the envelopes of two sets of points.

    Raises MetricUnavailable when SciPy is not installed.
    """
    interpolator = optional("scipy.interpolate", "PchipInterpolator")
    sign = 1.0 if higher_is_better else -1.0
    curves = []
    for points in (tested, anchor):
        front = envelope(points, higher_is_better)
        if len(front) < MIN_POINTS:
            return BdRate(None)
        curves.append((np.array([sign * p.value for p in front]), np.log([p.bpp for p in front])))
    low = max(float(quality[0]) for quality, _ in curves)
    high = min(float(quality[-1]) for quality, _ in curves)
    if low >= high:
        return BdRate(None)
    means = [
        float(interpolator(quality, rate).integrate(low, high)) / (high - low)
        for quality, rate in curves
    ]
    shares = [(high - low) / float(quality[-1] - quality[0]) for quality, _ in curves]
    bounds = sorted((sign * low, sign * high))
    return BdRate(100.0 * (math.exp(means[0] - means[1]) - 1.0), *bounds, *shares)
