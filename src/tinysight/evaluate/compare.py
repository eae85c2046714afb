"""Two models on the same pictures: is one better, or was it luck?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.evaluate.intervals import Share, share


class Comparison(NamedTuple):
    """Two models, A and B, on the same pictures.

    Args:
        first: A's top-1.
        second: B's top-1.
        difference: B's top-1 less A's, -1..1.
        low: of the 95 % interval of the difference.
        high: of the same.
        p_value: chance of flips as uneven as these, or more, between equally good models (exact McNemar test).
        lost: pictures that only A named right, indexes ``(n,)``, rising.
        won: pictures that only B named right.
    """

    first: Share
    second: Share
    difference: float
    low: float
    high: float
    p_value: float
    lost: NDArray[np.intp]
    won: NDArray[np.intp]


def mcnemar(lost: int, won: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: a coin is thrown for each picture that only one got right.

    Args:
        lost: pictures that only the first model named right.
        won: pictures that only the second named right.

    Returns:
        0..1; 1 where no picture tells the two apart.

    >>> mcnemar(1, 5)
    0.21875
    """
    flips, fewer = lost + won, min(lost, won)
    term, tail = 1, 1  # binomial coefficients, in whole numbers: nothing is rounded
    for taken in range(fewer):
        term = term * (flips - taken) // (taken + 1)
        tail += term
    return min(1.0, tail / (1 << flips) * 2)


def difference_interval(both: int, lost: int, won: int, neither: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares of the same pictures, second less first.

    Newcombe 1998 (Statistics in Medicine 17:2635), method 10: Wilson's intervals of both, joined by their correlation.

    Args:
        both: pictures that both named right.
        lost: that only the first did.
        won: that only the second did.
        neither: that neither did.

    Returns:
        Low and high, -1..1.
    """
    count = both + lost + won + neither
    first, second = share(both + lost, count), share(both + won, count)
    phi = _correlation(both, lost, won, neither)

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    difference = second.value - first.value
    below = reach(second.value - second.low, first.high - first.value)
    above = reach(second.high - second.value, first.value - first.low)
    return difference - below, difference + above


def _correlation(both: int, lost: int, won: int, neither: int) -> float:
    margins = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if not margins:
        return 0.0
    product = float(both * neither - lost * won)
    if product > 0:  # the paper's correction for continuity
        product = max(0.0, product - (both + lost + won + neither) / 2)
    return product / math.sqrt(margins)


def compare(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Comparison:
    """Compare two models by what each named right.

    Args:
        first: whether model A was right, ``(N,)``, at least one picture.
        second: the same of model B, on the same pictures.

    Raises:
        UsageError: no picture, or other shapes.
    """
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise UsageError(f"both must be (N,) for the same pictures, received {first.shape} and {second.shape}")
    lost, won = np.flatnonzero(first & ~second), np.flatnonzero(second & ~first)
    both = int((first & second).sum())
    low, high = difference_interval(both, len(lost), len(won), len(first) - both - len(lost) - len(won))
    a, b = share(int(first.sum()), len(first)), share(int(second.sum()), len(second))
    return Comparison(a, b, b.value - a.value, low, high, mcnemar(len(lost), len(won)), lost, won)
