"""The learning rate of each step: up in a straight line, then down along a cosine (arXiv 1608.03983)."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, highest: float, warmup: float) -> float:
    """Return the rate of a step.

    Args:
        step: from 0 to ``steps`` - 1.
        steps: of the whole run.
        highest: the rate where the rise ends.
        warmup: share of the steps in which it rises, 0..1.

    >>> [round(learning_rate(step, 10, 1.0, 0.2), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    rising = round(steps * warmup)
    if step < rising:
        return highest * (step + 1) / rising
    return highest * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
