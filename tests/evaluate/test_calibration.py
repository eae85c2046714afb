"""Calibration: errors by hand, temperatures that are known, and models that are always right or never."""

import numpy as np
import pytest

from tinysight.evaluate.calibration import (
    COLDEST,
    HOTTEST,
    brier_score,
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
)
from tinysight.labels import softmax


def drawn_answers(count=4000, classes=6, seed=0, spread=2.5):
    """Logits, and labels drawn from exactly their probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (count, classes))
    places = (softmax(logits).cumsum(axis=1) < rng.random(count)[:, None]).sum(axis=1)
    return logits, places.clip(0, classes - 1)


@pytest.mark.parametrize("wanted", [0.25, 0.7, 1.0, 1.8, 6.0])
def test_a_known_temperature_is_found(wanted):
    logits, labels = drawn_answers()
    assert fit_temperature(logits * wanted, labels) == pytest.approx(wanted, rel=0.06)


def test_the_temperature_is_where_the_likelihood_is_highest():
    logits, labels = drawn_answers(300, seed=4)
    logits = (logits * 3).astype(np.float32)
    best = fit_temperature(logits, labels)
    around = [negative_log_likelihood(logits, labels, best * factor) for factor in (0.99, 1, 1.01)]
    assert around[1] < min(around[0], around[2])
    grid = np.geomspace(COLDEST, HOTTEST, 400)
    lowest = min(grid, key=lambda one: negative_log_likelihood(logits, labels, one))
    assert best == pytest.approx(lowest, rel=0.02)


def test_temperatures_without_an_end_stop_at_the_bounds():
    sure = np.eye(4, dtype=np.float32) * 5
    assert fit_temperature(sure, np.arange(4)) == COLDEST
    assert fit_temperature(sure, (np.arange(4) + 1) % 4) == HOTTEST
    assert fit_temperature(np.float32([[3e4, -3e4], [3e4, -3e4]]), np.array([0, 1])) == HOTTEST


def test_calibration_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    labels = np.array([0, 1, 0, 1])
    # 0.9: half right, off by 0.4, twice; 0.6 right, off by 0.4; 0.7 right, off by 0.3
    assert calibration_error(probabilities, labels) == pytest.approx((2 * 0.4 + 0.4 + 0.3) / 4)
    assert calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(0.75 - 0.775))
    # two groups of two: 0.6 and 0.7 (both right, off by 0.35), 0.9 twice (off by 0.4)
    assert calibration_error(probabilities, labels, bins=2, equal_mass=True) == pytest.approx((0.35 + 0.4) / 2)


def test_bins_hold_every_picture_once():
    logits, labels = drawn_answers(500)
    for equal_mass in (False, True):
        bins = reliability_bins(softmax(logits), labels, equal_mass=equal_mass)
        assert sum(one.pictures for one in bins) == 500
        assert all(one.low - 1e-12 <= one.confidence <= one.high + 1e-12 for one in bins)
    sizes = [one.pictures for one in bins]
    assert max(sizes) - min(sizes) <= 1


def test_a_probability_of_one_is_in_the_last_bin():
    (only,) = reliability_bins(np.array([[1.0, 0.0]]), np.array([0]))
    assert (only.high, only.accuracy) == (1.0, 1.0)


def test_brier_and_log_loss_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7]])
    labels = np.array([0, 0])
    assert brier_score(probabilities, labels) == pytest.approx((0.04 + 0.04 + 0.49 + 0.49) / 2)
    assert negative_log_likelihood(np.log(probabilities), labels) == pytest.approx(-np.log([0.8, 0.3]).mean())
    far = np.array([[0.0, 1000.0]])
    assert negative_log_likelihood(far, np.array([0])) == pytest.approx(1000)
    assert 0 <= negative_log_likelihood(np.array([[0.0, 40.0]]), np.array([1])) < 1e-15
