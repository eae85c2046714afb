"""The plainest classifier there is: the classes of the pictures that look most alike. A head must beat it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indexes = NDArray[np.intp]

CHOICES = (1, 3, 5, 10, 20)
DEFAULT = 5  # where there is no validation to choose by
BLOCK = 1024  # pictures that are compared at once: 4 kB for each picture of train


def knn_baseline(
    values: Floats, labels: Indexes, train: Indexes, val: Indexes, test: Indexes
) -> tuple[int, float | None]:
    """Classify pictures by their nearest neighbours in train, by the cosine of their embeddings.

    Neighbours vote; of classes with equally many, the one whose neighbours are nearer in sum wins.

    Args:
        values: float32 ``(N, c)``, embeddings, none of them negative.
        labels: ``(N,)``.
        train: the neighbours, at least one.
        val: chooses how many are asked, out of 1, 3, 5, 10 and 20 (the fewest of equally good); five if it is empty.
        test: is answered.

    Returns:
        How many neighbours, and the share of test whose first answer is right, 0..1; None for an empty test.
    """
    choices = [k for k in CHOICES if k <= len(train)]
    if len(val):
        shares = [float((row == labels[val]).mean()) for row in _answers(values, labels, train, val, choices)]
        chosen = choices[int(np.argmax(shares))]
    else:
        chosen = max(k for k in choices if k <= DEFAULT)
    if not len(test):
        return chosen, None
    answers = _answers(values, labels, train, test, [chosen])[0]
    return chosen, float((answers == labels[test]).mean())


def _answers(values: Floats, labels: Indexes, train: Indexes, asked: Indexes, choices: list[int]) -> NDArray[np.intp]:
    """Return the answer to each picture for each number of neighbours, ``(len(choices), len(asked))``."""
    known, classes = _unit(values[train]), labels[train]
    answers = np.empty((len(choices), len(asked)), np.intp)
    for start in range(0, len(asked), BLOCK):
        cosines = _unit(values[asked[start : start + BLOCK]]) @ known.T
        nearest = _nearest(cosines, choices[-1])
        near = np.clip(np.take_along_axis(cosines, nearest, axis=1), 0, 1).astype(np.float64)
        rows = np.arange(len(cosines))[:, None]
        for number, k in enumerate(choices):
            votes = np.zeros((len(cosines), int(classes.max()) + 1))
            np.add.at(votes, (rows, classes[nearest[:, :k]]), 1 + near[:, :k] / (k + 1))  # all cosines weigh below 1
            answers[number, start : start + BLOCK] = votes.argmax(axis=1)
    return answers


def _unit(values: Floats) -> Floats:
    """Return rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Floats = values / np.maximum(lengths, np.float32(1e-12))
    return unit


def _nearest(cosines: Floats, k: int) -> NDArray[np.intp]:
    """Return the places of the k largest of each row, the largest first, ``(n, k)``."""
    places = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(cosines, places, axis=1), axis=1, kind="stable")
    nearest: NDArray[np.intp] = np.take_along_axis(places, order, axis=1)
    return nearest
