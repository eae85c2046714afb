"""What is gained by not answering when unsure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.intervals import Share, share


class Rejection(NamedTuple):
    """Answers below a probability are withheld.

    ``kept``: pictures that are answered; ``top1``: of those, the ones answered right, None where none is kept.
    """

    below: float
    kept: Share
    top1: Share | None


def reject(confidence: NDArray[np.floating], correct: NDArray[np.bool_], below: float) -> Rejection:
    """Withhold answers of less than a probability, and count what is left.

    Args:
        confidence: probability of each first answer, ``(N,)``, 0..1, at least one.
        correct: whether it is right, ``(N,)``.
        below: 0..1.
    """
    kept = confidence >= below
    answered = int(kept.sum())
    top1 = share(int(correct[kept].sum()), answered) if answered else None
    return Rejection(below, share(answered, len(kept)), top1)


def risk_coverage(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return (share answered, share of those that is wrong), one point for each probability there is, the surest first.

    Args:
        confidence: probability of each first answer, ``(N,)``.
        correct: whether it is right, ``(N,)``.

    Returns:
        Both 0..1, coverage rising to 1. Equal probabilities are answered together: no order between them is better.

    >>> risk_coverage(np.array([0.9, 0.8, 0.8, 0.3]), np.array([True, True, False, False]))
    [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    wrong = np.cumsum(~correct[order])
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))
    coverage, risk = answered[ends] / len(order), wrong[ends] / answered[ends]
    return list(zip(coverage.tolist(), risk.tolist(), strict=True))


def area_under_risk(curve: list[tuple[float, float]]) -> float:
    """Return the mean risk over all coverages (AURC), 0..1, 0 is best; steps, not slopes, between the points."""
    coverage, risk = np.array(curve).T
    return float((np.diff(coverage, prepend=0) * risk).sum())
