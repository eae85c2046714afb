"""Sets of classes that hold the true one as often as promised: split conformal prediction.

Of the scores known, this is the least ambiguous one (LAC; Sadinle, Lei and Wasserman 2019, arXiv 1609.00451): a class
is in the set when its probability reaches a threshold. It gives the smallest sets on average, and the threshold is
one number that a person can read. Adaptive sets (APS, RAPS) spread coverage more evenly over easy and hard pictures,
but need random numbers to be exact, and larger sets. The promise is about the average over pictures like those that
the threshold was fitted on, not about each class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.evaluate.intervals import Share, share
from tinysight.evaluate.metrics import check_answers


def fewest_pictures(coverage: float) -> int:
    """Return how many pictures a threshold for this coverage needs at least; below, every class is in every set.

    Raises:
        UsageError: a coverage that is not between 0 and 1.

    >>> fewest_pictures(0.95)
    19
    """
    _check(coverage)
    return math.ceil(round(coverage / (1 - coverage), 9))


def fit_threshold(probabilities: NDArray[np.floating], labels: NDArray[np.integer], coverage: float = 0.95) -> float:
    """Return the probability that a class must reach to be in the set.

    The true class of a new picture reaches it with a probability of at least ``coverage``, if the picture is drawn
    like these: of n pictures, ceil((n + 1) x coverage) reach it, one more than the share alone would ask for.

    Args:
        probabilities: ``(N, C)`` of pictures that the model was not trained on, 0..1.
        labels: ``(N,)``, 0..C-1.
        coverage: between 0 and 1.

    Returns:
        0..1; 0 where ``N`` is below ``fewest_pictures``: then only the set of all classes keeps the promise.

    Raises:
        UsageError: as ``metrics.check_answers``, or a coverage out of range.
    """
    _check(coverage)
    check_answers(probabilities, labels)
    needed = math.ceil(round((len(labels) + 1) * coverage, 9))
    if needed > len(labels):
        return 0.0
    own = probabilities[np.arange(len(labels)), labels]
    return float(np.sort(own)[len(labels) - needed])


def prediction_sets(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Return which classes are in the set of each picture: those that reach the threshold, and always the likeliest.

    Args:
        probabilities: ``(N, C)``, 0..1.
        threshold: of ``fit_threshold``.

    Returns:
        bool ``(N, C)``, at least one in each row.
    """
    sets: NDArray[np.bool_] = probabilities >= threshold
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True  # no answer helps nobody; coverage only gains
    return sets


class Coverage(NamedTuple):
    """How sets did on pictures that their threshold was not fitted on.

    Args:
        wanted: the coverage promised, 0..1.
        covered: pictures whose set held the true class.
        mean_size: classes in a set, on average.
        singles: pictures whose set held one class only.
        threshold: probability a class must reach, fitted on all pictures: for use on further ones.
    """

    wanted: float
    covered: Share
    mean_size: float
    singles: Share
    threshold: float


def measure_coverage(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    contents: Sequence[bytes],
    coverage: float = 0.95,
) -> Coverage | None:
    """Fit on one half and measure on the other, and the other way round, so that every picture is measured once.

    Args:
        probabilities: ``(N, C)``, 0..1.
        labels: ``(N,)``, 0..C-1.
        contents: SHA-256 of each file: its last bit chooses the half, so that equal files are in the same one, and
            the halves stay the same whatever the files are called.
        coverage: between 0 and 1.

    Returns:
        None where a half has fewer pictures than ``fewest_pictures``.

    Raises:
        UsageError: as ``fit_threshold``.
    """
    check_answers(probabilities, labels)
    half = np.array([digest[-1] & 1 for digest in contents], bool)
    if min(int(half.sum()), int((~half).sum())) < fewest_pictures(coverage):
        return None
    sets = np.empty(probabilities.shape, bool)
    for measured in (half, ~half):
        threshold = fit_threshold(probabilities[~measured], labels[~measured], coverage)
        sets[measured] = prediction_sets(probabilities[measured], threshold)
    sizes = sets.sum(axis=1)
    return Coverage(
        coverage,
        share(int(sets[np.arange(len(labels)), labels].sum()), len(labels)),
        float(sizes.mean()),
        share(int((sizes == 1).sum()), len(labels)),
        fit_threshold(probabilities, labels, coverage),
    )


def _check(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise UsageError(f"coverage must be between 0 and 1, received {coverage!r}")
