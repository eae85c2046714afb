"""A share of pictures and how sure one can be of it."""

from __future__ import annotations

import math
from typing import NamedTuple

from tinysight.errors import UsageError

Z_95 = 1.959963984540054  # 97.5 % point of the normal distribution: two-sided 95 %


class Share(NamedTuple):
    """``hits`` of ``pictures``; ``value``, ``low`` and ``high`` 0..1, the latter two Wilson's 95 % interval."""

    value: float
    low: float
    high: float
    hits: int
    pictures: int


def wilson(hits: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval for a share (Wilson 1927).

    It holds what it promises where the textbook's share ± z·sqrt(p(1-p)/n) fails: near 0 and 1, and for few pictures.

    Args:
        hits: 0 to ``count``.
        count: at least 1.
        z: how many standard deviations; the default gives 95 %.

    Returns:
        Low and high, 0..1.

    Raises:
        UsageError: counts out of range.

    >>> tuple(round(end, 3) for end in wilson(81, 263))
    (0.255, 0.366)
    """
    if not 0 <= hits <= count or count < 1:
        raise UsageError(f"hits must be 0 to count and count at least 1, received {hits} of {count}")
    share, square = hits / count, z * z
    middle = (share + square / (2 * count)) / (1 + square / count)
    reach = z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    # At the ends the sum is 0 or 1 but for rounding.
    return (0.0 if hits == 0 else middle - reach), (1.0 if hits == count else middle + reach)


def share(hits: int, count: int) -> Share:
    """Return ``hits / count`` with its 95 % interval.

    Raises:
        UsageError: counts out of range.
    """
    low, high = wilson(hits, count)
    return Share(hits / count, low, high, hits, count)
