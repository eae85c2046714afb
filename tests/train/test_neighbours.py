"""Nearest neighbours against a loop that compares every pair."""

import numpy as np
import pytest

from tinysight.train import neighbours
from tinysight.train.neighbours import CHOICES, knn_baseline


def slow_answer(values, labels, train, one, k):
    lengths = np.linalg.norm(values, axis=1)
    cosines = [float(values[one] @ values[other] / (lengths[one] * lengths[other])) for other in train]
    nearest = sorted(range(len(train)), key=lambda place: -cosines[place])[:k]
    votes = {}
    for place in nearest:
        count, total = votes.get(labels[train[place]], (0, 0.0))
        votes[labels[train[place]]] = count + 1, total + cosines[place]
    return max(votes, key=lambda label: votes[label])


@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("seed", range(3))
def test_against_a_loop(monkeypatch, seed, block):
    monkeypatch.setattr(neighbours, "BLOCK", block)
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 130)
    values = np.maximum(rng.normal(0, 1, (130, 12)) + np.eye(12)[labels], 0).astype(np.float32) + np.float32(0.01)
    train, val, test = np.arange(60), np.arange(60, 90), np.arange(90, 130)

    def share(rows, k):
        return np.mean([slow_answer(values, labels, train, one, k) == labels[one] for one in rows])

    k, top1 = knn_baseline(values, labels, train, val, test)
    shares = [share(val, choice) for choice in CHOICES]
    assert k == CHOICES[int(np.argmax(shares))]
    assert top1 == pytest.approx(share(test, k))


def test_without_validation_or_test():
    values, labels, none = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1]), np.empty(0, np.intp)
    assert knn_baseline(values, labels, np.arange(4), none, none) == (3, None)
    assert knn_baseline(values, labels, np.array([2]), none, np.array([0])) == (1, 1.0)


def test_a_picture_without_any_feature_has_an_answer():
    values = np.zeros((3, 5), np.float32)
    k, top1 = knn_baseline(values, np.array([1, 1, 1]), np.arange(2), np.empty(0, np.intp), np.array([2]))
    assert (k, top1) == (1, 1.0)
