import pytest
from fakes import BATCH, Clock, contender

from tinysight.benchmark import Plan, Watch, interleave
from tinysight.benchmark import noise as noise_module
from tinysight.benchmark.noise import judge, read_ticks

STAT = "cpu  100 5 40 900 20 1 4 30 7 0\ncpu0 50 0 20 450 10 0 2 15 0 0\n"


def test_ticks_of_proc_stat():
    ticks = read_ticks(STAT, 100)
    assert (ticks.busy_s, ticks.steal_s, ticks.total_s) == pytest.approx((1.5, 0.3, 11.0))


@pytest.mark.parametrize(
    ("slowdown", "steal", "foreign", "words"),
    [
        (1.02, 0.001, 0.02, []),
        (1.0, None, None, []),
        (1.2, 0, 0, ["1.20 times"]),
        (1, 0.05, 0, ["5.0% of the processors' time"]),
        (1, 0, 0.8, ["0.80 processors busy"]),
        (2, 0.5, 1, ["2.00 times", "50.0%", "1.00 processors"]),
    ],
)
def test_each_sign_alone_makes_a_result_noisy(slowdown, steal, foreign, words):
    noise = judge(slowdown, steal, foreign)
    assert noise.noisy is bool(words)
    assert [word in reason for word, reason in zip(words, noise.reasons, strict=True)] == [True] * len(words)


@pytest.fixture
def quiet_machine(monkeypatch):
    monkeypatch.setattr(noise_module, "_ticks", lambda: None)


def work_taking(durations, monkeypatch):
    times = iter(durations)
    monkeypatch.setattr(noise_module, "fixed_work", lambda _: next(times))


@pytest.mark.parametrize(("durations", "noisy"), [([1, 1, 1.05, 1], False), ([1, 1.3, 1.4, 1.3], True)])
def test_rounds_say_when_the_fixed_work_slows_down(durations, noisy, monkeypatch, quiet_machine):
    work_taking(durations, monkeypatch)
    clock = Clock()
    plan = Plan(rounds=len(durations), turn_s=1)
    measured = interleave([contender("a", 1, clock)], [BATCH], plan, clock=clock, sleep=clock.sleep)
    assert measured.noise.noisy is noisy


def test_steal_and_other_processes_are_shares_of_the_time_between(monkeypatch):
    clock = Clock()
    moments = iter([(10.0, 1.0, 100.0), (16.0, 2.0, 120.0)])
    monkeypatch.setattr(noise_module, "_ticks", lambda: noise_module._Ticks(*next(moments)))
    own = iter([1.0, 3.0])
    monkeypatch.setattr(noise_module, "own_seconds", lambda: next(own))
    watch = Watch(clock)
    clock.now = 10.0
    result = watch.result()
    assert (result.steal, result.foreign) == pytest.approx((0.05, 0.4))  # (6 busy - 2 own) seconds in 10
    assert result.noisy


def test_a_real_look_takes_time_and_a_lone_one_is_no_slowdown():
    watch = Watch()
    watch.look()
    assert watch.result().slowdown == 1
