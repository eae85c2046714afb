"""How often a model is right: top-k, and precision, recall and F1 of each class.

All take arrays and return numbers; ties between logits go to the lower index, as in every answer of the package.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.evaluate.intervals import Share, share


def check_answers(scores: NDArray[Any], labels: NDArray[Any]) -> None:
    """Refuse scores and labels that do not belong together.

    Args:
        scores: logits or probabilities, ``(N, C)``, finite.
        labels: whole numbers ``(N,)``, 0..C-1.

    Raises:
        UsageError: no picture, other shapes, a label of no class, or a score that is not finite.
    """
    if (
        scores.ndim != 2
        or scores.dtype.kind != "f"
        or labels.shape != scores.shape[:1]
        or labels.dtype.kind not in "iu"
    ):
        raise UsageError(
            f"scores must be float (N, C) and labels whole numbers (N,), received {scores.dtype} {scores.shape} "
            f"and {labels.dtype} {labels.shape}"
        )
    if not scores.size:
        raise UsageError("there is no picture to measure on")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise UsageError(f"labels must be 0 to {scores.shape[1] - 1}, received {labels.min()} to {labels.max()}")
    if not np.isfinite(scores).all():
        raise UsageError("scores hold values that are not finite (NaN or infinity)")


def ranks(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the place of the true class among the answers, 0 for the first.

    Args:
        logits: ``(N, C)``; probabilities serve as well.
        labels: ``(N,)``, 0..C-1.

    Returns:
        ``(N,)``, 0..C-1.

    Raises:
        UsageError: as ``check_answers``.
    """
    check_answers(logits, labels)
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    places: NDArray[np.intp] = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return places


def top_k_share(logits: NDArray[np.floating], labels: NDArray[np.integer], k: int) -> Share:
    """Return the share of pictures whose class is among the first ``k`` answers.

    Raises:
        UsageError: as ``check_answers``, or ``k`` is not from 1 to the number of classes.
    """
    if not 1 <= k <= logits.shape[-1]:
        raise UsageError(f"k must be 1 to {logits.shape[-1]}, the number of classes, received {k}")
    return share(int((ranks(logits, labels) < k).sum()), len(labels))


def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], num_classes: int
) -> NDArray[np.int64]:
    """Count answers: row ``i``, column ``j`` holds the pictures of class ``i`` that were called ``j``.

    Args:
        labels: ``(N,)``, 0..num_classes-1.
        predicted: the same shape and range.
        num_classes: at least 1.

    Returns:
        int64 ``(num_classes, num_classes)``.
    """
    pairs = np.ravel_multi_index((labels, predicted), (num_classes, num_classes))
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


class ClassScores(NamedTuple):
    """Numbers of each class, all ``(C,)``.

    Args:
        precision: of the pictures called so, the share that is; 0 where none was called so.
        recall: of the class's pictures, the share that was called so; 0 without pictures.
        f1: harmonic mean of the two; 0 where both are 0.
        support: pictures of the class, int64.
        predicted: pictures that were called so, int64.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]
    predicted: NDArray[np.int64]

    def macro(self) -> tuple[float, float, float]:
        """Return the means of precision, recall and F1 over the classes that have pictures, each class counting once.

        A class without pictures has no recall, and would only tell which classes the data lacks.
        """
        there = self.support > 0
        return float(self.precision[there].mean()), float(self.recall[there].mean()), float(self.f1[there].mean())


def class_scores(confusion: NDArray[np.int64]) -> ClassScores:
    """Return precision, recall and F1 of each class of a confusion matrix ``(C, C)``."""
    hits, support, predicted = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassScores(
        hits / np.maximum(predicted, 1),
        hits / np.maximum(support, 1),
        2 * hits / np.maximum(support + predicted, 1),
        support,
        predicted,
    )


class Confusion(NamedTuple):
    """So many ``pictures`` of class ``label`` were called ``predicted``."""

    label: int
    predicted: int
    pictures: int


def worst_confusions(confusion: NDArray[np.int64], limit: int = 10) -> list[Confusion]:
    """Return the most frequent mistakes, the most frequent first; of equals the lower label first."""
    wrong = confusion - np.diag(np.diagonal(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    rows, columns = np.unravel_index(order, wrong.shape)
    found = zip(rows.tolist(), columns.tolist(), wrong[rows, columns].tolist(), strict=True)
    return [Confusion(*entry) for entry in found if entry[2] > 0]
