"""Points of rate and quality, and the envelope: what the best of many settings reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """bpp: bits per pixel; value: of the metric in question; label: the setting."""

    bpp: float
    value: float
    label: str


def envelope(points: Iterable[Point], higher_is_better: bool) -> list[Point]:
    """The points that no other beats in both rate and quality, cheapest first.

    Rate and quality both rise strictly along the result.
    """
    sign = 1.0 if higher_is_better else -1.0
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.bpp, -sign * p.value)):
        if not front or sign * point.value > sign * front[-1].value:
            front.append(point)
    return front


def best_within(points: Iterable[Point], bpp: float, higher_is_better: bool) -> Point | None:
    """The best point that costs at most `bpp`, the cheapest of equals; None when all cost more."""
    front = envelope((point for point in points if point.bpp <= bpp), higher_is_better)
    return front[-1] if front else None
