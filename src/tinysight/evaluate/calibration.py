"""Whether a model's probabilities mean what they say: of answers given with 80 %, are 80 % right?

Guo et al. 2017 (arXiv 1706.04599) for the error and the temperature; Nixon et al. 2019 (arXiv 1904.01685) for bins of
equal numbers of pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.metrics import check_answers

BINS = 15  # as in Guo et al., so that figures compare
COLDEST, HOTTEST = 0.05, 20.0  # without bounds a model that is always right has temperature 0
MOST_STEPS = 100
CLOSE_ENOUGH = 1e-9  # of log temperature


class ReliabilityBin(NamedTuple):
    """Answers whose probability lies in ``low``..``high``.

    So many ``pictures``, ``hits`` of them right; ``confidence`` is their mean probability, ``accuracy`` the share that
    is right, both 0..1.
    """

    low: float
    high: float
    pictures: int
    hits: int
    confidence: float
    accuracy: float


def reliability_bins(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS, equal_mass: bool = False
) -> list[ReliabilityBin]:
    """Sort pictures into bins by the probability of their first answer.

    Args:
        probabilities: ``(N, C)``, 0..1.
        labels: ``(N,)``, 0..C-1.
        bins: how many at most.
        equal_mass: bins of equally many pictures, in order of probability, instead of equally wide ones.

    Returns:
        The bins that hold pictures, rising. Equally wide bins hold their upper end, not their lower.

    Raises:
        UsageError: as ``metrics.check_answers``.
    """
    check_answers(probabilities, labels)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    if equal_mass:
        groups = np.array_split(np.argsort(confidence, kind="stable"), min(bins, len(labels)))
        ends = [(float(confidence[group[0]]), float(confidence[group[-1]])) for group in groups]
    else:
        place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
        groups = [np.flatnonzero(place == number) for number in range(bins)]
        ends = [(number / bins, (number + 1) / bins) for number in range(bins)]
    return [
        ReliabilityBin(
            *end, len(group), int(right[group].sum()), float(confidence[group].mean()), float(right[group].mean())
        )
        for end, group in zip(ends, groups, strict=True)
        if len(group)
    ]


def calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], bins: int = BINS, equal_mass: bool = False
) -> float:
    """Return the expected calibration error of the first answers: mean of |accuracy - confidence| over the pictures.

    Args:
        probabilities: ``(N, C)``, 0..1.
        labels: ``(N,)``, 0..C-1.
        bins: how many.
        equal_mass: as in ``reliability_bins``; equally wide bins (the usual figure) where False.

    Returns:
        0..1, 0 is best. For few pictures it is too high: drawn from perfect probabilities, 400 pictures gave 0.06.

    Raises:
        UsageError: as ``metrics.check_answers``.
    """
    found = reliability_bins(probabilities, labels, bins, equal_mass)
    return sum(one.pictures * abs(one.accuracy - one.confidence) for one in found) / len(labels)


def brier_score(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean squared distance of the probabilities from certainty about the true class, 0..2, 0 is best.

    Summed over the classes, as Brier (1950) had it; for two classes twice what scikit-learn gives.

    Raises:
        UsageError: as ``metrics.check_answers``.
    """
    check_answers(probabilities, labels)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float((np.square(probabilities, dtype=np.float64).sum(axis=1) - 2 * own + 1).mean())


def negative_log_likelihood(logits: NDArray[np.floating], labels: NDArray[np.integer], temperature: float = 1) -> float:
    """Return the mean of -log p(true class) in nats, 0 is best; logits are divided by the temperature first.

    Args:
        logits: ``(N, C)``, before softmax.
        labels: ``(N,)``, 0..C-1.
        temperature: above 0.

    Raises:
        UsageError: as ``metrics.check_answers``.
    """
    check_answers(logits, labels)
    # Relative to the true class, so that no two large numbers are subtracted in the end.
    gaps = (logits.astype(np.float64) - logits[np.arange(len(labels)), labels][:, None]) / temperature
    most = gaps.max(axis=1)
    return float((most + np.log(np.exp(gaps - most[:, None]).sum(axis=1))).mean())


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the temperature T for which softmax(logits / T) has the lowest negative log-likelihood.

    No answer changes its place: only the probabilities do. The likelihood is convex in 1/T, so its slope has one zero;
    it is found by Newton's steps, halving where a step leaves the bracket.

    Args:
        logits: ``(N, C)`` of pictures that the model was not trained on, before softmax.
        labels: ``(N,)``, 0..C-1.

    Returns:
        0.05..20: the lower bound where every answer is right (no temperature would be low enough), the upper where
        probabilities tell nothing.

    Raises:
        UsageError: as ``metrics.check_answers``.
    """
    check_answers(logits, labels)
    gaps = logits.astype(np.float64) - logits[np.arange(len(labels)), labels][:, None]
    low, high = 1 / HOTTEST, 1 / COLDEST  # of 1/T
    if _slope(gaps, low)[0] >= 0:
        return HOTTEST
    if _slope(gaps, high)[0] <= 0:
        return COLDEST
    inverse = 1.0
    for _ in range(MOST_STEPS):
        slope, curvature = _slope(gaps, inverse)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low * high) ** 0.5
        if abs(np.log(following / inverse)) < CLOSE_ENOUGH:
            break
        inverse = following
    return float(1 / inverse)


def _slope(gaps: NDArray[np.float64], inverse: float) -> tuple[float, float]:
    """Return the first and second derivative of the negative log-likelihood by 1/T."""
    scaled = gaps * inverse
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    mean = (shares * gaps).sum(axis=1)
    return float(mean.mean()), float(((shares * gaps * gaps).sum(axis=1) - mean**2).mean())
