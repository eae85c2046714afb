"""How strong the penalty on a head's weights should be, and how warm its probabilities: asked of pictures held out.

The loss and not the accuracy chooses: on the flowers the accuracy on test comes out the same (92.3 % either way, eight
splits), and the loss does not hang on two or three pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.calibration import fit_temperature

Floats = NDArray[np.float32]
Logits = NDArray[np.float64]
Indexes = NDArray[np.intp]

STRENGTHS = tuple(float(10 ** (4 - step / 2)) for step in range(11))  # 10,000 to 0.1, strong to weak
DEFAULT_STRENGTH = 10.0  # best or nearly so for 2 to 20 flowers a class; where nothing can be held out
PATIENCE = 2  # weaker strengths that are tried after the best one
FEWEST_VALIDATION = 50  # pictures that a choice is left to
FOLDS = 5
ENOUGH = 2000  # pictures of which one fold says as much as five


class Fold(NamedTuple):
    """Pictures to learn from, and others to ask."""

    learn: Indexes
    ask: Indexes


class Trial(NamedTuple):
    """One strength: loss in nats and share of right first answers, 0..1, of the pictures asked."""

    strength: float
    val_nll: float
    val_top1: float


class Weights(NamedTuple):
    """Of a regression: ``kernel`` float32 ``(C, c)`` and ``bias`` ``(C,)``, with one row for two classes."""

    kernel: Floats
    bias: Floats


class Regression(Protocol):
    """What is to be chosen for."""

    def fit(self, rows: Indexes, strength: float, start: Weights | None = None) -> Weights:
        """Learn from pictures."""

    def logits(self, rows: Indexes, weights: Weights) -> Logits:
        """Return what the weights say of pictures, ``(n, C)``."""

    def trial(self, rows: Indexes, logits: Logits, strength: float) -> Trial:
        """Say how good that is."""


class Choice(NamedTuple):
    """The best strength, its share of right answers, the temperature for it, and all trials from strong to weak."""

    strength: float
    val_top1: float | None
    temperature: float
    curve: tuple[Trial, ...]


UNCHOSEN = Choice(DEFAULT_STRENGTH, None, 1.0, ())  # where nobody can be asked


def make_folds(labels: Indexes, train: Indexes, val: Indexes, seed: int) -> list[Fold]:
    """Decide who is asked.

    Args:
        labels: of all pictures, ``(N,)``.
        train: pictures to learn from.
        val: pictures held out. Fewer than 50 are not trusted: train and val are then cut into five parts, each with
            its share of every class, and every part is asked what the others teach. Of 2,000 and more one is enough.
        seed: of the parts.

    Returns:
        One or more; none where every class has one picture. The only picture of a class is never asked.
    """
    if len(val) >= FEWEST_VALIDATION:
        return [Fold(train, val)]
    rows = np.concatenate([train, val])
    folds = make_parts(labels, rows, FOLDS, seed)
    return folds[:1] if len(rows) >= ENOUGH else folds


def make_parts(labels: Indexes, rows: Indexes, parts: int, seed: int) -> list[Fold]:
    """Cut pictures into parts, each with its share of every class.

    Args:
        labels: of all pictures, ``(N,)``.
        rows: the pictures.
        parts: how many at most, fewer where no class has so many pictures.
        seed: of the parts.

    Returns:
        A fold for each part that asks it and learns from the others; none where every class has one picture. The only
        picture of a class is never asked.
    """
    rows = np.random.default_rng(seed).permutation(np.sort(rows))
    counts = np.bincount(labels[rows])
    parts = min(parts, int(counts.max(initial=0)))
    if parts < 2:
        return []
    rows = rows[np.argsort(labels[rows], kind="stable")]  # by class, in a drawn order inside it
    part = np.arange(len(rows)) % parts
    part[counts[labels[rows]] == 1] = -1
    folds = [Fold(rows[part != number], rows[part == number]) for number in range(parts)]
    return [fold for fold in folds if len(fold.ask)]


def choose_strength(
    regression: Regression, labels: Indexes, folds: Sequence[Fold], tell: Callable[[int], None]
) -> Choice:
    """Go from strong penalties to weak ones until they do harm.

    Args:
        regression: learns.
        labels: of all pictures, ``(N,)``.
        folds: at least one.
        tell: called with the number of strengths tried.
    """
    asked = np.concatenate([fold.ask for fold in folds])
    weights: list[Weights | None] = [None] * len(folds)
    curve: list[Trial] = []
    best, best_logits = Trial(DEFAULT_STRENGTH, np.inf, 0.0), np.empty((0, 0))
    for strength in STRENGTHS:
        answers = []
        for number, fold in enumerate(folds):
            weights[number] = found = regression.fit(fold.learn, strength, weights[number])
            answers.append(regression.logits(fold.ask, found))
        logits = np.concatenate(answers)
        curve.append(regression.trial(asked, logits, strength))
        if curve[-1].val_nll < best.val_nll:
            best, best_logits = curve[-1], logits
        tell(len(curve))
        if curve.index(best) + PATIENCE < len(curve):
            break
    temperature = careful_temperature(best_logits, labels[asked])
    return Choice(best.strength, best.val_top1, temperature, tuple(curve))


def careful_temperature(logits: Logits, labels: Indexes) -> float:
    """Return a temperature that does not take a few right answers for certainty.

    As in Laplace's rule of succession, one more picture is counted: an average one, for which the runner-up is right.
    Without it, ten right answers out of ten would make the coldest temperature there is, and with it any probability 1.

    Args:
        logits: ``(N, C)`` with C at least 2, of pictures that were not learnt from.
        labels: ``(N,)``.
    """
    order = np.sort(logits, axis=1)
    average = np.argsort(order[:, -1] - order[:, -2], kind="stable")[len(logits) // 2]
    runner_up = np.argsort(logits[average], kind="stable")[-2]
    return fit_temperature(np.concatenate([logits, logits[average, None]]), np.append(labels, runner_up))
