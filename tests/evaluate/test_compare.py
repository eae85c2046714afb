"""Two models on the same pictures: the exact test and the interval against published numbers."""

import numpy as np
import pytest

from tinysight.errors import UsageError
from tinysight.evaluate.compare import compare, difference_interval, mcnemar
from tinysight.evaluate.pair import flips, pair, pair_fields, verdict


@pytest.mark.parametrize(
    ("lost", "won", "p_value"),
    [
        (0, 0, 1.0),
        (0, 1, 1.0),
        (0, 5, 0.0625),
        (0, 6, 0.03125),
        (1, 9, 22 / 1024),
        (5, 25, 0.000324914),  # scipy.stats.binomtest(5, 30).pvalue
        (121, 59, 4.4341e-06),  # scipy.stats.binomtest(59, 180).pvalue
        (7, 7, 1.0),
    ],
)
def test_mcnemar_gives_known_values(lost, won, p_value):
    assert mcnemar(lost, won) == pytest.approx(p_value, rel=1e-4)
    assert mcnemar(won, lost) == mcnemar(lost, won)


def test_mcnemar_of_many_flips_stays_exact():
    assert mcnemar(30_000, 30_000) == 1
    assert 0 < mcnemar(0, 1000) < 1e-300


def test_the_difference_interval_is_newcombes():
    # Newcombe 1998, Statistics in Medicine 17:2635, table II, method 10.
    assert difference_interval(36, 2, 12, 0) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    low, high = difference_interval(20, 10, 10, 20)
    assert low == pytest.approx(-high)
    low, high = difference_interval(50, 0, 0, 0)
    assert low < 0 < high


def test_the_interval_holds_the_difference_nineteen_times_in_twenty():
    rng = np.random.default_rng(0)
    shares = np.array([0.75, 0.08, 0.12, 0.05])
    inside = 0
    for counts in rng.multinomial(200, shares, 400).tolist():
        low, high = difference_interval(*counts)
        inside += low <= 0.04 <= high
    assert inside / 400 == pytest.approx(0.95, abs=0.025)


def test_flips_are_found_both_ways():
    first = np.array([True, True, False, False, True])
    second = np.array([True, False, True, True, True])
    found = compare(first, second)
    assert (found.lost.tolist(), found.won.tolist()) == ([1], [2, 3])
    assert found.difference == pytest.approx(0.2)
    assert found.low < 0.2 < found.high
    assert "cannot tell" in verdict(found, "a", "b")
    better = compare(np.zeros(9, bool), np.ones(9, bool))
    assert verdict(better, "a", "b").startswith("b is better")
    with pytest.raises(UsageError):
        compare(first, second[:3])


def test_models_are_matched_by_picture_even_if_their_classes_differ(make_evaluation):
    first = make_evaluation(30, strength=9)
    other = make_evaluation(30, names=("x", "y", "rose", "tulip", "daisy"), strength=9)
    truth = first.truth + 2
    logits = np.full((30, 5), -9, np.float32)
    logits[np.arange(30), truth] = 9
    logits[4, :2] = 20  # picture 4 is named x
    second = make_evaluation(
        28, labels=other.labels, paths=first.paths[2:], truth=truth[2:], logits=logits[2:], unreadable=("0: gone",)
    )
    found = pair(first, second)
    assert len(found.places) == 28
    assert found.comparison.first.hits == 28
    (flip,) = flips(found, found.comparison.lost)
    assert (flip.path, flip.label, flip.first, flip.second) == (first.paths[4], "tulip", "tulip", "x")
    fields = pair_fields(found)
    assert (fields["images"], fields["only_first_right"], fields["left_out_seen"]) == (28, 1, 1)
    assert found.names == ("model (first)", "model (second)")


def test_models_without_a_common_picture_are_refused(make_evaluation):
    with pytest.raises(UsageError, match="no picture"):
        pair(make_evaluation(5), make_evaluation(5, paths=tuple("abcde")))
