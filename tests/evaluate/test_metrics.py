"""Top-k, intervals and class scores: by hand, and against scikit-learn where it is installed."""

import numpy as np
import pytest

from tinysight.errors import UsageError
from tinysight.evaluate.intervals import share, wilson
from tinysight.evaluate.metrics import class_scores, confusion_matrix, ranks, top_k_share, worst_confusions


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(hits, count, low, high):
    assert wilson(hits, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "count"), [(1, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_share(hits, count):
    with pytest.raises(UsageError):
        share(hits, count)


def test_equal_logits_go_to_the_lower_index():
    logits = np.array([[1, 1, 1], [0, 2, 2], [3, 1, 3]], np.float32)
    assert ranks(logits, np.array([2, 2, 0])).tolist() == [2, 1, 0]
    assert (ranks(logits, logits.argmax(axis=1)) == 0).all()


def test_top_k_by_hand():
    logits = np.array([[3, 2, 1], [3, 2, 1], [1, 2, 3], [2, 3, 1]], np.float32)
    labels = np.array([0, 1, 0, 1])
    assert [top_k_share(logits, labels, k).hits for k in (1, 2, 3)] == [2, 3, 4]
    with pytest.raises(UsageError, match="1 to 3"):
        top_k_share(logits, labels, 4)


def test_class_scores_by_hand():
    confusion = confusion_matrix(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 3, 0]), 5)
    assert confusion[:4, :4].tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    scores = class_scores(confusion)
    assert scores.support.tolist() == [3, 2, 1, 0, 0]
    assert scores.precision.tolist() == [2 / 3, 1 / 2, 0, 0, 0]
    assert scores.recall.tolist() == [2 / 3, 1 / 2, 0, 0, 0]
    assert scores.f1.tolist() == [2 / 3, 1 / 2, 0, 0, 0]
    assert scores.macro()[2] == pytest.approx((2 / 3 + 1 / 2) / 3)  # class 3 has no pictures: it counts nowhere
    assert worst_confusions(confusion, 2) == [(0, 1, 1), (1, 3, 1)]


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros((2, 3), np.float32), np.array([0, 3])),
        (np.zeros((2, 3), np.float32), np.array([0, -1])),
        (np.zeros((2, 3), np.float32), np.array([0])),
        (np.zeros((0, 3), np.float32), np.zeros(0, int)),
        (np.full((1, 3), np.nan, np.float32), np.array([0])),
        (np.zeros((2, 3), int), np.array([0, 1])),
    ],
)
def test_what_does_not_fit_is_refused(logits, labels):
    with pytest.raises(UsageError):
        ranks(logits, labels)


def test_the_same_as_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn to compare with")
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(0, 1, (300, 9)), rng.integers(0, 8, 300)  # class 8 has no pictures
    predicted = logits.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, 9)
    assert (confusion == sklearn.confusion_matrix(labels, predicted, labels=range(9))).all()
    scores = class_scores(confusion)
    theirs = sklearn.precision_recall_fscore_support(labels, predicted, labels=range(9), zero_division=0)
    for own, other in zip(scores, theirs, strict=False):
        np.testing.assert_allclose(own, other, atol=1e-15)
    macro = sklearn.precision_recall_fscore_support(
        labels, predicted, labels=range(8), average="macro", zero_division=0
    )
    assert scores.macro() == pytest.approx(macro[:3])
    assert top_k_share(logits, labels, 1).value == sklearn.accuracy_score(labels, predicted)
    theirs = sklearn.top_k_accuracy_score(labels, logits, k=5, labels=range(9))
    assert top_k_share(logits, labels, 5).value == pytest.approx(theirs)
