"""A file of another program, opened in that program's own runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card


class Artefact(NamedTuple):
    """What came out of an export, ready to be asked.

    Args:
        runtime: name and version of what runs it.
        run: takes uint8 pictures ``(N, R, R, 3)`` prepared by the recipe, returns the file's scores, float32
            ``(N, num_classes)``.
        probabilities: whether the scores are probabilities instead of logits.
        least_db: how close int8 has to come to our int8 there, in decibels.
        labels: the names that the file itself holds, in the order of its outputs; None where it holds none.
        card: the card that the file holds; None where it holds none.
        batch: pictures in a run, where that is fixed; fewer take as long.
    """

    runtime: str
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    labels: tuple[str, ...] | None
    card: Card | None = None
    batch: int = 1
    least_db: float = 28.0
    probabilities: bool = False


def in_batches(
    run: Callable[[NDArray[Any]], NDArray[np.float32]], values: NDArray[Any], size: int
) -> NDArray[np.float32]:
    """Run pictures ``size`` at a time, for runtimes that take no other number.

    Args:
        run: takes ``(size, R, R, 3)`` and returns scores ``(size, num_classes)``.
        values: ``(N, R, R, 3)``, N >= 1; the last batch is filled up with the last picture.
        size: pictures in a run, >= 1.

    Returns:
        float32 ``(N, num_classes)``.
    """
    answers = []
    for start in range(0, len(values), size):
        batch = values[start : start + size]
        missing = size - len(batch)
        if missing:
            batch = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        answers.append(run(np.ascontiguousarray(batch))[: size - missing])
    return np.concatenate(answers)
