"""Contenders in turns, A B A B, in one process.

What disturbs a machine lasts longer than a turn, so that it hits all contenders alike, and ratios hold where times do
not. Before each turn there is a pause, because the threads of some runtimes go on spinning after a call and would take
the next contender's processors, and a few calls that do not count, because the other's data are in the caches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinysight.benchmark.contender import Contender, Pixels
from tinysight.benchmark.noise import Noise, Watch
from tinysight.errors import UsageError


class Plan(NamedTuple):
    """How long to measure.

    Args:
        rounds: turns of each contender.
        turn_s: seconds of a turn, at least; it ends with the call in which they pass.
        fewest_calls: in a turn, for contenders slower than that.
        warm_up: calls at the start of a turn that do not count.
        pause_s: before a turn.
    """

    rounds: int = 15
    turn_s: float = 0.2
    fewest_calls: int = 3
    warm_up: int = 2
    pause_s: float = 0.03


class Measurement(NamedTuple):
    """Seconds of each call: ``times[contender's label][round]``; and how quiet the machine was."""

    times: dict[str, list[list[float]]]
    noise: Noise


def interleave(
    contenders: Sequence[Contender],
    batches: Sequence[Pixels],
    plan: Plan | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Measurement:
    """Time contenders in turns.

    Args:
        contenders: with different labels.
        batches: each uint8 ``(N, R, R, 3)``; a round uses one of them for all contenders, the next round the next.
        plan: how long.
        clock: seconds; another one for tests.
        sleep: waits; another one for tests.

    Raises:
        UsageError: two contenders of the same label, no contender, no batch or no round.
    """
    plan = plan or Plan()
    labels = [contender.label for contender in contenders]
    if len(set(labels)) != len(labels):
        raise UsageError(f"contenders must have different labels, received {', '.join(labels)}")
    if not contenders or not batches or plan.rounds < 1:
        raise UsageError("a benchmark needs at least one contender, one batch and one round")
    times: dict[str, list[list[float]]] = {label: [] for label in labels}
    inputs = [[contender.prepare(batch) for batch in batches] for contender in contenders]
    watch = Watch(clock)
    for number in range(plan.rounds):
        watch.look()
        for contender, prepared in zip(contenders, inputs, strict=True):
            sleep(plan.pause_s)
            times[contender.label].append(_turn(contender, prepared[number % len(batches)], plan, clock))
    return Measurement(times, watch.result())


def _turn(contender: Contender, prepared: Any, plan: Plan, clock: Callable[[], float]) -> list[float]:
    run = contender.run
    for _ in range(plan.warm_up):
        run(prepared)
    seconds: list[float] = []
    begin = now = clock()
    while now - begin < plan.turn_s or len(seconds) < plan.fewest_calls:
        start = clock()
        run(prepared)
        now = clock()
        seconds.append(now - start)
    return seconds
