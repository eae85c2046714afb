import itertools

import numpy as np
import pytest
from fakes import BATCH, Clock, contender

from tinysight.benchmark import Contender, Plan, interleave
from tinysight.errors import UsageError

PLAN = Plan(rounds=3, turn_s=1.0, fewest_calls=2, warm_up=1, pause_s=0.25)


def test_contenders_take_turns_a_b_a_b():
    clock, log = Clock(), []
    pair = [contender("a", 0.5, clock, log), contender("b", 2.0, clock, log)]
    measured = interleave(pair, [BATCH], PLAN, clock=clock, sleep=clock.sleep)
    turns = [(name, len(list(calls))) for name, calls in itertools.groupby(log)]
    assert turns == [("a", 3), ("b", 3)] * 3  # one call to warm up; then a second, but two calls at least
    assert measured.times == {"a:float32:1": [[0.5, 0.5]] * 3, "b:float32:1": [[2.0, 2.0]] * 3}


def test_warm_up_is_not_counted():
    clock = Clock()
    slow_start = contender("a", itertools.chain([100.0], itertools.repeat(0.5)), clock)
    measured = interleave([slow_start], [BATCH], PLAN._replace(rounds=1), clock=clock, sleep=clock.sleep)
    assert measured.times["a:float32:1"] == [[0.5, 0.5]]


def test_a_pause_comes_before_each_turn():
    clock, pauses = Clock(), []
    interleave([contender("a", 1, clock), contender("b", 1, clock)], [BATCH], PLAN, clock=clock, sleep=pauses.append)
    assert pauses == [0.25] * 6


def test_a_round_gives_all_the_same_batch_and_preparing_is_not_timed():
    clock, seen = Clock(), []

    def prepare(images):
        clock.now += 50
        return int(images[0, 0, 0, 0])

    def spy(name):
        def run(prepared):
            clock.now += 1
            seen.append((name, prepared))

        return Contender(name, "float32", 1, run, prepare)

    batches = [np.full_like(BATCH, value) for value in (7, 8)]
    measured = interleave([spy("a"), spy("b")], batches, PLAN, clock=clock, sleep=clock.sleep)
    assert dict.fromkeys(seen) == dict.fromkeys([("a", 7), ("b", 7), ("a", 8), ("b", 8)])
    assert [value for value, _ in itertools.groupby(value for _, value in seen)] == [7, 8, 7]
    assert all(call == 1 for rounds in measured.times.values() for one in rounds for call in one)


@pytest.mark.parametrize(
    ("names", "batches", "rounds", "message"),
    [
        (["a", "a"], [BATCH], 1, "different labels"),
        ([], [BATCH], 1, "at least one"),
        (["a"], [], 1, "at least one"),
        (["a"], [BATCH], 0, "at least one"),
    ],
)
def test_what_cannot_be_measured_is_refused(names, batches, rounds, message):
    clock = Clock()
    with pytest.raises(UsageError, match=message):
        interleave([contender(name, 1, clock) for name in names], batches, Plan(rounds=rounds))


def test_logits_fill_the_last_batch_and_give_as_many_answers_as_pictures():
    sizes = []

    def run(images):
        sizes.append(len(images))
        return images[:, 0, 0, :1].astype(np.float32)

    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    assert Contender("a", "float32", 1, run).logits(images, 2).ravel().tolist() == [0, 1, 2, 3, 4]
    assert sizes == [2, 2, 2]
