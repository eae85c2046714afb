"""A time becomes a way to train: the best that fits, from what a picture costs here."""

import pytest

from tinysight.errors import UsageError
from tinysight.train.budget import Candidate, Choice, candidates, choose, measure, parse_time

MODELS = [("narrow", 0.25), ("wide", 1.0)]
HEAD = Candidate("head", "wide", 1.0, 224)
COST = {("wide", "all-layers", 160): 16e-3, ("wide", "all-layers", 128): 10e-3, ("narrow", "all-layers", 160): 4e-3}
COST |= {("wide", "last-blocks", 224): 3e-3, ("narrow", "all-layers", 128): 2.2e-3}


def cost(way: Candidate) -> float:
    return COST[way.model, way.mode, way.resolution]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5min", 300), ("5 min", 300), ("2m", 120), ("1h", 3600), (" 30S ", 30)]
)
def test_times_are_read(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "min", "-5min", "5 days", "1s", "0h", "nan s", "1e3s", "9999999999h"])
def test_what_is_no_time_is_refused_in_a_line(text):
    with pytest.raises(UsageError, match="budget"):
        parse_time(text)


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0.5, ("wide", "head", 224)),
        (1.5, ("narrow", "all-layers", 128)),
        (2, ("wide", "last-blocks", 224)),
        (3, ("narrow", "all-layers", 160)),
        (5, ("wide", "all-layers", 128)),
        (10, ("wide", "all-layers", 160)),
    ],
)
def test_more_time_buys_a_better_way(minutes, expected):
    found = choose(minutes * 60, 2800, candidates(MODELS), cost, HEAD)
    assert (found.candidate.model, found.candidate.mode, found.candidate.resolution) == expected


def test_the_steps_fit_into_the_time():
    found = choose(600, 2800, candidates(MODELS), cost, HEAD)
    assert found.epochs * 2800 * cost(found.candidate) <= 0.7 * 600
    assert found.epochs >= 6


def test_ways_are_measured_only_until_one_fits():
    asked = []
    choose(1e5, 100, candidates(MODELS), lambda way: asked.append(way) or 1e-3, HEAD)
    assert asked == candidates(MODELS)[:1]


def test_a_few_pictures_do_not_make_endless_epochs():
    assert choose(3600, 10, candidates(MODELS), cost, HEAD) == Choice(candidates(MODELS)[0], 40)


def test_a_step_is_measured():
    torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
    before = torch.random.get_rng_state()
    whole = measure(Candidate("all-layers", "x", 0.25, 64), batch_size=4, steps=2)
    assert 0 < measure(Candidate("last-blocks", "x", 0.25, 64), batch_size=4, steps=2) < 1
    assert 0 < whole < 1
    assert torch.equal(torch.random.get_rng_state(), before)
