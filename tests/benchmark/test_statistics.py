import numpy as np
import pytest

from tinysight.benchmark import compare, percentile, summarise


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, 1), (0.01, 1), (0.5, 50), (0.95, 95), (0.951, 96), (0.99, 99), (1, 100)]
)
def test_percentile_is_the_nearest_rank(share, wanted):
    values = np.random.default_rng(0).permutation(np.arange(1, 101)).tolist()
    assert percentile(values, share) == wanted


def test_summary_counts_all_rounds_in_milliseconds():
    assert summarise([[0.001, 0.005], [0.002, 0.003, 0.004]]) == (1, 3, 5, 5, 5)


def test_ratio_is_how_many_times_faster():
    ours, theirs = [[0.01, 0.011, 0.03]] * 4, [[0.02, 0.022, 0.5]] * 4
    ratio = compare(ours, theirs)
    assert (ratio.of_minima, ratio.of_medians) == pytest.approx((2, 2))
    assert (ratio.low, ratio.high) == pytest.approx((2, 2))
    assert compare(theirs, ours).of_minima == pytest.approx(0.5)


def test_a_disturbance_of_a_whole_round_leaves_the_ratio_alone():
    slow = [1, 1, 3, 1, 7]
    ours, theirs = [[factor * 1.0] for factor in slow], [[factor * 1.5] for factor in slow]
    ratio = compare(ours, theirs)
    assert ratio == pytest.approx((1.5, 1.5, 1.5, 1.5))


def test_interval_holds_the_ratio_and_narrows_with_more_rounds():
    chance = np.random.default_rng(1)

    def width(rounds):
        ours = [[1 + late] for late in chance.exponential(0.1, rounds)]  # times have a floor
        theirs = [[2 + late] for late in chance.exponential(0.2, rounds)]
        ratio = compare(ours, theirs)
        assert ratio.low <= ratio.of_minima <= ratio.high
        return ratio.high - ratio.low

    assert width(200) < width(8)
    assert width(200) < 0.05
