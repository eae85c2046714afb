"""The worst mistakes as pictures: what the model saw, what it said, and the evidence it found for both classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.classify import Classifier
from tinysight.errors import ImageError
from tinysight.evaluate.run import Evaluation
from tinysight.explain import explain
from tinysight.preprocess import encode_png, resize

MISTAKES = 12
SIDE_PX = 200  # of the longer side: what a card of the report shows, on a sharp screen half of it
LEVELS_STEP = 4  # the lowest two bits are noise to the eye, and half of a PNG's size


@dataclass(frozen=True, eq=False, slots=True)
class Mistake:
    """One picture that was named wrong, its drawings as PNG files of at most 200 px.

    Args:
        path: the picture.
        said: class that the model named, with its probability 0..1.
        true: class that the data gives, with the probability that the model gave it.
        picture: as it is.
        said_heat: with the evidence for the class that was named.
        true_heat: with the evidence for the class that the data gives.
    """

    path: Path
    said: tuple[int, float]
    true: tuple[int, float]
    picture: bytes
    said_heat: bytes
    true_heat: bytes


def worst_mistakes(evaluation: Evaluation, limit: int = MISTAKES) -> NDArray[np.intp]:
    """Return the pictures named wrong, the most confident first: indexes into the evaluation's pictures."""
    wrong = np.flatnonzero(~evaluation.correct)
    confidence = evaluation.probabilities[wrong].max(axis=1)
    worst: NDArray[np.intp] = wrong[np.argsort(-confidence, kind="stable")][:limit]
    return worst


def draw_mistakes(
    classifier: Classifier,
    evaluation: Evaluation,
    limit: int = MISTAKES,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[Mistake, ...]:
    """Draw the worst mistakes.

    Args:
        classifier: the one that was evaluated.
        evaluation: what it said.
        limit: how many at most.
        progress: called with mistakes drawn and in all.

    Returns:
        The most confident first; a picture that cannot be read any more is left out.
    """
    drawn: list[Mistake] = []
    chosen = worst_mistakes(evaluation, limit).tolist()
    for done, index in enumerate(chosen, 1):
        path, true = evaluation.paths[index], int(evaluation.truth[index])
        try:
            said, other = explain(classifier, path), explain(classifier, path, true)
        except ImageError:
            continue
        drawn.append(
            Mistake(
                path,
                (said.prediction.index, said.prediction.probability),
                (true, other.prediction.probability),
                *(_thumbnail(pixels) for pixels in (said.pixels, said.overlay(), other.overlay())),
            )
        )
        if progress is not None:
            progress(done, len(chosen))
    return tuple(drawn)


def _thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    small = resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    return encode_png((small // LEVELS_STEP * LEVELS_STEP + LEVELS_STEP // 2).astype(np.uint8))
