"""What a progress function may be told."""

from __future__ import annotations

import itertools


def rises_to_the_end(calls: list[tuple[int, int]]) -> bool:
    """Whether progress goes from 0 to its total, never back and never twice the same."""
    done = [step for step, _ in calls]
    total = calls[0][1]
    rises = all(a < b for a, b in itertools.pairwise(done))
    return rises and (done[0], done[-1]) == (0, total) and {of for _, of in calls} == {total}
