"""Streams of random numbers: each a function of the seed, what it is for, and where in the run it is.

Nothing has to be remembered to go on where a run stopped, and streams of different purposes or places are independent.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of chance is for."""

    ORDER = 1
    PICTURE = 2
    MIXING = 3
    START = 4
    VIEWS = 5
    ACTIVATION_MIXING = 6


def stream(seed: int, purpose: Purpose, *place: int) -> np.random.Generator:
    """Return a new stream.

    Args:
        seed: of the run, from 0.
        purpose: what it is for.
        place: numbers from 0 that say where: epoch, step, picture, rank.
    """
    # A spawn key, not more numbers behind the seed: SeedSequence([1]) and SeedSequence([1, 0]) are the same.
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(int(purpose), *place))))
