"""Sets of classes: the promise holds over many draws, and small cases by hand."""

import hashlib

import numpy as np
import pytest

from tinysight.errors import UsageError
from tinysight.evaluate.conformal import fewest_pictures, fit_threshold, measure_coverage, prediction_sets
from tinysight.labels import softmax


def answers(rng, count, classes=5):
    labels = rng.integers(0, classes, count)
    logits = rng.normal(0, 1, (count, classes))
    logits[np.arange(count), labels] += 1.5
    return softmax(logits), labels


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_coverage_is_as_promised_over_many_draws(coverage):
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        threshold = fit_threshold(*answers(rng, 60), coverage)
        probabilities, labels = answers(rng, 200)
        held.append(prediction_sets(probabilities, threshold)[np.arange(200), labels].mean())
    # Expected: ceil(61 x coverage) / 61, 0.803 and 0.951; the likeliest class, always in, adds nothing to it here.
    expected = np.ceil(61 * coverage) / 61
    assert np.mean(held) == pytest.approx(expected, abs=0.01)
    assert np.mean(held) >= coverage - 0.01


def test_the_threshold_is_the_one_of_n_plus_one():
    own = np.arange(1, 20) / 100  # 19 pictures
    probabilities = np.stack([own, 1 - own], axis=1)
    labels = np.zeros(19, int)
    assert fit_threshold(probabilities, labels, 0.95) == 0.01  # all 19 must reach it: ceil(20 x 0.95) = 19
    assert fit_threshold(probabilities, labels, 0.9) == 0.02
    assert fit_threshold(probabilities, labels, 0.5) == 0.1
    assert fit_threshold(probabilities[:18], labels[:18], 0.95) == 0  # too few: every class is in every set
    assert [fewest_pictures(coverage) for coverage in (0.5, 0.9, 0.95, 0.99)] == [1, 9, 19, 99]


def test_a_set_is_never_empty():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.34, 0.33, 0.33]])
    assert prediction_sets(probabilities, 0.9).tolist() == [[True, False, False], [True, False, False]]
    assert prediction_sets(probabilities, 0.33).tolist() == [[True, False, False], [True, True, True]]
    assert prediction_sets(probabilities, 0).all()


def test_coverage_is_measured_on_the_other_half():
    probabilities, labels = answers(np.random.default_rng(1), 400)
    contents = [hashlib.sha256(b"%d" % number).digest() for number in range(400)]
    found = measure_coverage(probabilities, labels, contents, 0.9)
    assert found.covered.low < 0.9 < found.covered.high
    assert found.covered.pictures == 400
    half = np.array([digest[-1] % 2 for digest in contents], bool)
    hits = sum(
        prediction_sets(probabilities[a], fit_threshold(probabilities[b], labels[b], 0.9))[
            np.arange(a.sum()), labels[a]
        ].sum()
        for a, b in ((half, ~half), (~half, half))
    )
    assert found.covered.hits == hits
    order = np.random.default_rng(2).permutation(400)
    again = measure_coverage(probabilities[order], labels[order], [contents[at] for at in order], 0.9)
    assert (
        again.covered == found.covered and again.threshold == found.threshold
    )  # the halves go by content, not by place


def test_too_few_pictures_and_wrong_coverages():
    probabilities, labels = answers(np.random.default_rng(1), 30)
    contents = [hashlib.sha256(b"%d" % number).digest() for number in range(30)]
    assert measure_coverage(probabilities, labels, contents, 0.95) is None
    for wrong in (0, 1, -0.5, float("nan")):
        with pytest.raises(UsageError, match="between 0 and 1"):
            fit_threshold(probabilities, labels, wrong)
