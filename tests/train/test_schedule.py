"""The learning rate rises in a straight line, falls along a cosine, and is a function of the step alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinysight.train.schedule import learning_rate


@given(st.integers(1, 300), st.floats(1e-6, 10), st.floats(0, 1))
def test_every_rate_is_above_nought_and_at_most_the_highest(steps, highest, warmup):
    rates = [learning_rate(step, steps, highest, warmup) for step in range(steps)]
    assert all(0 < rate <= highest * (1 + 1e-12) for rate in rates)
    peak = min(round(steps * warmup), steps - 1)
    tiny = 1e-12 * highest  # rounding
    assert all(later >= before - tiny for before, later in pairwise(rates[: peak + 1]))
    assert all(later <= before + tiny for before, later in pairwise(rates[peak:]))
    assert max(rates) == pytest.approx(highest)


def test_the_rise_is_even_and_ends_at_the_highest():
    rates = [learning_rate(step, 100, 2.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[10] == 2.0
    assert rates[55] == pytest.approx(1.0)
    assert rates[99] < 0.001 * rates[10]


def test_without_a_warmup_it_starts_at_the_highest():
    assert learning_rate(0, 10, 0.3, 0.0) == 0.3


def test_all_warmup_only_rises():
    assert [learning_rate(step, 4, 1.0, 1.0) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_a_run_of_one_step_learns():
    assert learning_rate(0, 1, 0.5, 0.05) == 0.5
