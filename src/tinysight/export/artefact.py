"""A file of another program, opened in that program's own runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Artefact(NamedTuple):
    """What came out of an export, ready to be asked.

    Args:
        runtime: name and version of what runs it.
        run: takes uint8 pictures ``(N, R, R, 3)`` prepared by the recipe, returns the file's scores, float32
            ``(N, num_classes)``.
        probabilities: whether the scores are probabilities instead of logits.
        least_db: how close int8 has to come to our int8 there, in decibels.
        labels: the names that the file itself holds, in the order of its outputs; None where it holds none.
    """

    runtime: str
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    labels: tuple[str, ...] | None
    least_db: float = 28.0
    probabilities: bool = False
