"""What many timings of one thing, and of two things in turns, come to."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

RESAMPLES = 1000
COVERAGE = 0.95

Rounds = Sequence[Sequence[float]]


class Summary(NamedTuple):
    """Times of one call in milliseconds, over all rounds, and how many calls there were."""

    min_ms: float
    median_ms: float
    p95_ms: float
    p99_ms: float
    calls: int


class Ratio(NamedTuple):
    """How many times faster one contender is than another: above 1 is faster.

    ``of_minima`` compares the fastest call of each, and 95 of 100 bootstrap resamples of the rounds give a value from
    ``low`` to ``high`` for it; ``of_medians`` is the median over rounds of the ratio of one round's medians.
    """

    of_minima: float
    of_medians: float
    low: float
    high: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all values do not exceed (nearest rank).

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summarise(rounds: Rounds) -> Summary:
    """Sum up a contender's times.

    Args:
        rounds: seconds of each call, one list a round.
    """
    calls = [1e3 * seconds for one in rounds for seconds in one]
    return Summary(min(calls), median(calls), percentile(calls, 0.95), percentile(calls, 0.99), len(calls))


def compare(ours: Rounds, theirs: Rounds) -> Ratio:
    """Tell how many times faster ``ours`` is than ``theirs``, from the same rounds of one run.

    Args:
        ours: seconds of each call, one list a round.
        theirs: the same of the other contender, as many rounds.
    """
    minima = [(min(a), min(b)) for a, b in zip(ours, theirs, strict=True)]
    chance = random.Random(0)  # noqa: S311 - resampling, no secret
    resampled = [_of_minima(chance.choices(minima, k=len(minima))) for _ in range(RESAMPLES)]
    tail = (1 - COVERAGE) / 2
    medians = median(median(b) / median(a) for a, b in zip(ours, theirs, strict=True))
    return Ratio(_of_minima(minima), medians, percentile(resampled, tail), percentile(resampled, 1 - tail))


def _of_minima(minima: Sequence[tuple[float, float]]) -> float:
    return min(b for _, b in minima) / min(a for a, _ in minima)
