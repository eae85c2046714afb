"""A clock that moves only when a contender works or someone sleeps."""

from __future__ import annotations

import numpy as np

from tinysight.benchmark import Contender


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def contender(name, seconds, clock, log=None, precision="float32", threads=1, answer=0):
    """Takes ``seconds`` a call (a number, or one for each call) and always names class ``answer`` of three."""
    durations = iter(seconds) if hasattr(seconds, "__iter__") else None

    def run(images):
        clock.now += next(durations) if durations else seconds
        if log is not None:
            log.append(name)
        return np.eye(3, dtype=np.float32)[[answer] * len(images)]

    return Contender(name, precision, threads, run)


BATCH = np.zeros((1, 4, 4, 3), np.uint8)
