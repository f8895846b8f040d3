"""The Bjontegaard delta rate between two curves, with how far they overlap.

Log rate is interpolated over the metric by a monotone piecewise cubic (PCHIP) and averaged over
the interval of the metric that both curves cover; nothing is extrapolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .envelope import Point, envelope
from .weights import optional

Interval = tuple[float, float]


@dataclass(frozen=True)
class BdRate:
    """How much one curve saves against another at equal quality.

    Attributes:
        percent: mean change of rate of the tested curve (-40: 40 % fewer bytes); None when the
            curves share no interval.
        tested: interval of the metric that the tested curve covers.
        anchor: interval that the other one covers.
        common: interval that both cover, None where there is none.
    """

    percent: float | None
    tested: Interval | None
    anchor: Interval | None
    common: Interval | None = None

    def share_of(self, whole: Interval | None) -> float:
        """How much of `whole`, 0 to 1, the common interval is."""
        if self.common is None or whole is None:
            return 0.0
        return (self.common[1] - self.common[0]) / (whole[1] - whole[0])


def bd_rate(tested: Sequence[Point], anchor: Sequence[Point], higher_is_better: bool) -> BdRate:
    """Compare the envelopes of two sets of points.

    Raises MetricUnavailable when SciPy is not installed.
    """
    interpolator = optional("scipy.interpolate", "PchipInterpolator")
    fronts = [envelope(points, higher_is_better) for points in (tested, anchor)]
    own = [_interval([point.value for point in front]) for front in fronts]
    if own[0] is None or own[1] is None:
        return BdRate(None, own[0], own[1])
    low, high = max(own[0][0], own[1][0]), min(own[0][1], own[1][1])
    if low >= high:
        return BdRate(None, own[0], own[1])
    logs = []
    for front in fronts:
        ordered = sorted(front, key=lambda point: point.value)
        curve = interpolator(
            [point.value for point in ordered], [math.log(point.bpp) for point in ordered]
        )
        logs.append(float(curve.integrate(low, high)) / (high - low))
    return BdRate(100.0 * (math.exp(logs[0] - logs[1]) - 1.0), own[0], own[1], (low, high))


def _interval(values: list[float]) -> Interval | None:
    """From the least to the greatest; None for fewer than two values."""
    return (min(values), max(values)) if len(values) > 1 else None
