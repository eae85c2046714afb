"""The proof that no sum overflows, tried on the inputs that come nearest to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinysight.quantize.bounds import INT16_MAX, worst_lane_sums, worst_sums
from tinysight.quantize.rounding import finest_scale, lane_numbers, pointwise_room, round_weights

# vpmaddubsw adds neighbours; a lane holds one pair of the first four inputs and the same pair of the next four.
LANES = ((0, 1, 4, 5), (2, 3, 6, 7))


def lane_of_instructions(inputs, weights, lane):
    """What one int16 lane holds after the two multiply-adds of a run: saturating where an instruction saturates."""
    first = np.clip(inputs[lane[0]] * weights[lane[0]] + inputs[lane[1]] * weights[lane[1]], -(2**15), INT16_MAX)
    second = np.clip(inputs[lane[2]] * weights[lane[2]] + inputs[lane[3]] * weights[lane[3]], -(2**15), INT16_MAX)
    return (first + second + 2**15) % 2**16 - 2**15  # the sum of both wraps


@settings(max_examples=200, deadline=None)
@given(weights=st.lists(st.integers(-127, 127), min_size=8, max_size=8))
def test_a_run_within_the_bound_is_exact_at_its_worst_and_one_beyond_it_is_not(weights):
    kernel = np.array(weights)
    safe = worst_lane_sums(kernel[:, None])[0] <= INT16_MAX
    exact = True
    for sign in (1, -1):
        inputs = np.where(kernel * sign > 0, 255, 0)
        for lane in LANES:
            exact &= lane_of_instructions(inputs, kernel, lane) == (inputs * kernel)[list(lane)].sum()
    # On the negative side int16 has room for one more, which the bound does not use.
    assert exact if safe else not exact or worst_lane_sums(kernel[:, None])[0] == INT16_MAX + 1


def test_worst_sums_are_reached():
    rng = np.random.default_rng(0)
    kernel = rng.integers(-100, 100, (40, 6))
    for signed in (False, True):
        best = np.zeros(6)
        for output in range(6):
            for sign in (1, -1):
                low = -9 if signed else 0
                inputs = np.where(kernel[:, output] * sign > 0, 9, low)
                best[output] = max(best[output], abs(inputs @ kernel[:, output]))
        assert np.array_equal(worst_sums(kernel, 9, signed=signed), best)


def test_lanes_are_numbered_as_the_bound_counts_them():
    kernel = np.zeros((24, 1), np.int64)
    for number in range(6):
        inputs = [number // 2 * 8 + at for at in LANES[number % 2]]
        assert np.flatnonzero(lane_numbers(24) == number).tolist() == inputs
        kernel[:] = 0
        kernel[inputs] = 32
        assert worst_lane_sums(kernel) == 4 * 32 * 255


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.sampled_from([1, 3, 8, 20, 67]),
    kind=st.sampled_from(["normal", "one sign", "few large", "zeros", "tiny"]),
)
def test_rounded_weights_keep_the_bound_whatever_they_are(seed, depth, kind):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(depth, 9))
    if kind == "one sign":
        weights = np.abs(weights) + 5
    elif kind == "few large":
        weights[rng.integers(0, depth, 3)] *= 1000
    elif kind == "zeros":
        weights[:, ::2] = 0
    elif kind == "tiny":
        weights *= 1e-20
    inputs = rng.integers(0, 256, (30, depth)).astype(float)
    moments = inputs.T @ inputs + np.eye(depth) * 1000
    room = pointwise_room(depth)
    for squeeze in (1.0, 0.3):  # a scale that is too fine must be cut, not overflow
        whole = round_weights(weights, moments, finest_scale(weights, room) * squeeze, room)
        assert np.array_equal(whole, np.rint(whole))
        assert np.abs(whole).max() <= 127
        assert worst_lane_sums(whole.astype(np.int64)).max() <= INT16_MAX


@pytest.mark.parametrize("depth", [16, 130])
def test_error_compensation_beats_rounding_to_the_nearest(depth):
    rng = np.random.default_rng(1)
    common = rng.random((400, 1)) * 200
    inputs = np.clip(common + rng.normal(0, 20, (400, depth)), 0, 255)  # correlated, as activations are
    weights = rng.normal(size=(depth, 12))
    room = pointwise_room(depth)
    scale = finest_scale(weights, room) * 4  # coarse, so that rounding matters
    whole = round_weights(weights, inputs.T @ inputs + np.eye(depth), scale, room)
    nearest = np.rint(weights / scale)
    error, plain = (((inputs @ (weights - w * scale)) ** 2).mean() for w in (whole, nearest))
    assert error < 0.2 * plain
