import pytest
from fakes import BATCH, Clock, contender

from tinysight.benchmark import Plan, check_names, interleave, missed, parse_gate
from tinysight.errors import UsageError


@pytest.fixture
def measured():
    clock = Clock()
    speeds = {("float32", 1): 4.0, ("float32", 2): 3.0, ("int8", 1): 2.0, ("int8", 2): 2.0}
    contenders = [
        contender("native", seconds, clock, precision=precision, threads=threads)
        for (precision, threads), seconds in speeds.items()
    ]
    return contenders, interleave(contenders, [BATCH], Plan(rounds=2, turn_s=1), clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("int8/float32=1.5", []),
        ("int8:1/float32:1=2", []),
        ("int8:1/float32:1=2.01", ["native:int8:1 is 2.00 times as fast as native:float32:1, wanted 2.01"]),
        ("int8/float32=1.8", ["native:int8:2 is 1.50 times as fast as native:float32:2, wanted 1.8"]),
        ("float32:2/float32:1=1.3", []),
        ("2/1=1.2", ["native:int8:2 is 1.00 times as fast as native:int8:1, wanted 1.2"]),
    ],
)
def test_a_gate_compares_those_that_differ_in_nothing_else(text, lines, measured):
    contenders, result = measured
    gates = [parse_gate(text)]
    check_names(gates, contenders)
    assert [line for line in missed(gates, contenders, result) if "noisy" not in line] == lines


@pytest.mark.parametrize("text", ["int8=2", "int8/float32", "/a=1", "a/=1", "a/b=x", "a/b=nan", "a/b=0", "a/b=-1", ""])
def test_a_gate_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match="FASTER/SLOWER=RATIO"):
        parse_gate(text)


def test_a_gate_that_compares_nothing_is_refused(measured):
    with pytest.raises(UsageError, match=r"int4/float32=1.*native:float32:1, native:float32:2"):
        check_names([parse_gate("int4/float32=1")], measured[0])


def test_a_missed_gate_says_that_the_machine_was_noisy(measured):
    contenders, result = measured
    noisy = result._replace(noise=result.noise._replace(reasons=("others were busy",)))
    lines = missed([parse_gate("int8:1/float32:1=9")], contenders, noisy)
    assert lines[-1] == "the machine was noisy: others were busy"
