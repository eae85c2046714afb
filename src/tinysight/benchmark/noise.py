"""Whether something else used the machine while it was measured.

Three signs, each with its limit: a fixed piece of work that takes longer in some rounds than in others, time that the
hypervisor gave to other machines (steal), and processor time of other processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

LOOP = 20_000  # additions: about half a millisecond
LOOPS = 3  # in a row at each look, of which the fastest counts
# On a quiet machine the median look is within 3 % of the fastest, steal and foreign time are a few thousandths.
MOST_SLOWDOWN = 1.10
MOST_STEAL = 0.01
MOST_FOREIGN = 0.10


class Noise(NamedTuple):
    """How quiet the machine was.

    ``slowdown``: median of the fixed work over its fastest, 1 is perfect; ``steal``: share of all processor time that
    went to other machines; ``foreign``: processors that other processes kept busy on average. The last two are None
    where the system does not say. ``reasons`` say in words which limits were passed.
    """

    slowdown: float
    steal: float | None
    foreign: float | None
    reasons: tuple[str, ...]

    @property
    def noisy(self) -> bool:
        """Whether any limit was passed."""
        return bool(self.reasons)


class _Ticks(NamedTuple):
    busy_s: float
    steal_s: float
    total_s: float


def read_ticks(text: str, ticks_a_second: int) -> _Ticks:
    """Read the first line of ``/proc/stat``: seconds of all processors together since the start of the system."""
    user, nice, system, idle, wait, irq, soft, steal = (int(field) for field in text.split("\n", 1)[0].split()[1:9])
    busy = user + nice + system + irq + soft
    return _Ticks(busy / ticks_a_second, steal / ticks_a_second, (busy + idle + wait + steal) / ticks_a_second)


def _ticks() -> _Ticks | None:
    try:
        return read_ticks(Path("/proc/stat").read_text(encoding="ascii"), os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, AttributeError):
        return None


def fixed_work(clock: Callable[[], float]) -> float:
    """Return the seconds that a fixed piece of work takes now, the fastest of three."""
    best = float("inf")
    for _ in range(LOOPS):
        start = clock()
        total = 0
        for number in range(LOOP):
            total += number
        best = min(best, clock() - start)
    return best


def judge(slowdown: float, steal: float | None, foreign: float | None) -> Noise:
    """Compare the three signs with their limits."""
    reasons = []
    if slowdown > MOST_SLOWDOWN:
        reasons.append(f"a fixed piece of work took {slowdown:.2f} times its fastest in half of the rounds")
    if steal is not None and steal > MOST_STEAL:
        reasons.append(f"the hypervisor gave {steal:.1%} of the processors' time to others")
    if foreign is not None and foreign > MOST_FOREIGN:
        reasons.append(f"other processes kept {foreign:.2f} processors busy")
    return Noise(slowdown, steal, foreign, tuple(reasons))


def own_seconds() -> float:
    """Return the processor time of this process, all its threads, and the children that it has waited for."""
    return sum(os.times()[:4])


class Watch:
    """Looks at the machine between rounds; made when the measurement begins.

    Args:
        clock: seconds.
        own: processor seconds that are the measurement's own, so far.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, own: Callable[[], float] | None = None) -> None:
        self._clock, self._own = clock, own or own_seconds
        self._loops: list[float] = []
        self._start, self._start_s, self._own_s = _ticks(), clock(), self._own()

    def look(self) -> None:
        """Time the fixed work once; for the time between two rounds."""
        self._loops.append(fixed_work(self._clock))

    def result(self) -> Noise:
        """Judge the time since the watch was made."""
        slowdown = median(self._loops) / max(min(self._loops), 1e-9) if self._loops else 1.0
        end, seconds = _ticks(), self._clock() - self._start_s
        if self._start is None or end is None or seconds <= 0:
            return judge(slowdown, None, None)
        steal = (end.steal_s - self._start.steal_s) / max(end.total_s - self._start.total_s, 1e-9)
        busy = end.busy_s - self._start.busy_s - (self._own() - self._own_s)
        return judge(slowdown, max(0.0, steal), max(0.0, busy / seconds))
