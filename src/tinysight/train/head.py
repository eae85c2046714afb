"""A head for one's own classes: logistic regression on embeddings, calibrated, as one kernel and one bias.

Features are centred and divided by the square root of their standard deviation. On the flowers that is better than to
divide by all of it (loss on pictures not learnt from 0.239 against 0.246, 500 a class) or not at all (0.242), and so it
is from 2 pictures a class on and at alpha 0.25. How strong the penalty is, is chosen by the loss on pictures held out;
then a temperature is fitted to the same, and the regression is repeated on all of train and val. Centre, divisor and
temperature end up in kernel and bias, so that whoever runs the model has nothing to know of them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import MissingExtraError, UsageError
from tinysight.evaluate.calibration import negative_log_likelihood
from tinysight.train.strength import (
    STRENGTHS,
    UNCHOSEN,
    Floats,
    Indexes,
    Logits,
    Trial,
    Weights,
    choose_strength,
    make_folds,
)

Progress = Callable[[int, int], None]

MOST_STEPS = 500  # of the solver; 35 are common
SMALLEST_DEVIATION = 1e-3  # of a feature, as a share of the mean one: dead ones must not be divided by zero


@dataclass(frozen=True, eq=False, slots=True)
class Head:
    """What turns an embedding into calibrated logits: ``embedding @ kernel + bias``.

    Args:
        kernel: float32 ``(c, C)``.
        bias: float32 ``(C,)``.
        strength: of the penalty on squared weights, 1/C in scikit-learn.
        temperature: by which the logits have been divided already.
        val_top1: share of pictures held out that a model which did not learn from them names right, 0..1; None where
            none could be held out.
        curve: strengths that were tried, strong to weak.
    """

    kernel: Floats
    bias: Floats
    strength: float
    temperature: float
    val_top1: float | None
    curve: tuple[Trial, ...]


def fit_head(
    values: Floats,
    labels: Indexes,
    train_indexes: Indexes,
    val_indexes: Indexes,
    num_classes: int,
    *,
    seed: int = 0,
    class_weights: bool = False,
    refit: bool = True,
    progress: Progress | None = None,
) -> Head:
    """Train a head.

    The same input gives the same bytes on the same machine, however many threads are allowed: the solver runs on one,
    on which it is faster as well. Other processors add in another order, so that the last digits differ there.

    Memory beside ``values``: a copy of the pictures that are learnt from, and 8 bytes for each of their views and
    classes; for 100,000 pictures of 1000 classes at alpha 1, 0.8 GB and 1.6 GB.

    Args:
        values: float32 ``(N, views, c)``, embeddings of each picture. All views are learnt from, the first is asked.
        labels: ``(N,)``, 0..num_classes-1.
        train_indexes: pictures to learn from.
        val_indexes: pictures to choose by, none of those of train; ``strength.make_folds`` says what is done where
            they are few or none.
        num_classes: at least 2.
        seed: of the folds that are made then.
        class_weights: whether each class counts the same, however many pictures it has.
        refit: whether to learn from val as well once it has chosen. Not for a head that is only where training
            starts: val is to judge what comes of it.
        progress: called with steps done and steps in all.

    Raises:
        UsageError: fewer than two classes, one without pictures to learn from, or values that are not finite.
        MissingExtraError: scikit-learn is not installed.
    """
    _check(values, labels, train_indexes, num_classes)
    regression = Regression(values, labels, train_indexes, class_weights)
    folds = make_folds(labels, train_indexes, val_indexes, seed)
    steps = len(STRENGTHS) + 1
    tell = progress or (lambda _done, _total: None)
    with solver_alone():
        choice = UNCHOSEN
        if folds:
            choice = choose_strength(regression, labels, folds, lambda done: tell(done, steps))
        learnt = np.concatenate([train_indexes, val_indexes]) if refit else train_indexes
        weights = regression.fit(learnt, choice.strength)
    tell(steps, steps)
    kernel, bias = regression.unscaled(weights, choice.temperature)
    return Head(kernel, bias, choice.strength, choice.temperature, choice.val_top1, choice.curve)


def _check(values: Floats, labels: Indexes, train_indexes: Indexes, num_classes: int) -> None:
    if values.ndim != 3 or labels.shape != values.shape[:1]:
        raise UsageError(f"embeddings must be (N, views, c) with N labels, received {values.shape} and {labels.shape}")
    if num_classes < 2:
        raise UsageError(f"a head tells classes apart, so that two are needed, received {num_classes}")
    if not (labels.min(initial=0) >= 0 and labels.max(initial=0) < num_classes):
        raise UsageError(f"labels must be 0 to {num_classes - 1}, received {labels.min()} to {labels.max()}")
    empty = np.flatnonzero(np.bincount(labels[train_indexes], minlength=num_classes) == 0)
    if len(empty):
        raise UsageError(f"class {empty[0]} has no picture to learn from ({len(empty)} of {num_classes} have none)")
    if not np.isfinite(values).all():
        raise UsageError("embeddings hold values that are not finite (NaN or infinity)")


class Regression:
    """Multinomial logistic regression on scaled features.

    Args:
        values: float32 ``(N, views, c)``.
        labels: ``(N,)``.
        train: rows whose spread scales the features.
        balanced: whether each class counts the same.
    """

    def __init__(self, values: Floats, labels: Indexes, train: Indexes, balanced: bool) -> None:
        self.values, self.labels, self.balanced = values, labels, balanced
        learnt = values[train].reshape(-1, values.shape[2])
        self.centre: Floats = learnt.mean(axis=0)
        deviation = learnt.std(axis=0)
        floor = max(SMALLEST_DEVIATION * float(deviation.mean()), 1e-12)
        root = np.sqrt(np.maximum(deviation, floor))
        # So that features vary by 1 on average, and a strength means the same for every backbone.
        self.divisor: Floats = (root * max(np.sqrt(np.square(deviation / root).mean()), 1e-12)).astype(np.float32)

    def fit(self, rows: Indexes, strength: float, start: Weights | None = None) -> Weights:
        """Learn from all views of some pictures, beginning at weights that are nearly right."""
        from sklearn.linear_model import LogisticRegression

        features = self.values[rows].reshape(-1, self.values.shape[2])
        features -= self.centre
        features /= self.divisor
        solver = LogisticRegression(
            C=1 / strength, class_weight="balanced" if self.balanced else None, max_iter=MOST_STEPS, warm_start=True
        )
        if start is not None:
            solver.coef_, solver.intercept_ = start.kernel.copy(), start.bias.copy()
        solver.fit(features, np.repeat(self.labels[rows], self.values.shape[1]))
        return Weights(solver.coef_, solver.intercept_)

    def logits(self, rows: Indexes, weights: Weights) -> Logits:
        """Return logits of the first view, ``(n, C)``."""
        kernel, bias = _both(weights)
        scaled = ((self.values[rows, 0] - self.centre) / self.divisor).astype(np.float64)
        logits: Logits = scaled @ kernel.T + bias
        return logits

    def trial(self, rows: Indexes, logits: Logits, strength: float) -> Trial:
        """Return how good some logits are; with class weights, the mean of the classes' losses."""
        labels = self.labels[rows]
        classes = [labels == label for label in np.unique(labels)] if self.balanced else [slice(None)]
        loss = np.mean([negative_log_likelihood(logits[which], labels[which]) for which in classes])
        return Trial(strength, float(loss), float((logits.argmax(axis=1) == labels).mean()))

    def unscaled(self, weights: Weights, temperature: float) -> tuple[Floats, Floats]:
        """Return kernel ``(c, C)`` and bias ``(C,)`` for features as they are, divided by the temperature."""
        kernel, bias = _both(weights)
        kernel = kernel / self.divisor
        bias = bias - kernel @ self.centre.astype(np.float64)
        return np.ascontiguousarray(kernel.T / temperature, np.float32), (bias / temperature).astype(np.float32)


def _both(weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a row for each class; for two, scikit-learn keeps the difference of theirs alone."""
    kernel, bias = weights.kernel.astype(np.float64), weights.bias.astype(np.float64)
    if len(kernel) == 1:
        return np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    return kernel, bias


@contextlib.contextmanager
def solver_alone() -> Iterator[None]:
    """Give the solver one thread, and keep its warnings from the user, who can do nothing about them.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtraError("scikit-learn", "train") from None
    limits: Any = threadpool_limits(1)
    with limits, warnings.catch_warnings():
        # The weights where it stopped are as good a candidate as any: held-out pictures judge them.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
